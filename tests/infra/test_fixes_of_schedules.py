"""Every error about schedules proposes a command: pasted into a shell, with the real `pulumi`, it mends them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.infra.projects import Project
from tests.infra.test_fixes import mend

pytestmark = pytest.mark.pulumi

WRONG = """platform: local
schedules:
    seconds:
      command: python manage.py sweep
      cron: "0 */5 * * * *"
      timezone: Zurich
    nickname:
      command: python manage.py sweep > /dev/null
      cron: "@daily"
      timeout: 10m
    quartz:
      comand: python manage.py sweep
      cron: 0 12 ? * MON
      enabled: "off"
    never:
      command: python manage.py sweep
      cron: 0 0 31 2 *
      time-zone: UTC
    number:
      command: python manage.py sweep
      cron: 5"""
SWEEP = ("python", "manage.py", "sweep")
MENDED = {
    "seconds": (SWEEP, "*/5 * * * *", "Europe/Zurich", 3600, True),
    "nickname": (("sh", "-c", "exec python manage.py sweep > /dev/null"), "0 0 * * *", "UTC", 3600, True),
    "quartz": (SWEEP, "0 12 * * MON", "UTC", 3600, False),
    "never": (SWEEP, "0 3 * * *", "UTC", 3600, True),
    "number": (SWEEP, "0 3 * * *", "UTC", 3600, True),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path, monkeypatch, "django-stack", "dev")


def as_yaml(project: Project) -> None:
    project.write(WRONG)


def as_one_text(project: Project) -> None:
    """What `pulumi config set schedules '{…}'` stores."""
    as_yaml(project)
    text = project.config()["django-stack:schedules"]["value"]
    project.write(f"platform: local\nschedules: {json.dumps(text)}")


@pytest.mark.parametrize("write", [as_yaml, as_one_text])
def test_fixes_mend_schedules_that_are_all_wrong(project: Project, write: Callable[[Project], None]) -> None:
    write(project)
    mend(project)
    found = project.load().schedules
    assert {n: (s.command, s.cron, s.timezone, s.timeout, s.enabled) for n, s in found.items()} == MENDED
