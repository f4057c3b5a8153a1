"""Where the Pulumi CLI comes from, in this order: PATH, the vendor's download, the Go build."""

import hashlib
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.tools.setup.conftest import FakeMachine
from tools.setup import go, pulumi_cli
from tools.setup.machine import Machine, SetupError

VERSION = pulumi_cli.TOOL.version(Machine())
ARCHIVE = f"pulumi-{VERSION}-linux-x64.tar.gz"
SUMS = f"{pulumi_cli.SITE}/pulumi-{VERSION[1:]}-checksums.txt"


def archive() -> bytes:
    """An archive as the vendor lays it out."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in ("pulumi", "pulumi-language-python"):
            tar.addfile(tarfile.TarInfo(f"pulumi/{name}"), io.BytesIO())
    return buffer.getvalue()


def unpack(machine: FakeMachine) -> None:
    """Lets `tar` really unpack."""

    def effect(_: Sequence[str]) -> None:
        part = machine.cache / f"pulumi-{VERSION}.part"
        with tarfile.open(part / ARCHIVE) as tar:
            tar.extractall(part)

    machine.effects["tar -xzf"] = effect


def can_build(machine: FakeMachine, says: str = VERSION) -> None:
    """There is a Go; the CLI that it builds says this version."""
    machine.answers["go env GOVERSION"] = (0, "go1.26.8\n", "")
    machine.answers[str(machine.cache / f"bin/pulumi-{VERSION}")] = (0, says, "")
    machine.effects["go build"] = lambda command: Path(command[command.index("-o") + 1]).touch(0o755)


def test_one_on_path_that_is_new_enough_is_used_and_not_shadowed(machine: FakeMachine) -> None:
    (machine.venv / "bin/pulumi").touch()
    machine.programs["pulumi"] = "/usr/local/bin/pulumi"
    machine.answers["/usr/local/bin/pulumi version"] = (0, "v3.238.0\n", "")
    pulumi_cli.ensure(machine)
    assert not (machine.venv / "bin/pulumi").exists()
    assert machine.did == []
    assert machine.printed == ["v3.238.0 (/usr/local/bin/pulumi) is used"]


def test_one_that_is_too_old_is_left_alone_and_said(machine: FakeMachine) -> None:
    machine.programs["pulumi"] = "/usr/local/bin/pulumi"
    machine.answers["/usr/local/bin/pulumi version"] = (0, "v3.99.0\n", "")
    can_build(machine)
    pulumi_cli.ensure(machine)
    assert machine.printed[0] == "/usr/local/bin/pulumi is v3.99.0; 3.238.0 or newer is needed, so it is not used"
    assert (machine.venv / "bin/pulumi").exists()


def test_the_vendors_archive_is_verified_and_keeps_its_language_host_beside_it(machine: FakeMachine) -> None:
    content = archive()
    sums = f"{hashlib.sha256(content).hexdigest()}  {ARCHIVE}\n{'0' * 64}  pulumi-{VERSION}-darwin-x64.tar.gz\n"
    machine.files = {SUMS: sums.encode(), f"{pulumi_cli.SITE}/{ARCHIVE}": content}
    unpack(machine)
    pulumi_cli.ensure(machine)
    link = machine.venv / "bin/pulumi"
    assert link.is_symlink()
    assert (link.resolve().parent / "pulumi-language-python").exists()
    assert "the official one" in machine.printed[-1]
    assert [path.name for path in machine.cache.iterdir()] == [f"pulumi-{VERSION}"]


def test_an_archive_with_another_checksum_is_refused_and_nothing_is_left(machine: FakeMachine) -> None:
    machine.files = {SUMS: f"{'0' * 64}  {ARCHIVE}\n".encode(), f"{pulumi_cli.SITE}/{ARCHIVE}": archive()}
    can_build(machine)
    with pytest.raises(SetupError, match="does not have the checksum"):
        pulumi_cli.ensure(machine)
    assert list(machine.cache.iterdir()) == []
    assert not any(command.startswith("go build") for command in machine.did)


def test_where_the_site_is_not_reached_it_is_built_once(machine: FakeMachine) -> None:
    can_build(machine)
    pulumi_cli.ensure(machine)
    pulumi_cli.ensure(machine)
    assert machine.did[0] == f"fetch {SUMS}"
    assert [command[:8] for command in machine.did[1:]] == ["go build"]
    assert f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={VERSION}" in machine.did[1]
    assert "its site can't be reached (Name or service not known)" in machine.printed
    kept = machine.cache / f"bin/pulumi-{VERSION}"
    assert (machine.venv / "bin/pulumi").samefile(kept)
    assert not (machine.venv / "bin/pulumi").is_symlink()
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_a_build_that_fails_leaves_nothing_and_says_why(machine: FakeMachine) -> None:
    can_build(machine)
    machine.errors["go build"] = ["go: example.com/x: 403 Forbidden"]
    with pytest.raises(SetupError, match="403 Forbidden") as error:
        pulumi_cli.ensure(machine)
    assert "module proxy" in error.value.remedy
    assert list((machine.cache / "bin").iterdir()) == []


def test_a_cli_that_does_not_know_its_version_is_not_kept(machine: FakeMachine) -> None:
    can_build(machine, says="v3.0.0-dev")
    with pytest.raises(SetupError, match=f"says `v3.0.0-dev`, not {VERSION}"):
        pulumi_cli.ensure(machine)
    assert pulumi_cli.kept(machine) is None


@pytest.mark.parametrize(
    ("answer", "found"),
    [((127, "", "No such file"), "there is no `go` command"), ((0, "go1.19.8\n", ""), "go1.19.8 is too old")],
)
def test_without_a_go_of_today_it_says_to_install_one(
    machine: FakeMachine, answer: tuple[int, str, str], found: str
) -> None:
    machine.answers["go env GOVERSION"] = answer
    with pytest.raises(SetupError, match=found) as error:
        pulumi_cli.ensure(machine)
    assert "go.dev/dl" in error.value.remedy


def test_a_new_version_replaces_the_one_in_venv(machine: FakeMachine) -> None:
    (machine.venv / "bin/pulumi").write_text("an older one")
    can_build(machine)
    pulumi_cli.ensure(machine)
    assert (machine.venv / "bin/pulumi").samefile(go_program(machine))


def go_program(machine: FakeMachine) -> Path:
    return pulumi_cli.TOOL.program(machine)


def test_the_version_stands_in_go_mod_alone(machine: FakeMachine) -> None:
    file = machine.root / "tools/pulumi/go.mod"
    file.write_text(file.read_text().replace(f"pulumi/pkg/v3 {VERSION}", "pulumi/pkg/v3 v3.300.1"))
    assert pulumi_cli.TOOL.version(machine) == "v3.300.1"
    file.write_text("module x\n")
    with pytest.raises(SetupError, match="does not require"):
        go.Tool.version(pulumi_cli.TOOL, machine)
