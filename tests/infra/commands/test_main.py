"""`django-stack` explains itself: help with examples for each command, one line for what it can't do."""

import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.commands.main import COMMANDS, HEADINGS, cli, main
from tests import ROOT

FOLDER = ROOT / "infra" / "commands"
PROGRAM = Path(sys.executable).with_name("django-stack")


def django_stack(
    *arguments: str, stdin: int = subprocess.DEVNULL, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *arguments],
        cwd=ROOT,
        stdin=stdin,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


def test_the_help_lists_every_command_and_says_how_to_switch_completion_on() -> None:
    done = django_stack("--help")
    assert done.returncode == 0
    for command, summary in COMMANDS.items():
        assert f"  {command} " in done.stdout
        assert summary in done.stdout
    assert 'eval "$(_DJANGO_STACK_COMPLETE=bash_source django-stack)"' in done.stdout
    assert django_stack().stdout == done.stdout


def test_every_module_beside_the_program_is_a_command() -> None:
    modules = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "main", "stack"}
    folders = {"data"}  # a command with parts that others share
    assert {module.replace("_", "-") for module in modules | folders} == set(COMMANDS)


# For no stack, or for several.
WITHOUT_ONE_STACK = {"adopt", "clean", "compare", "copy", "new", "promote", "rehearse", "wheel"}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_an_example_that_can_be_understood(command: str) -> None:
    shown = CliRunner().invoke(cli, [command, "--help"])
    assert shown.exit_code == 0
    examples = [shlex.split(line)[1:] for line in shown.output.splitlines() if line.startswith("    django-stack ")]
    assert f"Usage: cli {command} " in shown.output
    assert examples
    for example in examples:
        assert example[0] == command
        cli.get_command(None, command).make_context(command, example[1:])


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - WITHOUT_ONE_STACK))
def test_a_command_for_a_stack_takes_it_by_the_same_option_and_shows_the_default(command: str) -> None:
    verb = {"schedule": ["list"], "data": ["drop-old"], "maintenance": ["on"], "backup": ["check"]}.get(command, [])
    shown = CliRunner().invoke(cli, [command, *verb, "--help"]).output
    assert re.search(r"-s, --stack STACK +The stack's name\.  \[default: local\]", shown)


def test_the_help_has_every_command_once_below_a_heading() -> None:
    shown = CliRunner().invoke(cli, ["--help"]).output
    listed = [words[0] for line in shown.splitlines() if line.startswith("  ") and (words := line.split())]
    assert [name for name in listed if name in COMMANDS] == list(COMMANDS)
    places = [shown.index(f"\n{heading}:\n") for heading in HEADINGS.values()]
    assert places == sorted(places)


def test_the_help_imports_no_command_nor_what_it_needs() -> None:
    code = (
        "import sys; from infra.commands.main import cli; cli(['--help'], standalone_mode=False);"
        "sys.exit(str({'docker', 'yaml', 'pulumi', 'boto3', 'infra.commands.stack'} & set(sys.modules) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["mange"],
            f"There is no command mange. There are: {', '.join(COMMANDS)} (django-stack --help)\n",
        ),
        (["logs", "--stak", "local"], "No such option '--stak'"),
        (["status", "local"], "Got unexpected extra argument (local) (django-stack --help)\n"),
        (["logs", "-s"], "Option '-s' requires an argument. (django-stack --help)\n"),
    ],
)
def test_a_line_that_cannot_be_understood_gets_one_line_and_status_2(arguments: list[str], message: str) -> None:
    done = django_stack(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(("inherited", "ends"), [(signal.SIG_DFL, True), (signal.SIG_IGN, False)])
def test_a_signal_ends_a_command_unless_it_is_ignored_as_under_nohup(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals, inherited: signal.Handlers, ends: bool
) -> None:
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)}

    def work(**_: object) -> int:
        signal.raise_signal(number)
        return 0

    monkeypatch.setattr(cli, "main", work)
    try:
        signal.signal(number, inherited)
        with pytest.raises((KeyboardInterrupt, SystemExit)) as end:
            main()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert end.type is (KeyboardInterrupt if ends else SystemExit)


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - {"wheel"}))
def test_without_an_engine_a_command_is_one_line_and_status_1(command: str) -> None:
    arguments = {
        "manage": ["check"],
        "run": ["ls"],
        "rehearse": ["status"],
        "schedule": ["list"],
        "maintenance": ["status"],
        "promote": ["local", "next"],
        "compare": ["local", "next"],
        "copy": ["local", "next"],
        "data": ["drop-old"],
        "dump": ["backup.tar"],
        "load": ["backup.tar"],
        "backup": ["check", "backup.tar"],
        "adopt": ["nowhere"],
        "new": ["docs"],
        "upgrade-database": ["18"],
    }.get(command, [])
    reading, writing = pty.openpty()  # a shell needs a terminal
    done = django_stack(command, *arguments, stdin=writing, DOCKER_HOST="unix:///nowhere.sock")
    os.close(reading)
    os.close(writing)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "Fix: " in done.stderr


@pytest.mark.docker
@pytest.mark.parametrize("command", ["ready", "manage", "logs", "run", "status", "psql", "tunnel"])
def test_a_stack_that_is_not_there_is_one_line(command: str) -> None:
    done = django_stack(command, "-s", "nowhere", *(["check"] if command in {"manage", "run"} else []))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith("Fix: make local STACK=nowhere\n")


def completed(folder: Path, shell: str, *words: str) -> list[str]:
    """What a shell's completion offers for the last word, by click's protocol for that shell."""
    environment = {"_DJANGO_STACK_COMPLETE": f"{shell}_complete", "COMP_WORDS": " ".join(words)}
    environment["COMP_CWORD"] = words[-1] if shell == "fish" else str(len(words) - 1)
    done = subprocess.run(
        [PROGRAM], cwd=folder, capture_output=True, text=True, check=True, env=os.environ | environment
    )
    lines = done.stdout.splitlines()
    if shell == "zsh":  # a kind, a word and its help, a line each
        return lines[1::3]
    return [line.partition(",")[2].partition("\t")[0] for line in lines]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_commands_options_and_the_stacks_of_the_project(tmp_path: Path, shell: str) -> None:
    for stack in ("local", "pr-12"):
        (tmp_path / f"Pulumi.{stack}.yaml").touch()
    assert completed(tmp_path, shell, "django-stack", "rep") == ["repair"]
    assert completed(tmp_path, shell, "django-stack", "logs", "-s", "pr") == ["pr-12"]
    assert completed(tmp_path, shell, "django-stack", "logs", "--req") == ["--request-id"]
    assert completed(tmp_path, shell, "django-stack", "logs", "--level", "err") == ["error"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_the_documentation_puts_into_a_shells_start_up_file_is_a_script_of_that_shell(shell: str) -> None:
    line = f"_DJANGO_STACK_COMPLETE={shell}_source django-stack"
    assert line in (ROOT / "docs" / "operate.md").read_text()
    assert line in django_stack("--help").stdout
    script = django_stack(_DJANGO_STACK_COMPLETE=f"{shell}_source").stdout
    assert f"_DJANGO_STACK_COMPLETE={shell}_complete" in script
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
