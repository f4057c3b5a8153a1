"""How `python -m django_stack.once` tells its own arguments from those of the command."""

from __future__ import annotations

from pathlib import Path

import pytest
from django_stack import once


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[once.Run]:
    """What would have run."""
    found: list[once.Run] = []
    monkeypatch.setattr(once.Run, "run", lambda run, _lock: found.append(run) or 0)
    return found


@pytest.mark.parametrize(
    "command",
    [
        ["git", "log", "--", "file"],
        ["--", "x"],
        ["sh", "-c", "exit 3", "--timeout", "5"],
        ["python", "manage.py", "sweep", "--record", "--", "--"],
    ],
)
def test_a_command_arrives_word_for_word(runs: list[once.Run], command: list[str]) -> None:
    assert once.main(["--label", "--timeout", "90", "--record", "/data", "sweep", "--", *command]) == 0
    (run,) = runs
    assert [*run.command] == command
    assert (run.name, run.timeout, run.folder, run.labelled) == ("sweep", 90, Path("/data"), True)


@pytest.mark.parametrize(
    "arguments", [["sweep"], ["sweep", "--"], ["--", "true"], ["sweep", "true"], ["a", "b", "--", "true"]]
)
def test_a_name_and_a_command_are_required(
    runs: list[once.Run], arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        once.main(arguments)
    assert ended.value.code == 2
    assert "NAME -- COMMAND" in capsys.readouterr().err
    assert runs == []
