""".venv: hashed locks, installed again only when one changed; the passphrase is a default of its activation."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.setup.conftest import FakeMachine
from tools.setup import virtualenv
from tools.setup.machine import PASSPHRASE, SetupError


@pytest.fixture(autouse=True)
def bare(machine: FakeMachine) -> None:
    """No .venv yet; making one brings its activate scripts and a Python that starts."""
    (machine.root / "requirements/cloud.txt").write_text("pulumi-aws==7.51.1\n")
    (machine.root / "requirements/dev.txt").write_text("pytest==9.2.0\n")
    (machine.venv / "bin").rmdir()
    machine.venv.rmdir()
    python = f"{machine.venv}/bin/python -c"
    machine.answers[python] = (127, "", "")

    def make(_: object) -> None:
        (machine.venv / "bin").mkdir(parents=True, exist_ok=True)
        for name in virtualenv.ACTIVATE:
            (machine.venv / "bin" / name).write_text("# made by venv\n")
        machine.answers[python] = (0, "", "")

    machine.effects[getattr(sys, "_base_executable", sys.executable)] = make


def installed(machine: FakeMachine) -> list[str]:
    return [command.rpartition(" ")[2] for command in machine.did if "--require-hashes" in command]


def test_what_is_locked_is_installed_once_with_hashes(machine: FakeMachine) -> None:
    virtualenv.ensure_infra(machine)
    virtualenv.ensure_infra(machine)
    pip = "pip --disable-pip-version-check --no-input install --progress-bar off"
    assert [command.partition("-m ")[2] for command in machine.did] == [
        "venv --clear .venv",
        f"{pip} --require-hashes -r requirements/infra.txt",
        f"{pip} --no-deps --no-build-isolation --editable .",
    ]
    assert machine.printed[-1] == ".venv has requirements/infra.txt"


@pytest.mark.parametrize(
    ("ensure", "variables", "compiles"),
    [
        (virtualenv.ensure_infra, {}, True),
        (virtualenv.ensure_dev, {}, False),
        (virtualenv.ensure_dev, {"PYTHONDONTWRITEBYTECODE": "1"}, True),  # else nobody ever would
    ],
)
def test_the_tests_many_packages_are_compiled_as_they_are_imported(
    machine: FakeMachine, ensure: Callable[[FakeMachine], None], variables: dict[str, str], compiles: bool
) -> None:
    machine.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    machine.environ.update(variables)
    ensure(machine)
    (command,) = (command for command in machine.did if "--require-hashes" in command)
    assert ("--no-compile" not in command) is compiles


def test_going_to_and_fro_between_local_and_test_installs_nothing(machine: FakeMachine) -> None:
    for step in (virtualenv.ensure_infra, virtualenv.ensure_dev, virtualenv.ensure_infra, virtualenv.ensure_dev):
        step(machine)
    assert installed(machine) == ["requirements/infra.txt", "requirements/dev.txt"]


def test_what_another_branch_has_installed_since_is_not_taken_for_this_ones(machine: FakeMachine) -> None:
    """`make test` here, `make local` on a branch with other packages, `make test` here again."""
    here = {name: (machine.root / f"requirements/{name}.txt").read_text() for name in virtualenv.PURPOSES}
    virtualenv.ensure_dev(machine)
    for name, lock in here.items():
        (machine.root / f"requirements/{name}.txt").write_text(f"{lock}# of the branch\n")
    virtualenv.ensure_infra(machine)
    for name, lock in here.items():
        (machine.root / f"requirements/{name}.txt").write_text(lock)
    virtualenv.ensure_dev(machine)
    assert installed(machine) == [f"requirements/{name}.txt" for name in ("dev", "infra", "dev")]


@pytest.mark.parametrize("file", ["requirements/infra.txt", "pyproject.toml"])
def test_a_changed_lock_or_project_is_installed_into_the_same_venv(machine: FakeMachine, file: str) -> None:
    virtualenv.ensure_infra(machine)
    with (machine.root / file).open("a") as changed:
        changed.write("# changed\n")
    virtualenv.ensure_infra(machine)
    assert installed(machine) == ["requirements/infra.txt"] * 2
    assert sum("venv --clear" in command for command in machine.did) == 1


def test_a_venv_that_no_longer_works_or_was_moved_is_made_anew(machine: FakeMachine) -> None:
    virtualenv.ensure_infra(machine)
    machine.answers[f"{machine.venv}/bin/python -c"] = (127, "", "no such file")
    virtualenv.ensure_infra(machine)
    moved = machine.root.with_name("elsewhere")
    machine.root.rename(moved)
    machine.root = moved
    virtualenv.ensure_infra(machine)
    assert sum("venv --clear" in command for command in machine.did) == 3


def test_an_installation_that_fails_is_tried_again_next_time(machine: FakeMachine) -> None:
    machine.errors[f"{machine.venv}/bin/python -m pip"] = ["ERROR: No matching distribution found for boto3"]
    with pytest.raises(SetupError, match="No matching distribution"):
        virtualenv.ensure_infra(machine)
    machine.errors.clear()
    virtualenv.ensure_infra(machine)
    assert installed(machine) == ["requirements/infra.txt"] * 2


def test_an_installation_that_was_interrupted_leaves_no_word_of_what_was_there(machine: FakeMachine) -> None:
    virtualenv.ensure_dev(machine)
    lock = machine.root / "requirements/infra.txt"
    before = lock.read_text()
    lock.write_text(f"{before}# of another branch\n")

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    machine.effects[f"{machine.venv}/bin/python -m pip"] = interrupt
    with pytest.raises(KeyboardInterrupt):
        virtualenv.ensure_infra(machine)
    del machine.effects[f"{machine.venv}/bin/python -m pip"]
    lock.write_text(before)
    virtualenv.ensure_dev(machine)
    assert installed(machine) == [f"requirements/{name}.txt" for name in ("dev", "infra", "dev")]
    assert sum("venv --clear" in command for command in machine.did) == 1, "the same .venv goes on"


def test_a_python_without_ensurepip_names_the_package(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SetupError) as error:
        virtualenv.ensure_infra(machine)
    assert f"sudo apt-get install python3.{sys.version_info.minor}-venv" in error.value.remedy


@pytest.mark.parametrize(
    ("set_before", "seen"),
    [
        ({}, PASSPHRASE),
        ({"PULUMI_CONFIG_PASSPHRASE": "own"}, "own"),
        ({"PULUMI_CONFIG_PASSPHRASE": ""}, ""),
        ({"PULUMI_CONFIG_PASSPHRASE_FILE": "/a/file"}, "unset"),
    ],
)
def test_activation_sets_the_passphrase_unless_one_is_set(
    machine: FakeMachine, set_before: dict[str, str], seen: str
) -> None:
    virtualenv.ensure_infra(machine)
    script = f'set -eu; . "{machine.venv}/bin/activate"; echo "${{PULUMI_CONFIG_PASSPHRASE-unset}}"'
    environ = {"PATH": os.environ["PATH"], **set_before}
    reply = subprocess.run(["bash", "-c", script], env=environ, capture_output=True, text=True, check=True)
    assert reply.stdout == f"{seen}\n"


def test_activate_scripts_are_marked_once(machine: FakeMachine) -> None:
    virtualenv.ensure_infra(machine)
    virtualenv.ensure_dev(machine)
    for name in virtualenv.ACTIVATE:
        assert Path(machine.venv / "bin" / name).read_text().count(virtualenv.MARK) == 1


@pytest.mark.report("pulumi#2651")
def test_every_python_of_the_venv_asks_this_machine_directly_before_it_runs_a_program(machine: FakeMachine) -> None:
    """The official language host connects to the engine before the program starts, in an activated shell or not."""
    folder = machine.venv / "lib/python3.11/site-packages"
    folder.mkdir(parents=True)
    (folder / "infra.py").write_text("import os; os.environ['no_proxy'] = 'set'")
    virtualenv.ensure_infra(machine)
    program = f"import site; site.addsitedir({str(folder)!r}); import os; print(os.environ['no_proxy'])"
    reply = subprocess.run([sys.executable, "-IS", "-c", program], capture_output=True, text=True, check=True)
    assert reply.stdout == "set\n"
