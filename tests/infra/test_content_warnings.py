"""Odd things in an app's folder that Pulumi's Docker plugin ends at: said before, with a command that mends it."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pulumi
import pytest

from infra.content import content_hash, read_content, warnings


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "app"
    (folder / "run").mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY . .\n")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.report("docker-library/postgres#708")
def test_a_socket_is_named_with_a_command_that_leaves_it_out(context: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(context / "run" / "gunicorn.ctl"))
    (said,) = warnings(context, read_content(context, {}))
    assert said.startswith(f"run/gunicorn.ctl of {context} is a socket")
    subprocess.run(["sh", "-c", said.partition("Leave it out: ")[2]], check=True, timeout=10)
    assert warnings(context, read_content(context, {})) == []


@pytest.mark.report("docker-library/postgres#708")
def test_a_folder_in_place_of_the_ignore_file_is_moved_away(context: Path) -> None:
    (context / ".dockerignore").mkdir()
    with pytest.raises(pulumi.RunError, match=r"\.dockerignore in it can't be read \(Is a directory\)") as error:
        content_hash(context, {})
    subprocess.run(["sh", "-c", str(error.value).partition(" Fix: ")[2]], check=True, timeout=10)
    assert content_hash(context, {})


@pytest.mark.report("aws-cdk#6072")
@pytest.mark.parametrize(
    ("lines", "warned"),
    [
        ("COPY . .\nUSER app", True),
        ("COPY . .\n\tUSER\tapp", True),
        ("COPY --chown=app . .\nUSER app", False),
        ("COPY --chmod=755 . .\nUSER app", False),
        ("COPY --chown=app a .\nCOPY . .\nUSER app", True),
        ("COPY . .\nFROM scratch\nCOPY --chown=app . .\nUSER app", False),
    ],
)
def test_modes_are_warned_of_where_the_image_keeps_them(context: Path, lines: str, warned: bool) -> None:
    (context / "Dockerfile").write_text(f"FROM scratch\n{lines}\n")
    (context / "run").chmod(0o755)
    (context / "key.py").touch(mode=0o600)
    assert bool(warnings(context, read_content(context, {}))) is warned


@pytest.mark.report("aws-cdk#6072")
def test_a_tab_after_an_instruction_is_a_space(context: Path) -> None:
    (context / "Dockerfile").write_text("FROM scratch\nRUN chmod -R u=rwX,go=rX .\nCOPY\t. .\n")
    (context / "a.py").touch(mode=0o644)
    before = content_hash(context, {})
    (context / "a.py").chmod(0o600)
    assert content_hash(context, {}) != before
