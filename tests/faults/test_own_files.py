"""A foreign project with a Dockerfile, a stage, a settings module and a `.env` of its own, over its mounted source.

Its stack is the one of `tests/e2e/test_foreign_project.py`; three updates of it take half a minute.
"""

from pathlib import Path

import pytest

from tests.e2e.stacks import Stack
from tests.e2e.test_foreign_project import END, foreign, site  # noqa: F401  # fixtures

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.faults]

BUNDLE = "ARG FLAVOUR=none\nRUN mkdir -p dist && echo $FLAVOUR > dist/bundle\n"


def test_its_own_dockerfile_stage_settings_module_env_file_and_what_the_image_built(
    foreign: Stack,  # noqa: F811
    site: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    (site / "deploy").mkdir()
    dockerfile = (site / "Dockerfile").read_text().replace("FROM ${PYTHON_IMAGE}", "FROM ${PYTHON_IMAGE} AS site")
    dockerfile = dockerfile.replace("USER 10001", f"{BUNDLE}USER 10001")
    (site / "deploy" / "Dockerfile").write_text(f"{dockerfile}\nFROM site AS last\nRUN exit 1\n")
    (site / "mysite" / "stack.py").write_text(f"from mysite.settings import *\n{END}SITE_NAME = 'ours'\n")
    (tmp_path / ".env").write_text("API_TOKEN=never-in-plain-text-1\nCITY=Bern\nDATABASE_URL=postgres://x@nowhere/x\n")
    own = {
        **{"dockerfile": "deploy/Dockerfile", "build_target": "site", "build_args": {"FLAVOUR": "vanilla"}},
        **{"settings_module": "mysite.stack", "env_file": str(tmp_path / ".env")},
        **{"mount_source": True, "mount_exclude": "dist"},
    }
    with foreign.configured(**own):
        said = foreign.up().stdout
        foreign.up("--expect-no-changes")
        web = foreign.container("web")
        assert web.exec_run(["cat", "dist/bundle"]).output == b"vanilla\n"
        assert list((site / "dist").iterdir()) == [], "the image's content stays in the image"
        asked = (
            "from django.conf import settings as s; import os; "
            "print(s.SITE_NAME, s.SETTINGS_MODULE, os.environ['CITY'])"
        )
        shown = web.exec_run(["python", "manage.py", "shell", "-v", "0", "-c", asked]).output.decode()
        assert shown.split() == ["ours", "mysite.stack", "Bern"]
        assert "left out of" in said
        assert "DATABASE_URL" in said
        assert "never-in-plain-text-1" in str(web.attrs["Config"]["Env"])
        assert "never-in-plain-text-1" not in foreign.run("pulumi", "stack", "export", "--stack", foreign.name).stdout
