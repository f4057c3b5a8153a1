"""No secret of any stack is left in plain text, but in the environment of its containers: not in the state, not in what
was printed, not in an image, not in Docker's books, not on a command line.
"""

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.stacks import Stack
from tests.e2e.visitors import Visitor

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]


@pytest.fixture(scope="module")
def known(stacks: list[Stack], serving: Stack) -> dict[str, set[str]]:
    """Each stack's secrets by its name, those of passwords that it no longer has included."""
    for stack in stacks:
        if stack.container("web"):
            stack.outputs()
    assert len(serving.secrets) >= 4
    return {stack.name: stack.secrets | {stack.admin_password} - {""} for stack in stacks}


def test_no_secret_is_in_the_state_its_history_or_its_backups(
    stacks: list[Stack], serving: Stack, known: dict[str, set[str]]
) -> None:
    for stack in stacks:
        for path in (stack.folder / "state").rglob("*"):
            text = path.read_text(errors="replace") if path.is_file() else ""
            assert not [secret for secret in known[stack.name] if secret in text], path
    searched = serving.folder / "state" / ".pulumi"
    for kind in ("stacks", "history", "backups"):
        assert any(serving.url in path.read_text() for path in (searched / kind).rglob("*.json")), kind


def test_no_secret_was_printed(stacks: list[Stack], serving: Stack, known: dict[str, set[str]]) -> None:
    assert serving.url in serving.log
    for stack in stacks:
        assert not [secret for secret in known[stack.name] if secret in stack.log], stack.name


def test_no_secret_is_in_an_image(stacks: list[Stack], known: dict[str, set[str]]) -> None:
    for stack in stacks:
        for image in stack.engine.images.list(filters={"reference": f"django-stack/{stack.name}"}):
            text = json.dumps([image.history(), image.attrs])
            assert "gunicorn" in text
            assert not [secret for secret in known[stack.name] if secret in text], image.tags


def test_no_secret_is_in_the_sandbox_nor_in_pulumis_own_folder(stacks: list[Stack], known: dict[str, set[str]]) -> None:
    every = [secret.encode() for secret in set().union(*known.values())]
    home = Path.home() / ".pulumi"
    searched = set()  # by content: every state has backups of itself, every stack a copy of the app

    def search(path: Path) -> None:
        content = path.read_bytes()
        if (digest := hashlib.sha256(content).digest()) not in searched:
            searched.add(digest)
            assert not any(secret in content for secret in every), path

    for stack in stacks:
        for path in files(stack.folder):
            search(path)
    for folder in ("logs", "workspaces", "history"):
        for path in list(files(home / folder)):
            with suppress(FileNotFoundError):  # any pulumi on this machine removes its own
                search(path)


def files(folder: Path) -> Iterator[Path]:
    """The files below a folder, what links lead to aside."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            continue
        yield from files(path) if path.is_dir() else (path,)


def test_docker_knows_secrets_as_the_containers_environment_alone(
    stacks: list[Stack], serving: Stack, known: dict[str, set[str]]
) -> None:
    for stack in stacks:
        for container in stack.containers():
            attrs = dict(container.attrs, Config=dict(container.attrs["Config"], Env=[]))
            assert shown(known[stack.name], attrs) == [], container.name
            assert shown(known[stack.name], container.logs().decode(errors="replace")) == [], container.name
        for thing in (*stack.networks(), *stack.volumes()):
            assert shown(known[stack.name], thing.attrs) == [], thing.name
    environment = serving.container("web").attrs["Config"]["Env"]
    assert shown(known[serving.name], environment), "where they must be"


def test_no_command_line_and_no_event_of_docker_shows_a_secret_while_an_update_runs(serving: Stack) -> None:
    before = serving.outputs()
    begin = int(time.time())
    with command_lines() as lines:
        serving.container("web").remove(force=True)
        serving.container("database").remove(force=True)
        with serving.configured(release_commands=["python manage.py migrate --noinput", "python manage.py check"]):
            serving.up("--refresh")
        Visitor(serving).upload("While somebody looks")
    serving.up()
    secrets = serving.secrets | {serving.admin_password}
    assert before["SECRET_KEY"] in secrets
    steps = [f"infra.local.steps.{step}" for step in ("set_password", "release", "rollout")]
    for what in (*steps, "manage.py migrate"):
        assert any(what in line for line in lines), f"{what} was not seen at work"
    assert shown(secrets, sorted(lines)) == []
    events = list(serving.engine.events(since=begin, until=int(time.time()) + 1, decode=True))
    assert any(event["Type"] == "container" for event in events)
    assert shown(secrets, events) == []


@contextmanager
def command_lines() -> Iterator[set[str]]:
    """The command lines of all processes that were seen on this machine, those in containers included.

    A process that has been there for a second is looked at once a second from then on: few become another so late.
    """
    seen: set[str] = set()
    stop = threading.Event()

    def look() -> None:
        first: dict[int, float] = {}
        all_again = 0.0
        while not stop.wait(0.01):
            now = time.monotonic()
            pids = set(psutil.pids())
            first = {pid: first.get(pid, now) for pid in pids}
            if every_one := now > all_again:
                all_again = now + 1
            for pid in pids:
                if every_one or now - first[pid] < 1:
                    with suppress(OSError):
                        line = Path(f"/proc/{pid}/cmdline").read_bytes()
                        seen.add(line.replace(b"\0", b" ").decode(errors="replace"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def shown(secrets: set[str], what: Any) -> list[str]:
    """The secrets that can be read in something, as it is or in JSON."""
    text = what if isinstance(what, str) else json.dumps(what, default=str)
    return [re.sub(r"(?<=...).", "*", secret) for secret in secrets if secret in text]
