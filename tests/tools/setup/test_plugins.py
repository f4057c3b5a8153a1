"""Pulumi's plugins: official ones win; stand-ins are linked only for missing ones, and removed when these come."""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from django_stack_plugins import server

from tests.tools.setup.conftest import FakeMachine
from tools.setup import plugins

PROGRAMS = ["pulumi-language-python", *(f"pulumi-resource-{name}" for name in plugins.PROVIDERS)]


@pytest.fixture(autouse=True)
def package(machine: FakeMachine) -> None:
    """A package to install, a lock, and a pip that makes the console scripts."""
    source = machine.root / "tools/plugins/src/django_stack_plugins"
    source.mkdir(parents=True)
    (source / "random.py").write_text("answer = 1\n")
    (machine.root / "tools/plugins/pyproject.toml").write_text("[project]\n")
    (machine.root / "requirements/plugins.txt").write_text("pulumi==3.272.0\n")
    (machine.venv / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.13.1\n")

    def make(command: Sequence[str]) -> None:
        (Path(command[-1]) / "bin").mkdir(parents=True)
        for program in PROGRAMS:
            (Path(command[-1]) / "bin" / program).touch()

    machine.effects[f"{machine.venv}/bin/python -m venv"] = make


def linked(machine: FakeMachine) -> list[str]:
    return sorted(path.name for path in (machine.venv / "bin").iterdir() if path.is_symlink() and path.exists())


def provider(machine: FakeMachine, name: str, version: str) -> None:
    (machine.home / f".pulumi/plugins/resource-{name}-v{version}").mkdir(parents=True)


def test_on_a_closed_network_stand_ins_are_installed_once(machine: FakeMachine) -> None:
    plugins.ensure(machine)
    assert linked(machine) == sorted(PROGRAMS)
    done = list(machine.did)
    assert done[0] == f"fetch {plugins.SITE}"
    assert "--require-hashes" in done[2]
    plugins.ensure(machine)
    assert machine.did == done, "neither installed nor probed again"
    assert "stand-ins from tools/plugins" in machine.printed[-1]


def test_a_site_that_is_not_trusted_is_asked_again_the_next_time(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(url: str, _: Path) -> None:
        machine.did.append(f"fetch {url}")
        raise plugins.SetupError("this Python doesn't trust the certificate")

    monkeypatch.setattr(machine, "fetch", refuse)
    for _ in range(2):
        with pytest.raises(plugins.SetupError, match="doesn't trust"):
            plugins.ensure(machine)
    assert machine.did == [f"fetch {plugins.SITE}"] * 2


def test_a_stand_in_for_the_aws_provider_is_where_a_rehearsal_alone_finds_it(machine: FakeMachine) -> None:
    (machine.root / "requirements/cloud.txt").write_text("pulumi-aws==7.51.1\n")
    plugins.ensure(machine)
    plugins.ensure_aws(machine)
    program = machine.venv / "rehearsal/pulumi-resource-aws"
    assert program.is_symlink()
    assert "pulumi-resource-aws" not in linked(machine)
    plugins.ensure(machine)
    assert program.is_symlink(), "another set-up takes it away"
    provider(machine, "aws", "7.51.1")
    plugins.ensure_aws(machine)
    assert not program.is_symlink()
    assert machine.printed[-1] == "the official aws provider is there"


def test_changed_code_is_installed_anew(machine: FakeMachine) -> None:
    plugins.ensure(machine)
    before = (machine.venv / "bin" / PROGRAMS[0]).readlink()
    (machine.root / "tools/plugins/src/django_stack_plugins/random.py").write_text("answer = 2\n")
    plugins.ensure(machine)
    assert (machine.venv / "bin" / PROGRAMS[0]).readlink() != before


def test_stand_ins_go_when_no_plugin_of_theirs_was_started_for_a_month(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    unused, used = (machine.cache / f"plugins-{name}" for name in ("unused", "used"))
    for folder in (unused, used):
        folder.mkdir(parents=True)
        (folder / "complete").touch()
        os.utime(folder / "complete", (0, 0))
    monkeypatch.setattr(sys, "prefix", str(used))
    server.note_use()
    plugins.forget_unused(machine)
    assert not unused.exists()
    assert used.exists()


def test_a_half_made_venv_is_not_taken_for_a_whole_one(machine: FakeMachine) -> None:
    machine.errors[f"{machine.venv}/bin/python -m pip"] = ["error: could not build"]
    with pytest.raises(plugins.SetupError, match="could not build"):
        plugins.ensure(machine)
    machine.errors.clear()
    plugins.ensure(machine)
    assert linked(machine) == sorted(PROGRAMS)


def test_the_vendors_providers_are_fetched_where_its_site_answers(machine: FakeMachine) -> None:
    machine.files[plugins.SITE] = b""
    machine.programs["pulumi-language-python"] = "/opt/pulumi/pulumi-language-python"
    plugins.ensure(machine)
    assert linked(machine) == []
    assert [command for command in machine.did if "plugin install" in command] == [
        f"pulumi plugin install resource {name} v{version}" for name, version in plugins.wanted(machine).items()
    ]
    assert machine.printed[-1] == "the official ones are there"


def test_a_provider_that_cannot_be_fetched_gets_its_stand_in(machine: FakeMachine) -> None:
    machine.files[plugins.SITE] = b""
    machine.errors["pulumi plugin install resource docker"] = ["error: 403 HTTP error fetching plugin"]
    machine.programs["pulumi-language-python"] = "/opt/pulumi/pulumi-language-python"
    plugins.ensure(machine)
    assert linked(machine) == ["pulumi-resource-docker"]
    assert "it can't be downloaded: error: 403 HTTP error fetching plugin" in machine.printed


def test_official_ones_that_come_later_take_over(machine: FakeMachine) -> None:
    plugins.ensure(machine)
    for name, version in plugins.wanted(machine).items():
        provider(machine, name, version)
    plugins.ensure(machine)
    assert linked(machine) == ["pulumi-language-python"]
    host = machine.home / ".pulumi/plugins/language-python-v3.300.1/pulumi-language-python"
    host.parent.mkdir()
    host.touch()
    plugins.ensure(machine)
    assert linked(machine) == []


@pytest.mark.parametrize(
    ("stored", "taken"),
    [("5.2.0", True), ("5.10.1", False), ("5.1.9", False), ("6.0.0", False), ("5.2.0-alpha.1", False)],
)
def test_a_stored_provider_counts_when_the_engine_would_take_it(
    machine: FakeMachine, stored: str, *, taken: bool
) -> None:
    """The engine takes the very version that the SDK requests: SelectCompatiblePlugin in Pulumi's plugins.go."""
    provider(machine, "docker", stored)
    assert plugins.has_provider(machine, "docker", "5.2.0") is taken


def test_a_plugin_whose_installation_was_interrupted_does_not_count(machine: FakeMachine) -> None:
    provider(machine, "docker", "5.2.0")
    host = machine.home / ".pulumi/plugins/language-python-v3.300.1/pulumi-language-python"
    host.parent.mkdir()
    host.touch()
    for folder in (host.parent, host.parent.with_name("resource-docker-v5.2.0")):
        folder.with_name(f"{folder.name}.partial").touch()
    assert not plugins.has_provider(machine, "docker", "5.2.0")
    assert plugins.language_host(machine) is None


def distribution(folder: Path) -> Path:
    """A CLI with its language host beside it; returns the host."""
    folder.mkdir()
    for program in ("pulumi", "pulumi-language-python"):
        (folder / program).touch()
    return folder / "pulumi-language-python"


def on_path(machine: FakeMachine, folder: Path) -> None:
    machine.programs |= {program.name: str(program) for program in folder.iterdir()}


def host_in_use(machine: FakeMachine) -> Path:
    return (machine.venv / "bin/pulumi-language-python").readlink()


def test_the_vendors_cli_runs_with_the_language_host_beside_it(machine: FakeMachine, tmp_path: Path) -> None:
    host = distribution(tmp_path / "vendors")
    (machine.venv / "bin/pulumi").symlink_to(host.with_name("pulumi"))
    plugins.ensure(machine)
    assert host_in_use(machine) == host
    assert machine.printed[-1].endswith("warn: resource-random, resource-docker, resource-command")


@pytest.mark.parametrize("vendors", [True, False])
def test_the_language_host_of_a_cli_that_is_too_old_is_not_used_either(
    machine: FakeMachine, tmp_path: Path, *, vendors: bool
) -> None:
    """The engine prefers a host on PATH to the one beside the CLI, so .venv/bin needs one that comes before it."""
    on_path(machine, distribution(tmp_path / "old").parent)
    if vendors:
        host = distribution(tmp_path / "vendors")
        (machine.venv / "bin/pulumi").symlink_to(host.with_name("pulumi"))
    else:
        (machine.venv / "bin/pulumi").touch()
    plugins.ensure(machine)
    used = host_in_use(machine)
    assert used == host if vendors else used.is_relative_to(machine.cache)


def test_a_cli_on_path_that_is_used_brings_its_language_host(machine: FakeMachine, tmp_path: Path) -> None:
    host = distribution(tmp_path / "good")
    machine.programs["pulumi"] = str(host.with_name("pulumi"))
    assert plugins.language_host(machine) == host, "beside it, when PATH has a link to the CLI alone"
    on_path(machine, host.parent)
    plugins.ensure(machine)
    assert "pulumi-language-python" not in linked(machine)


def test_a_language_host_that_was_put_on_path_by_itself_is_used_with_our_cli(
    machine: FakeMachine, tmp_path: Path
) -> None:
    (machine.venv / "bin/pulumi").touch()
    machine.programs["pulumi-language-python"] = str(tmp_path / "pulumi-language-python")
    plugins.ensure(machine)
    assert host_in_use(machine) == tmp_path / "pulumi-language-python"


def test_our_own_link_beside_the_built_cli_is_not_taken_for_an_official_one(machine: FakeMachine) -> None:
    (machine.venv / "bin/pulumi").touch()
    (machine.venv / "bin/pulumi-language-python").touch()
    assert plugins.language_host(machine) is None


def test_the_versions_are_those_of_the_locked_sdks(machine: FakeMachine) -> None:
    assert list(plugins.wanted(machine)) == list(plugins.PROVIDERS)
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in plugins.wanted(machine).values())
