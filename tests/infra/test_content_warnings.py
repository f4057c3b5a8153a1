"""Warnings about files that don't belong in an image or make its build fail, each with a command that fixes it."""

import os
import shlex
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.content import content_hash, image_tag, read_content, warnings
from tests import ROOT
from tests.infra.build_contexts import build_context


@pytest.fixture
def context(tmp_path: Path) -> Path:
    return build_context(tmp_path)


def pasted(context: Path) -> list[str]:
    """Warnings of a context, and what is left of them when the command in the first was run."""
    (warning,) = warnings(context, read_content(context, {}))
    subprocess.run(["sh", "-euc", warning.partition("Leave it out: ")[2]], check=True, cwd="/")
    return warnings(context, read_content(context, {}))


@pytest.mark.report("joining friction 6")
@pytest.mark.parametrize("ignore", [None, "*.log", "*.log\n"])
def test_what_has_no_business_in_an_image_is_named_with_a_command_that_leaves_it_out(
    context: Path, ignore: str | None
) -> None:
    for name in (".git", "sub/node_modules", "sub/__pycache__", ".venv"):
        (context / name).mkdir(parents=True)
        (context / name / "file").write_text("")
    (context / "sub" / ".env").write_text("TOKEN=secret")
    (context / "sub" / ".env.example").write_text("TOKEN=")
    (context / ".dockerignore").unlink()
    if ignore is not None:
        (context / ".dockerignore").write_text(ignore)
    (warning,) = warnings(context, read_content(context, {}))
    assert ".git, .venv, sub/__pycache__ and 2 more" in warning
    assert "such as a commit, makes a new image" in warning
    assert "can read the secrets in sub/.env." in warning
    assert pasted(context) == []
    lines = (context / ".dockerignore").read_text().splitlines()
    assert lines == [*(ignore or "").splitlines(), ".git", ".venv", "**/__pycache__", "**/node_modules", "sub/.env"]


@pytest.mark.parametrize("platform", ["local", "cloud"])
def test_the_program_warns_of_it(
    program: Callable[..., object], context: Path, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    logged: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", logged.append)
    (context / ".git").mkdir()
    program({"app-path": str(context)}, platform=platform)
    (warning,) = logged
    assert warning.endswith(f"Leave it out: printf '%s\\n' .git >> {context}/.dockerignore")


def test_a_large_context_is_named(context: Path) -> None:
    with (context / "large").open("wb") as large:
        large.truncate(120_000_000)
    (warning,) = warnings(context, read_content(context, {}))
    assert "120 MB" in warning
    assert shlex.quote(str(context)) in warning


def test_a_link_that_leads_nowhere_is_named(context: Path) -> None:
    (context / "[link]").symlink_to("nowhere")
    assert pasted(context) == []


@pytest.mark.report("aws-cdk#6072")
def test_files_that_the_images_user_cannot_read_are_named(context: Path) -> None:
    (context / "code.py").chmod(0o600)
    (warning,) = warnings(context, read_content(context, {}))
    assert "code.py" in warning
    subprocess.run(["sh", "-euc", warning.partition("Make it readable: ")[2]], check=True)
    assert warnings(context, read_content(context, {})) == []
    (context / "code.py").chmod(0o600)
    (context / "Dockerfile").write_text("FROM scratch\nCOPY . .\nUSER root\n")
    assert warnings(context, read_content(context, {})) == []


@pytest.mark.report("aws-cdk#6072")
def test_only_what_is_named_is_made_readable_on_this_machine(context: Path) -> None:
    """Not what the image leaves out, nor secrets, which are to be left out as well."""
    (context / ".dockerignore").write_text("db.sqlite3\n")
    for name in ("db.sqlite3", ".env", "a file's name", "code.py"):
        (context / name).touch(mode=0o600)
        (context / name).chmod(0o600)
    (context / "folder").chmod(0o700)
    secret, warning = warnings(context, read_content(context, {}))
    assert secret.startswith(".env of ")
    subprocess.run(["sh", "-euc", warning.partition("Make it readable: ")[2]], check=True)
    modes = {path.name: f"{path.stat().st_mode & 0o777:o}" for path in context.iterdir()}
    assert modes["db.sqlite3"] == modes[".env"] == "600"
    assert (modes["a file's name"], modes["code.py"], modes["folder"]) == ("644", "644", "755")
    assert warnings(context, read_content(context, {})) == [secret]


@pytest.mark.report("aws-cdk#6072")
@pytest.mark.parametrize("names", [["a", "b", "c", "d"], ["line\nfeed"]])
def test_the_modes_of_many_files_are_changed_in_the_image_alone(context: Path, names: list[str]) -> None:
    for name in names:
        (context / name).touch(mode=0o600)
    (warning,) = warnings(context, read_content(context, {}))
    assert f"add to {context}/Dockerfile, after the last COPY and before USER, the line RUN find" in warning
    line = warning.partition("the line ")[2]
    assert line in (ROOT / "app" / "Dockerfile").read_text()
    (context / "Dockerfile").write_text(f"FROM scratch\nCOPY . .\n{line}\nUSER app\n")
    assert warnings(context, read_content(context, {})) == []


def test_the_gallery_gives_no_warning() -> None:
    assert warnings(ROOT / "app", read_content(ROOT / "app", {})) == []
    assert image_tag(ROOT / "app", {}) == content_hash(ROOT / "app", {})[:12]


@pytest.mark.report("docker-library/postgres#708")
def test_a_socket_is_named_with_a_command_that_leaves_it_out(context: Path) -> None:
    (context / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(context / "run" / "gunicorn.ctl"))
    (message,) = warnings(context, read_content(context, {}))
    assert message.startswith(f"run/gunicorn.ctl of {context} is a socket")
    subprocess.run(["sh", "-c", message.partition("Leave it out: ")[2]], check=True, timeout=10)
    assert warnings(context, read_content(context, {})) == []


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
    (context / "key.py").touch(mode=0o600)
    assert bool(warnings(context, read_content(context, {}))) is warned
