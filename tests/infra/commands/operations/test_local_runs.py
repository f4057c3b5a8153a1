"""What becomes of a one-off container when docker's command line, which shows its output, ends. Both are scripted."""

import os
from itertools import chain, repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError, NotFound
from requests import Response

from infra.commands import stack
from infra.commands.operations.local import StackOperations

RUN = "shop-local-run-0a1b2c3d"
ATTACH = f"django-stack run -s local --attach {RUN}"


class Engine:
    """An engine with one run; `state` is what the engine says of it when the client has ended, None for gone."""

    def __init__(self, state: dict[str, Any] | None) -> None:
        self.state = state
        self.did: list[str] = []
        self.containers = SimpleNamespace(list=lambda **_: [self._found()], get=self._get)
        self.api = SimpleNamespace(
            create_container=lambda *_, **__: {"Id": "id"},
            create_host_config=lambda **_: {},
            remove_container=lambda identity, **_: self.did.append("remove"),
        )

    def _found(self) -> Any:
        found = SimpleNamespace(name=RUN, id="id", attrs={"State": self.state}, stop=self._stop)
        found.reload = lambda: self._get("id")
        return found

    def _get(self, identity: str) -> Any:
        if self.state is None:
            raise NotFound(identity)
        return self._found()

    def _stop(self, timeout: int) -> None:
        self.did.append("stop")
        if self.state and self.state["Running"]:
            self.state |= {"Running": False, "ExitCode": 143}


@pytest.fixture
def operations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(stack, "project_name", lambda: "shop")

    def made(engine: Engine, client: str) -> StackOperations:
        program = tmp_path / "docker"
        program.write_text(f"#!/bin/sh\n{client}\n")
        program.chmod(0o755)
        monkeypatch.setattr(stack, "engine", lambda: engine)
        return StackOperations("local", {})

    return made


@pytest.mark.parametrize(
    ("client", "status"),
    [("kill -PIPE $$", 141), ("exit 3", 3), ("exit 0", 1)],  # none of them is the run's own status
)
def test_a_detached_run_outlives_the_client_that_shows_its_output(
    operations: Any, capfd: pytest.CaptureFixture[str], client: str, status: int
) -> None:
    """`--attach RUN | head` ends the client."""
    engine = Engine({"Running": True, "ExitCode": 0})
    assert operations(engine, client).attach(RUN) == status
    assert engine.did == []
    assert capfd.readouterr().err == f"The run goes on. Its output and end: {ATTACH}\n"


@pytest.mark.parametrize("client", ["exit 0", "kill -PIPE $$"])
@pytest.mark.parametrize("status", [0, 3])
def test_a_detached_run_that_has_ended_is_removed_and_its_status_is_its_own(
    operations: Any, client: str, status: int
) -> None:
    engine = Engine({"Running": False, "ExitCode": status})
    assert operations(engine, client).attach(RUN) == status
    assert engine.did == ["remove"]


@pytest.mark.parametrize("refusal", [NotFound, APIError])
def test_a_program_that_can_not_be_asked_says_why(
    operations: Any, monkeypatch: pytest.MonkeyPatch, refusal: type[APIError]
) -> None:
    """As when an update replaces the container; `doctor` and `compare` then say so."""

    def refuse(*_: object, **__: object) -> None:
        raise refusal("refused", explanation="container 0a1b is not running")

    monkeypatch.setattr(stack, "web", lambda *_: SimpleNamespace(exec_run=refuse))
    assert operations(Engine(None), "exit 0").output(["ls"]) == (1, "container 0a1b is not running")


@pytest.mark.parametrize(
    ("losses", "answer"), [(0, (0, "[X] app.0001")), (1, (0, "[X] app.0001")), (99, (1, "python printed nothing\n"))]
)
def test_a_program_whose_output_the_engine_lost_is_asked_again(
    operations: Any, monkeypatch: pytest.MonkeyPatch, losses: int, answer: tuple[int, str]
) -> None:
    """An empty answer would be a database without migrations."""
    results = chain(repeat((0, (None, None)), losses), repeat((0, (b"[X] app.0001", None))))
    monkeypatch.setattr(stack, "web", lambda *_: SimpleNamespace(exec_run=lambda *_, **__: next(results)))
    assert operations(Engine(None), "exit 0").output(["python", "manage.py", "showmigrations"]) == answer


@pytest.mark.parametrize("status", [404, 409, 500])
def test_a_run_that_somebody_else_removes_at_the_same_moment_ends_as_it_did(operations: Any, status: int) -> None:
    """Docker answers 409 while it removes the container, and 404 afterwards."""
    answer = Response()
    answer.status_code = status

    def refuse(*_: object, **__: object) -> None:
        raise APIError("refused", response=answer)

    engine = Engine({"Running": False, "ExitCode": 3})
    engine.api.remove_container = refuse
    if status == 500:
        with pytest.raises(APIError):
            operations(engine, "exit 0").attach(RUN)
    else:
        assert operations(engine, "exit 0").attach(RUN) == 3


def test_a_detached_run_that_another_one_waited_for_has_ended(
    operations: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    assert operations(Engine(None), "exit 0").attach(RUN) == 1
    assert capfd.readouterr().err == f"The run {RUN} has ended, and another --attach has its exit status.\n"


@pytest.mark.parametrize(
    ("state", "status"),
    [({"Running": True, "ExitCode": 0}, 143), ({"Running": False, "ExitCode": 7}, 7), (None, 5)],
)
def test_a_command_ends_with_the_client_that_has_its_output_and_may_clean_up(
    operations: Any, monkeypatch: pytest.MonkeyPatch, state: dict[str, Any] | None, status: int
) -> None:
    web = SimpleNamespace(
        attrs={
            "Image": "sha256:0",
            "Config": {"User": "app", "Env": []},
            "HostConfig": {"Binds": []},
            "NetworkSettings": {"Networks": {"shop-local": {}}},
        }
    )
    monkeypatch.setattr(stack, "web", lambda *_: web)
    engine = Engine(state)
    assert operations(engine, "exit 5").run(["ls"], {}, timeout=None, detach=False) == status
    assert engine.did == [*(["stop"] if state else []), "remove"]
