"""`django-stack rehearse` comes from tools/, which a project may delete."""

import pytest
from click.testing import CliRunner

from infra.commands import rehearse
from infra.commands.main import cli
from tools.rehearsal import commands


def test_the_help_lists_what_there_is_in_tools() -> None:
    shown = CliRunner().invoke(cli, ["rehearse", "--help"]).output
    assert set(rehearse.WHAT) == set(commands.command.commands)
    for name, summary in rehearse.WHAT.items():
        assert f"  {name} " in shown
        assert summary in shown


@pytest.mark.parametrize("name", commands.command.commands)
def test_the_help_of_each_has_an_example(name: str) -> None:
    shown = CliRunner().invoke(cli, ["rehearse", name, "--help"])
    assert shown.exit_code == 0
    assert f"django-stack rehearse {name}" in shown.output.partition("Example:")[2]


def test_without_tools_one_line_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearse, "find_spec", lambda _: None)
    done = CliRunner().invoke(cli, ["rehearse", "up"])
    assert done.exit_code == 1
    assert "is in the folder tools/, which isn't here" in str(
        done.exception.__context__ or done.output or done.exception
    )


def test_a_setting_that_is_none_is_refused_with_an_example() -> None:
    done = CliRunner().invoke(cli, ["rehearse", "up", "-c", "tasks-min"])
    assert done.exit_code == 2
    assert "'tasks-min' is no setting; allowed: KEY=VALUE, say -c tasks-min=2" in done.output
