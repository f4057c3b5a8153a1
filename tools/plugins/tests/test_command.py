"""pulumi-resource-command over gRPC: what runs when, what is shown, and that nothing outlives it."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf import empty_pb2
from plugin_harness import Plugin, error_text

from django_stack_plugins.values import UNKNOWN

COMMAND = "command:local:Command"


@pytest.fixture
def command(shared_plugin: Callable[[str], Plugin]) -> Plugin:
    return shared_plugin("command")


@pytest.fixture
def own_command(start_plugin: Callable[[str], Plugin]) -> Plugin:
    return start_plugin("command")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_output_is_kept_by_stream_and_shown_line_by_line(command: Plugin) -> None:
    _, state = command.create(COMMAND, {"create": "echo one; echo two >&2; printf three"})
    assert (state["stdout"], state["stderr"]) == ("one\nthree", "two")
    assert sorted(command.engine.lines) == ["one", "three", "two"]


def test_lines_are_shown_while_the_command_runs(command: Plugin, tmp_path: Path) -> None:
    line = f"echo first; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done"
    thread = threading.Thread(target=command.create, args=(COMMAND, {"create": line}))
    thread.start()
    command.engine.wait_for("first")
    (tmp_path / "go").touch()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("logging", "shown"), [("none", []), ("stdout", ["out"]), ("stderr", ["err"]), ("stdoutAndStderr", ["err", "out"])]
)
def test_logging_chooses_what_is_shown(command: Plugin, logging: str, shown: list[str]) -> None:
    _, state = command.create(COMMAND, {"create": "echo out; echo err >&2", "logging": logging})
    assert sorted(command.engine.lines) == shown
    assert (state["stdout"], state["stderr"]) == ("out", "err")


def test_environment_stdin_directory_and_interpreter_reach_the_command(command: Plugin, tmp_path: Path) -> None:
    inputs = {
        "create": "import os, sys; print(os.environ['WHO'], sys.stdin.read(), os.getcwd())",
        "environment": {"WHO": "me"},
        "stdin": "typed",
        "dir": str(tmp_path),
        "interpreter": ["python3", "-c"],
    }
    _, state = command.create(COMMAND, inputs)
    assert state["stdout"] == f"me typed {tmp_path}"


def test_an_update_runs_update_with_the_previous_output(command: Plugin) -> None:
    inputs = {"create": "echo made", "update": 'echo "was $PULUMI_COMMAND_STDOUT"'}
    resource_id, state = command.create(COMMAND, inputs)
    assert command.update(COMMAND, resource_id, state, inputs)["stdout"] == "was made"
    quiet = {**inputs, "addPreviousOutputInEnv": False}
    assert command.update(COMMAND, resource_id, state, quiet)["stdout"] == "was "


def test_without_update_create_runs_again(command: Plugin) -> None:
    resource_id, state = command.create(COMMAND, {"create": "echo one"})
    assert command.update(COMMAND, resource_id, state, {"create": "echo two"})["stdout"] == "two"


def test_delete_runs_delete(command: Plugin, tmp_path: Path) -> None:
    resource_id, state = command.create(COMMAND, {"create": "true", "delete": f"touch {tmp_path}/deleted"})
    command.delete(COMMAND, resource_id, state)
    assert (tmp_path / "deleted").exists()


def test_a_failure_shows_all_output(command: Plugin) -> None:
    details = error_text(lambda: command.create(COMMAND, {"create": "echo out; echo err >&2; exit 3"}))
    assert details.startswith("exit status 3: running 'echo out; echo err >&2; exit 3':\n")
    assert {"out", "err"} <= set(details.splitlines())


def test_a_missing_directory_is_one_clear_line(command: Plugin) -> None:
    details = error_text(lambda: command.create(COMMAND, {"create": "true", "dir": "/no/such/folder"}))
    assert "No such file or directory: '/no/such/folder'" in details


def test_a_trigger_replaces_and_anything_else_updates(command: Plugin) -> None:
    old = {"create": "true", "triggers": ["a"]}
    assert list(command.diff(COMMAND, old, {**old, "triggers": ["b"]}).replaces) == ["triggers"]
    response = command.diff(COMMAND, old, {**old, "create": "false"})
    assert list(response.diffs) == ["create"] and not response.replaces
    assert not command.diff(COMMAND, old, old).diffs


def test_a_preview_runs_nothing(command: Plugin, tmp_path: Path) -> None:
    _, state = command.create(COMMAND, {"create": f"touch {tmp_path}/made"}, preview=True)
    assert state["stdout"] is UNKNOWN
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", ["assetPaths", "archivePaths", "typo"])
def test_an_input_that_is_not_implemented_is_refused(command: Plugin, name: str) -> None:
    (failure,) = command.check(COMMAND, {"create": "true", name: ["x"]}).failures
    assert failure.property == name
    assert f"does not support the input '{name}'" in failure.reason


def test_a_wrong_logging_is_refused(command: Plugin) -> None:
    (failure,) = command.check(COMMAND, {"create": "true", "logging": "all"}).failures
    assert failure.reason == "must be one of stdout, stderr, stdoutAndStderr, none, not 'all'"


def test_a_custom_timeout_ends_the_whole_process_group(command: Plugin, tmp_path: Path) -> None:
    line = f"sleep 60 & echo $! > {tmp_path}/pid; wait"
    began = time.monotonic()
    details = error_text(lambda: command.create(COMMAND, {"create": line}, timeout=0.5))
    assert time.monotonic() - began < 5
    assert details.startswith("timed out after 0.5 s")
    wait_for(lambda: not alive(int((tmp_path / "pid").read_text())))


def test_cancel_interrupts_first(own_command: Plugin, tmp_path: Path) -> None:
    line = f"trap 'echo bye > {tmp_path}/bye; exit 1' INT; echo up; while :; do sleep 0.1; done"
    result: list[str] = []
    thread = threading.Thread(
        target=lambda: result.append(error_text(lambda: own_command.create(COMMAND, {"create": line})))
    )
    thread.start()
    own_command.engine.wait_for("up")
    own_command.stub.Cancel(empty_pb2.Empty())
    thread.join(10)
    assert result[0].startswith("cancelled")
    assert (tmp_path / "bye").read_text() == "bye\n"


def test_a_command_that_ignores_the_interrupt_is_killed_with_the_plugin(own_command: Plugin, tmp_path: Path) -> None:
    line = f"trap '' INT TERM; echo $$ > {tmp_path}/pid; echo up; while :; do sleep 0.1; done"
    thread = threading.Thread(target=lambda: error_text(lambda: own_command.create(COMMAND, {"create": line})))
    thread.start()
    own_command.engine.wait_for("up")
    own_command.process.send_signal(signal.SIGINT)
    own_command.process.wait(10)
    wait_for(lambda: not alive(int((tmp_path / "pid").read_text())), 2)
    thread.join(10)


def test_a_grandchild_that_keeps_the_pipe_does_not_hang_us(command: Plugin) -> None:
    began = time.monotonic()
    _, state = command.create(COMMAND, {"create": "sleep 30 & echo $!"})
    assert time.monotonic() - began < 10
    os.kill(int(state["stdout"]), signal.SIGKILL)
