"""Mailpit from its Go module: pages first, from our own lock, then the program; once, and nothing is left behind."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import ROOT
from tests.tools.setup.conftest import FakeMachine
from tools.setup import go, mailpit
from tools.setup.machine import SetupError


@pytest.fixture
def ready(machine: FakeMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    """A machine with Go and npm, and the module's files in Go's cache, where they are read-only."""
    source = tmp_path / "module"
    (source / "server/ui-src").mkdir(parents=True)
    for name, text in {"package.json": "upstream's", "server/ui-src/docs.js": 'import "rapidoc";'}.items():
        (source / name).write_text(text)
        (source / name).chmod(0o444)
    monkeypatch.setattr(go, "source", lambda _machine, _tool: source)
    for name in ("package.json", "package-lock.json"):
        (machine.root / "tools/mailpit" / name).write_bytes((ROOT / "tools/mailpit" / name).read_bytes())
    machine.programs["npm"] = "/usr/bin/npm"
    machine.answers["go env GOVERSION"] = (0, "go1.26.0", "")

    def build(command: Sequence[str]) -> None:
        (folder,) = machine.cache.glob("mailpit-*/source")
        made = {
            "lock": json.loads((folder / "package-lock.json").read_text())["name"],
            "docs": (folder / "server/ui-src/docs.js").read_text(),
        }
        target = Path(command[command.index("-o") + 1])
        target.write_text(json.dumps(made))

    machine.effects["go build"] = build
    return machine


def test_the_pages_come_from_our_lock_and_the_program_is_kept(ready: FakeMachine) -> None:
    program = mailpit.build(ready)
    assert program.name == f"mailpit-{mailpit.MAILPIT.version(ready)}"
    assert json.loads(program.read_text()) == {"lock": "mailpit-pages", "docs": ""}
    assert [command.split(" ")[0] for command in ready.did] == ["npm", "node", "go"]
    assert "--ignore-scripts" in ready.did[0]
    assert f"config.Version={mailpit.MAILPIT.version(ready)}" in ready.did[2]
    assert list(ready.cache.glob("mailpit-*")) == [], "the build's folder is gone"
    before = len(ready.did)
    assert mailpit.build(ready) == program
    assert len(ready.did) == before, "once"


def test_a_build_that_failed_says_what_to_check_and_leaves_nothing(ready: FakeMachine) -> None:
    ready.errors["npm ci"] = ["npm error 404 Not Found"]
    with pytest.raises(SetupError, match="404 Not Found") as refused:
        mailpit.build(ready)
    assert "can be reached" in refused.value.remedy
    assert list(ready.cache.glob("mailpit-*")) == []
    assert not mailpit.MAILPIT.program(ready).exists()


def test_without_npm_it_is_installed_or_asked_for(ready: FakeMachine) -> None:
    del ready.programs["npm"]
    with pytest.raises(SetupError, match="there is no `npm` command") as refused:
        mailpit.build(ready)
    assert "Node.js" in refused.value.remedy
    ready.is_root = True
    ready.programs["apt-get"] = "/usr/bin/apt-get"
    mailpit.build(ready)
    assert any("install --yes --no-install-recommends nodejs npm" in command for command in ready.did)


def test_the_lock_names_no_registry_and_has_a_hash_for_each_package() -> None:
    text = (ROOT / "tools/mailpit/package-lock.json").read_text()
    assert "resolved" not in text
    packages = {name: one for name, one in json.loads(text)["packages"].items() if name}
    assert packages
    assert [name for name, one in packages.items() if "integrity" not in one] == []
