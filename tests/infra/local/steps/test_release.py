"""The release runs its commands one after the other and leaves no container; tests/e2e and tests/faults have real ones.

Processes, signals and the engine are scripted here.
"""

import signal
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from docker.errors import APIError, DockerException, NotFound

from infra import endpoint
from infra.local.steps import release as step
from infra.watchdog import Watchdog
from tests.infra.local.steps.conftest import Run
from tests.infra.local.steps.engine import Container, Engine

ASKED: dict[str, Any] = {
    "image": "sha256:image",
    "environment": {"DATABASE_URL": "postgres://app:TOPSECRETWORD@database/app", "STAGE": "local"},
    "secret_names": ["DATABASE_URL"],
    "commands": ["python manage.py migrate --noinput", "python manage.py check --tag 'a b'"],
    "name": "app-release",
    "web": "app-web",
    "network": "app",
    "volumes": {"app-media-files": "/data/media"},
    "labels": {"django-stack.stack": "local"},
    "timeout": 60,
}
AGAIN = "The next `pulumi up` runs the release again.\n"


@pytest.fixture(autouse=True)
def watchdog(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The run's id and what its watchdog is told; the processes above this one live."""
    started: list[str] = []
    monkeypatch.setattr(Watchdog, "__init__", lambda self, module, run_id: started.append(run_id))
    monkeypatch.setattr(Watchdog, "dismiss", lambda self: started.append("dismissed"))
    monkeypatch.setattr(Watchdog, "close", lambda self: started.append("closed"))
    monkeypatch.setattr(step, "_processes_above", lambda: [psutil.Process()])
    return started


def test_every_command_runs_in_a_container_of_its_own_and_its_output_is_passed_on(
    run: Run, watchdog: list[str]
) -> None:
    engine = Engine()
    engine.next.lines = ("Applying 0001... OK", "url is postgres://app:TOPSECRETWORD@database/app")
    status, out, error = run("release", ASKED, engine)
    assert (status, error) == (0, "")
    shown = "Applying 0001... OK\nurl is postgres://app:[secret]@database/app\n"
    first, second = (f"$ {command}\n" for command in ASKED["commands"])
    assert (
        out.replace("url is [secret]", "url is postgres://app:[secret]@database/app") == first + shown + second + shown
    )
    run_id, *told = watchdog
    assert told == ["dismissed", "closed"], "it needn't look for containers"
    assert [made["command"] for made in engine.made] == [
        ["python", "manage.py", "migrate", "--noinput"],
        ["python", "manage.py", "check", "--tag", "a b"],
    ]
    for made in engine.made:
        assert (made["image"], made["name"], made["network"]) == ("sha256:image", "app-release", "app")
        assert made["environment"] == {**ASKED["environment"], "REFUSE_DESTRUCTIVE_MIGRATIONS": "1"}
        assert made["labels"] == {"django-stack.stack": "local", "django-stack.release-run": run_id}
        assert made["volumes"] == {"app-media-files": {"bind": "/data/media", "mode": "rw"}}
        assert made["init"] is True, "or a signal would not reach the command"
        assert made["healthcheck"] == {"test": ["NONE"]}, "no site listens here"
        assert made["use_config_proxy"] is False, "the web has no proxies either"
        assert made["log_config"]["Type"] == "json-file", "others can't be read back"
    assert engine.next.started
    assert engine.next.waited == [30, 30], "seconds; the output has ended, so the command has"


def test_what_a_killed_run_left_is_removed_first_and_its_own_at_the_end(run: Run, watchdog: list[str]) -> None:
    engine = Engine(Container("app-release"))
    run("release", ASKED, engine)
    assert engine.asked == [
        {"all": True, "filters": filters, "ignore_removed": True}
        for filters in ({"name": "^/app-release$"}, {"label": f"django-stack.release-run={watchdog[0]}"})
    ]
    assert engine.there[0].removed[0] == {"force": True, "v": True}


@pytest.mark.parametrize(("state", "how"), [({}, ""), ({"OOMKilled": True}, " (killed: out of memory)")])
def test_the_first_failure_ends_the_release_and_tells_what_serves(run: Run, state: dict[str, bool], how: str) -> None:
    engine = Engine(Container("app-web"))
    engine.next.code, engine.next.attrs["State"] = 2, state
    engine.next.lines = tuple(f"line {number}" for number in range(30))
    status, _, error = run("release", ASKED, engine)
    assert (status, len(engine.made)) == (1, 1)
    assert error.startswith(
        f"Release command `{ASKED['commands'][0]}` failed with exit status 2{how}. Its last lines:\n  | line 10\n"
    )
    assert error.endswith(f"  | line 29\nThe web version that was running keeps serving. {AGAIN}")


def test_a_command_that_can_not_start_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()

    def refused() -> None:
        raise APIError("400", explanation="no such program")

    monkeypatch.setattr(engine.next, "start", refused)
    _, _, error = run("release", ASKED, engine)
    assert error == (
        f"Release command `{ASKED['commands'][0]}` could not be started: no such program\n"
        f"There is no web version yet, so nothing serves. {AGAIN}"
    )


@pytest.mark.parametrize(
    ("above", "timeout", "how"),
    [(True, 0, "was ended: release-timeout is 0 seconds"), (False, 60, "was ended: pulumi is gone")],
)
def test_a_command_that_hangs_is_ended_at_the_time_out_or_with_pulumi(
    run: Run, monkeypatch: pytest.MonkeyPatch, above: bool, timeout: int, how: str
) -> None:
    engine = Engine()
    monkeypatch.setattr(step, "_lives", lambda process: above)
    monkeypatch.setattr(engine.next, "logs", lambda **_: _endless())
    status, _, error = run("release", {**ASKED, "timeout": timeout}, engine)
    assert status == 1
    assert f"`{ASKED['commands'][0]}` {how}. Its last lines:\n  | still here\n" in error


def _endless() -> Any:
    import threading

    yield b"still here\n"
    threading.Event().wait(5)


def test_an_interrupt_is_told_as_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(Container("app-web"))
    monkeypatch.setattr(engine.next, "start", lambda: signal.raise_signal(signal.SIGTERM))
    _, _, error = run("release", ASKED, engine)
    assert error.startswith("The release was interrupted (SIGTERM).\nThe web version that was running keeps serving. ")


@pytest.mark.parametrize(
    ("number", "ends"),
    [(signal.SIGHUP, False), (signal.SIGINT, True)],  # ignored by nohup, and in a background job
)
def test_of_ignored_signals_the_one_that_a_closed_terminal_sends_stays_so(
    run: Run, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, ends: bool
) -> None:
    engine = Engine()
    monkeypatch.setattr(engine.next, "start", lambda: signal.raise_signal(number))
    signal.signal(number, signal.SIG_IGN)  # `run` puts the handlers back
    status, _, error = run("release", ASKED, engine)
    assert (status, f"The release was interrupted ({number.name})." in error) == (int(ends), ends)


def test_an_interrupt_that_python_drops_is_noticed_with_the_next_look(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is raised while an object is taken away goes nowhere."""
    engine = Engine()

    class Kept:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    kept = [Kept()]
    monkeypatch.setattr("sys.unraisablehook", lambda _: None)
    monkeypatch.setattr(step, "_lives", lambda process: kept.clear() is None)
    monkeypatch.setattr(engine.next, "logs", lambda **_: _endless())
    status, _, error = run("release", ASKED, engine)
    assert status == 1
    assert error.startswith("The release was interrupted (SIGINT).")


def test_an_engine_that_goes_away_is_told_as_that(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()

    def gone(**_: Any) -> Any:
        raise DockerException("gone")

    monkeypatch.setattr(engine.next, "start", gone)
    _, _, error = run("release", ASKED, engine)
    assert error.startswith("The release was ended. The Docker engine no longer answers.")


@pytest.mark.parametrize(
    ("found", "serving"),
    [
        ([], "There is no web version yet, so nothing serves. "),
        (["exited"], "The web container app-web is exited, so nothing serves. "),
        (["running"], "The web version that was running keeps serving. "),
    ],
)
def test_what_serves_is_looked_up(monkeypatch: pytest.MonkeyPatch, found: list[str], serving: str) -> None:
    engine = Engine(*[Container("app-web") for _ in found])
    for container, status in zip(engine.there, found, strict=True):
        container.status = status
    monkeypatch.setattr(endpoint, "client", lambda: engine)
    request = SimpleNamespace(web="app-web")
    assert step.what_serves(request) == serving
    assert engine.asked[0]["all"] is True, "a stopped one is there, too"


@pytest.mark.parametrize(
    ("error", "is_raised"),
    [(NotFound("gone"), False), (APIError("x", response=SimpleNamespace(status_code=409)), False),
     (APIError("x", response=SimpleNamespace(status_code=500)), True)],
)  # fmt: skip
def test_a_container_that_is_already_going_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, error: Exception, is_raised: bool
) -> None:
    container = Container("app-release")

    def removed(**_: bool) -> None:
        raise error

    monkeypatch.setattr(container, "remove", removed)
    if is_raised:
        with pytest.raises(APIError):
            step.remove(Engine(container), {"label": "x"})
    else:
        step.remove(Engine(container), {"label": "x"})


def test_processes_above_are_those_up_to_pulumi(monkeypatch: pytest.MonkeyPatch) -> None:
    def names(*above: str) -> list[str]:
        processes = [SimpleNamespace(name=lambda name=name: name) for name in above]
        monkeypatch.setattr(step.psutil, "Process", lambda: SimpleNamespace(parents=lambda: processes))
        return [process.name() for process in real()]

    monkeypatch.undo()
    real = step._processes_above
    assert names("sh", "pulumi-resource-command", "pulumi", "bash") == ["sh", "pulumi-resource-command", "pulumi"]
    assert names("sh", "bash", "sshd") == ["sh"], "without pulumi, the parent alone"


@pytest.mark.parametrize(("status", "lives"), [("sleeping", True), ("zombie", False)])
def test_a_zombie_is_gone(status: str, lives: bool) -> None:
    process = SimpleNamespace(is_running=lambda: True, status=lambda: status)
    assert step._lives(process) is lives
    assert not step._lives(SimpleNamespace(is_running=lambda: False, status=lambda: status))
