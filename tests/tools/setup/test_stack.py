"""The stack is created once, in whatever backend is in force; the test kit is installed where it may be."""

from pathlib import Path

import pytest

from tests.tools.setup.conftest import FakeMachine
from tools.setup import stack, testkit
from tools.setup.machine import SetupError

LIST = "pulumi stack ls"


def test_a_missing_stack_is_created(machine: FakeMachine) -> None:
    machine.stack = "pr-12"
    (machine.root / "Pulumi.local.yaml").write_text("config: {}\n")
    machine.answers[LIST] = (0, '[{"name": "local"}]', "")
    stack.ensure(machine)
    assert machine.did == ["pulumi stack init pr-12 --non-interactive"]
    assert (machine.root / "Pulumi.pr-12.yaml").read_text() == "config: {}\n"


@pytest.mark.parametrize("name", ["local", "organization/django-stack/local"])
def test_an_existing_one_is_left_as_it_is(machine: FakeMachine, name: str) -> None:
    machine.answers[LIST] = (0, f'[{{"name": "{name}"}}]', "")
    stack.ensure(machine)
    assert machine.did == []
    assert machine.printed == ["local exists"]


def test_a_backend_that_cannot_be_asked_is_named(machine: FakeMachine) -> None:
    machine.environ["PULUMI_BACKEND_URL"] = "s3://state"
    machine.answers[LIST] = (255, "", "error: unable to open bucket s3://state")
    with pytest.raises(SetupError, match=r"^unable to open bucket") as error:
        stack.ensure(machine)
    assert "s3://state" in error.value.remedy


@pytest.mark.parametrize(("name", "repair"), [("local", "make repair."), ("pr-12", "make repair STACK=pr-12.")])
def test_a_state_that_cannot_be_read_is_one_to_repair(machine: FakeMachine, name: str, repair: str) -> None:
    machine.stack = name
    machine.answers[LIST] = (255, "", "error: EOF")
    with pytest.raises(SetupError) as error:
        stack.ensure(machine)
    assert f"After a killed pulumi: {repair} " in error.value.remedy


def busybox(folder: Path, content: bytes) -> str:
    program = folder / "busybox"
    program.write_bytes(content)
    return str(program)


def test_tools_of_the_tests_that_are_there_are_used(machine: FakeMachine, tmp_path: Path) -> None:
    machine.programs.update(chromium="/usr/bin/chromium", psql="/usr/bin/psql", busybox=busybox(tmp_path, b"\x7fELF"))
    testkit.ensure(machine)
    assert machine.did == []


def test_missing_ones_are_installed_for_root_on_debian(machine: FakeMachine, tmp_path: Path) -> None:
    machine.is_root = True
    machine.programs.update({"apt-get": "/usr/bin/apt-get", "psql": "/usr/bin/psql"})
    machine.programs["busybox"] = busybox(tmp_path, b"\x7fELF .. /lib64/ld-linux-x86-64.so.2")
    testkit.ensure(machine)
    assert machine.did[-1].endswith("chromium fonts-liberation busybox-static")


def test_where_chromium_is_a_snap_it_says_what_to_install_instead(machine: FakeMachine, tmp_path: Path) -> None:
    machine.is_root = True
    machine.programs.update({"apt-get": "/usr/bin/apt-get", "psql": "/usr/bin/psql"})
    machine.programs["busybox"] = busybox(tmp_path, b"\x7fELF")
    machine.answers["apt-cache show --quiet=2 chromium"] = (100, "", "")
    with pytest.raises(SetupError, match="as a snap at best") as error:
        testkit.ensure(machine)
    assert "google-chrome-stable" in error.value.remedy
    assert not any(" install " in command for command in machine.did)


def test_a_browser_that_is_a_snap_does_not_count(machine: FakeMachine, tmp_path: Path) -> None:
    (tmp_path / "snap").touch()
    (tmp_path / "chromium").symlink_to(tmp_path / "snap")
    script = tmp_path / "chromium-browser"
    script.write_text('#!/bin/sh\nexec /snap/bin/chromium "$@"\n')
    machine.programs.update({"chromium": str(tmp_path / "chromium"), "chromium-browser": str(script)})
    assert testkit.browser(machine.which) is None
    machine.programs["google-chrome"] = str(tmp_path / "google-chrome")
    (tmp_path / "google-chrome").write_text("#!/bin/bash\n")
    assert testkit.browser(machine.which) == str(tmp_path / "google-chrome")


def test_others_are_told_what_to_install(machine: FakeMachine) -> None:
    with pytest.raises(SetupError, match=r"chromium, .*postgresql-client, busybox-static"):
        testkit.ensure(machine)
    assert machine.did == []


HISTORY = "pulumi stack history"


@pytest.mark.report("pulumi#17759")
def test_an_own_passphrase_that_is_not_the_stacks_is_named(machine: FakeMachine) -> None:
    (machine.root / "Pulumi.local.yaml").write_text("encryptionsalt: v1:x\n")
    machine.environ["PULUMI_CONFIG_PASSPHRASE"] = "my own"
    machine.answers[LIST] = (0, '[{"name": "local"}]', "")
    machine.answers[HISTORY] = (255, "", "error: decrypting secrets: incorrect passphrase")
    with pytest.raises(SetupError, match="PULUMI_CONFIG_PASSPHRASE is set in this shell") as error:
        stack.ensure(machine)
    assert "unset PULUMI_CONFIG_PASSPHRASE" in error.value.remedy
    assert "my own" not in f"{error.value} {error.value.remedy}"


@pytest.mark.report("pulumi#17759")
def test_a_new_stack_names_the_passphrase_and_not_the_stacks_name(machine: FakeMachine, tmp_path: Path) -> None:
    (machine.root / "Pulumi.local.yaml").write_text("encryptionsalt: v1:x\n")
    machine.environ["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(tmp_path / "own")
    (tmp_path / "own").write_text("my own")
    machine.answers[LIST] = (0, "[]", "")
    machine.errors["pulumi stack init"] = ["error: could not create secrets manager: incorrect passphrase"]
    with pytest.raises(SetupError, match="PULUMI_CONFIG_PASSPHRASE_FILE is set") as error:
        stack.ensure(machine)
    assert "letters, digits" not in error.value.remedy


def test_without_the_stacks_file_pulumi_is_not_asked_for_it_would_begin_one(machine: FakeMachine) -> None:
    machine.environ["PULUMI_CONFIG_PASSPHRASE"] = "my own"
    machine.answers[LIST] = (0, '[{"name": "local"}]', "")
    machine.answers[HISTORY] = (255, "", "incorrect passphrase")
    stack.ensure(machine)


@pytest.mark.parametrize("environ", [{}, {"PULUMI_CONFIG_PASSPHRASE": "django-stack-local"}])
def test_the_public_passphrase_costs_no_question(machine: FakeMachine, environ: dict[str, str]) -> None:
    machine.environ |= environ
    machine.answers[LIST] = (0, '[{"name": "local"}]', "")
    machine.answers[HISTORY] = (255, "", "incorrect passphrase")
    stack.ensure(machine)


@pytest.mark.report("pulumi#17759")
def test_a_passphrase_file_that_is_gone_is_named(machine: FakeMachine) -> None:
    machine.environ["PULUMI_CONFIG_PASSPHRASE_FILE"] = "/nowhere/passphrase"
    with pytest.raises(SetupError, match="PULUMI_CONFIG_PASSPHRASE_FILE is /nowhere/passphrase") as error:
        stack.ensure(machine)
    assert "unset PULUMI_CONFIG_PASSPHRASE_FILE" in error.value.remedy
