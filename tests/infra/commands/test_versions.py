"""`versions`, `rollback` and `promote`: what is asked, refused, set and run. Stacks and pulumi are scripted here."""

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from infra.commands import promote, rollback, stack, versions
from infra.commands.operations import move, schema
from infra.commands.operations import versions as stacks_versions
from infra.commands.operations.cloud_versions import ran
from infra.commands.operations.schema import Fit
from infra.commands.operations.versions import Update, Version

NOW = datetime.now(UTC)
OLD, NEW, UNUSED = "111111111111", "222222222222", "333333333333"


def version(tag: str, days: int, *, runs: bool = False, ran_: bool = True) -> Version:
    made = NOW - timedelta(days=days)
    return Version(tag, f"sha256:{tag}", made, 394_000_000, made if ran_ else None, runs)


class Stacks:
    """The project's stacks: the versions of each, what its database says, and pulumi, which keeps its settings."""

    made_by = "built"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.versions = {
            "local": [version(NEW, 1, runs=True), version(OLD, 9), version(UNUSED, 0, ran_=False)],
            "next": [version(OLD, 9, runs=True)],
            "empty": [],
            "cloud": [version(OLD, 9, runs=True)],
        }
        self.fits: dict[str, Fit | Exception] = {}
        self.brings = f"sha256:{NEW}"
        self.brought: list[str] = []
        self.ups: list[tuple[str, str]] = []
        self.status = 0
        self.name = ""

    def __call__(self, name: str) -> "Stacks":
        found = Stacks(self.folder)
        found.__dict__ = {**self.__dict__, "name": name}
        return found

    def is_up(self) -> bool:
        return any(one.runs for one in self.all())

    def all(self) -> list[Version]:
        return self.versions[self.name]

    def bring(self, tag: str) -> str:
        self.brought.append(tag)
        return self.brings

    def settings(self, name: str, **values: Any) -> None:
        file = self.folder / f"Pulumi.{name}.yaml"
        config = yaml.safe_load(file.read_text())["config"] if file.exists() else {}
        for key, value in values.items():
            config[f"shop:{key.replace('_', '-')}"] = value
        file.write_text(yaml.safe_dump({"config": {key: value for key, value in config.items() if value is not None}}))

    def image(self, name: str) -> Any:
        file = self.folder / f"Pulumi.{name}.yaml"
        return yaml.safe_load(file.read_text())["config"].get("shop:image") if file.exists() else None

    def pulumi(self, command: list[str], **_: Any) -> "subprocess.CompletedProcess[str]":
        match command[1:]:
            case ["config", "set", "--stack", name, "image", value, "--non-interactive"]:
                self.settings(name, image=value)
            case ["config", "rm", "--stack", name, "image", "--non-interactive"]:
                self.settings(name, image=None)
            case ["up", "--stack", name, "--yes", "--skip-preview"]:
                self.ups.append((name, self.image(name)))
                return subprocess.CompletedProcess(command, self.status, "", "")
            case other:
                raise AssertionError(other)
        return subprocess.CompletedProcess(command, 0, "", "")


@pytest.fixture
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stacks:
    made = Stacks(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    made.settings("cloud", platform="cloud")
    monkeypatch.chdir(tmp_path)
    for module in (versions, rollback, promote):
        monkeypatch.setattr(module, "versions_of", made)
    monkeypatch.setattr(move, "completed", made.pulumi)

    def fit(of: Stacks, wanted: Version, running: Version) -> Fit:
        assert running.runs
        found = made.fits.get(wanted.hash, Fit([], []))
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(schema, "fit", fit)
    return made


def run(command: Any, *arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), standalone_mode=False)


def said(result: Result) -> str:
    return result.output + (str(result.exception) if result.exception else "")


AHEAD = Fit([], ["gallery.0002_second"])
UNAPPLIED = Fit(["shop.0001", "shop.0002"], [])
# Command, arguments, the database's fit, the setting image before; what `pulumi up` ran with (None when it didn't
# run), and words of the answer.
CASES: list[tuple[Any, list[str], Fit | None, str | None, tuple[str, str | None] | None, list[str]]] = [
    (rollback, ["--yes"], None, None, ("local", OLD), [f"runs the version {OLD}", "rollback -s local --undo"]),
    (rollback, [OLD[:4], "--yes"], None, None, ("local", OLD), ["rm -s local image, then pulumi up -s local)"]),
    (rollback, [UNUSED, "--yes"], None, None, ("local", UNUSED), [UNUSED]),
    (rollback, ["-s", "next", "--yes"], None, None, None, ["no other version than the one that runs"]),
    (rollback, ["-s", "empty", "--yes"], None, None, None, ["no other version"]),
    (rollback, ["4444", "--yes"], None, None, None, ["no version that it has begins with 4444"]),
    (
        rollback,
        ["--yes"],
        AHEAD,
        None,
        None,
        [
            f"the database has the migration gallery.0002_second, which the version {OLD} lacks",
            f"django-stack rollback -s local {OLD} --schema-ahead",
            "django-stack manage -s local migrate gallery BEFORE_0002_second",
        ],
    ),
    (rollback, ["--schema-ahead", "--yes"], AHEAD, None, ("local", OLD), ["The schema is ahead: the database has"]),
    (rollback, ["--yes"], UNAPPLIED, None, ("local", OLD), ["will apply the migrations shop.0001, "]),
    (rollback, [], None, None, None, [f"Roll the stack local back from {NEW} to {OLD}?", "Fix: the same with --yes"]),
    (rollback, [NEW, "--yes"], None, NEW, None, [f"runs the version {NEW} already"]),
    (rollback, [NEW, "--yes"], None, None, ("local", NEW), [f"runs the version {NEW}"]),
    (rollback, ["--undo", "--yes"], None, OLD, ("local", None), []),
    (rollback, ["--undo"], None, OLD, None, [f"which has image {OLD}", "--yes"]),
    (rollback, ["--undo", "--yes"], None, None, None, ["has no setting image"]),
    (rollback, ["--undo", OLD], None, OLD, None, ["--undo goes with no HASH"]),
    (promote, ["local", "next", "--yes"], None, None, ("next", NEW), [f"The stack next runs the version {NEW}"]),
    (promote, ["local", "empty", "--yes"], None, None, ("empty", NEW), ["rollback -s empty --undo"]),
    (promote, ["local", "next", "--yes"], AHEAD, None, None, ["django-stack promote local next --schema-ahead"]),
    (promote, ["local", "next", "--schema-ahead", "--yes"], AHEAD, None, ("next", NEW), ["The schema is ahead"]),
    (promote, ["local", "next"], None, None, None, [f"of the stack local on next, which runs {OLD}?"]),
    (promote, ["local", "local", "--yes"], None, None, None, ["FROM and TO are the same stack"]),
    (promote, ["empty", "local", "--yes"], None, None, None, ["runs no version. Fix: pulumi up -s empty"]),
    (promote, ["cloud", "local", "--yes"], None, None, None, ["cloud is in the cloud"]),
]  # fmt: skip


@pytest.mark.parametrize(("command", "arguments", "fit", "image", "up", "words"), CASES)
def test_the_setting_is_set_only_when_all_is_well(
    stacks: Stacks,
    command: Any,
    arguments: list[str],
    fit: Fit | None,
    image: str | None,
    up: tuple[str, str | None] | None,
    words: list[str],
) -> None:
    if fit:
        stacks.fits = {NEW: fit, OLD: fit}
    if image:
        stacks.settings("local", image=image)
    result = run(command.command, *arguments)
    assert stacks.ups == ([up] if up else [])
    if not up:
        assert stacks.image("local") == image
        assert stacks.image("next") is None
    for text in words:
        assert text in said(result)


@pytest.mark.parametrize(
    ("command", "arguments", "name"),
    [
        (rollback, ["--yes"], "local"),
        (promote, ["local", "next", "--yes"], "next"),
        (promote, ["next", "local"], "next"),
    ],
)
def test_a_mounted_source_is_refused_with_its_fix(
    stacks: Stacks, command: Any, arguments: list[str], name: str
) -> None:
    stacks.settings(name, **{"mount-source": True})
    result = run(command.command, *arguments)
    assert f"Fix: pulumi config set -s {name} mount-source false" in said(result)
    assert not stacks.ups


@pytest.mark.parametrize(("history", "ups"), [(None, [("local", UNUSED)]), ([], []), ([Update(NOW)], [])])
def test_a_version_that_never_ran_is_chosen_only_where_there_is_no_history(
    stacks: Stacks, monkeypatch: pytest.MonkeyPatch, history: list[Update] | None, ups: list[tuple[str, str]]
) -> None:
    """It is there because its update failed, or was never finished."""
    stacks.versions["local"] = [version(NEW, 1, runs=True), version(UNUSED, 0, ran_=False)]
    monkeypatch.setattr(stacks_versions, "updates", lambda name: history)
    result = run(rollback.command, "--yes")
    assert stacks.ups == ups
    way = "Fix: django-stack versions -s local, then django-stack rollback -s local HASH"
    assert ups or said(result).endswith(f"no other version that ran, as far as Pulumi's history tells. {way}")


@pytest.mark.parametrize(
    ("older", "newer", "chosen"),
    [
        (version(OLD, 9), replace(version(UNUSED, 5, ran_=False), perhaps=NOW - timedelta(days=4)), None),
        (version(OLD, 9, ran_=False), replace(version(UNUSED, 5, ran_=False), perhaps=NOW - timedelta(days=4)), None),
        (version(OLD, 9), replace(version(UNUSED, 5, ran_=False), perhaps=NOW - timedelta(days=10)), OLD),
        (replace(version(OLD, 9), perhaps=NOW - timedelta(days=2)), version(UNUSED, 5, ran_=False), OLD),
    ],
)
def test_where_it_is_not_known_what_ran_before_a_hash_is_asked_for(
    stacks: Stacks, monkeypatch: pytest.MonkeyPatch, older: Version, newer: Version, chosen: str | None
) -> None:
    """An update brought up one of two versions, and the other one may be one whose update failed."""
    stacks.versions["local"] = [version(NEW, 1, runs=True), older, newer]
    monkeypatch.setattr(stacks_versions, "updates", lambda name: [])
    result = run(rollback.command, "--yes")
    assert stacks.ups == ([("local", chosen)] if chosen else [])
    if not chosen:
        assert f"isn't known for sure. There are: {OLD}, {UNUSED}. Fix: django-stack versions -s local" in said(result)
    rows = run(versions.command).output.splitlines()
    assert rows[3].split()[:2] == [UNUSED, "?" if newer.perhaps else "-"]


def test_a_failed_update_keeps_the_setting_and_says_so(stacks: Stacks) -> None:
    stacks.status = 255
    result = run(rollback.command, "--yes")
    assert result.return_value == 255
    assert stacks.image("local") == OLD
    assert f"`pulumi up` failed; the setting image stays {OLD}" in said(result)


def test_a_version_that_can_not_be_asked_is_refused_unless_the_schema_does_not_matter(stacks: Stacks) -> None:
    stacks.fits = {OLD: RuntimeError("No module named manage")}
    assert "can't be asked for its migrations, nothing was changed: No module named manage" in said(
        run(rollback.command, "--yes")
    )
    assert not stacks.ups
    run(rollback.command, "--yes", "--schema-ahead")
    assert stacks.ups == [("local", OLD)]


def test_another_build_of_the_same_hash_is_not_taken_for_the_same_image(stacks: Stacks) -> None:
    stacks.brings = "sha256:other"
    result = run(promote.command, "local", "next", "--yes")
    assert "has a build of its own" in said(result)
    assert not stacks.ups


@pytest.mark.parametrize(
    ("machine", "architecture", "refused"),
    [("x86_64", None, False), ("aarch64", None, True), ("aarch64", "arm64", False)],
)
def test_a_local_image_for_other_processors_is_refused(
    stacks: Stacks, monkeypatch: pytest.MonkeyPatch, machine: str, architecture: str | None, refused: bool
) -> None:
    monkeypatch.setattr(stack, "engine", lambda: SimpleNamespace(info=lambda: {"Architecture": machine}))
    stacks.settings("cloud", architecture=architecture)
    stacks.brings = "sha256:the digest that the registry gave it"
    result = run(promote.command, "local", "cloud", "--yes")
    assert ("architecture arm64" in said(result)) is refused
    assert stacks.ups == ([] if refused else [("cloud", NEW)])


def test_the_list_has_all_for_people_and_for_programs(stacks: Stacks) -> None:
    stacks.settings("local", image=NEW)
    lines = run(versions.command).output.splitlines()
    assert lines[0].split() == ["VERSION", "RAN", "BUILT", "SIZE"]
    assert lines[1].split() == [NEW, "runs", "now", "1", "day", "ago", "394", "MB"]
    assert lines[3].split()[:2] == [UNUSED, "-"]
    assert f"The setting image is {NEW}" in lines[-1]
    found = json.loads(run(versions.command, "--json").output)
    assert found["image"] == NEW
    assert [(one["hash"], one["runs"], one["bytes"]) for one in found["versions"]] == [
        (NEW, True, 394_000_000),
        (OLD, False, 394_000_000),
        (UNUSED, False, 394_000_000),
    ]
    assert "To make one: pulumi up -s empty" in run(versions.command, "-s", "empty").output


def at(hour: int) -> datetime:
    return datetime(2026, 1, 31, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("updates", "expected"),
    [
        ([Update(at(2)), Update(at(4))], {"a": at(2), "b": at(4)}),
        ([Update(at(2)), Update(at(3)), Update(at(4))], {"a": at(3), "b": at(4)}),
        ([Update(at(2)), Update(at(4)), Update(at(5), OLD)], {"a": at(2), "b": at(4), OLD: at(5)}),
        ([Update(at(4)), Update(at(5), "stack:next")], {"b": at(5)}),
        ([Update(at(2)), Update(at(4), succeeded=False)], {"a": at(2)}),
        ([Update(at(0))], {}),
        (None, {}),
    ],
)
def test_an_update_ran_the_last_version_before_its_end_or_the_one_that_it_was_told(
    updates: list[Update] | None, expected: dict[str, datetime]
) -> None:
    assert ran(updates, [(at(1), "a"), (at(4), "b")]) == expected


def test_a_clock_that_is_ahead_makes_no_update_that_of_the_next_version() -> None:
    seconds = timedelta(seconds=3)
    first, second = Update(at(1)), Update(at(2))
    assert ran([first, second], [(at(0), "a"), (at(1) + seconds, "b")]) == {"a": at(1), "b": at(2)}
    assert ran([first], [(at(1) + seconds, "a")]) == {"a": at(1)}
    assert ran([first], [(at(2), "a")]) == {}


class Asked:
    """Versions that print what they are told to."""

    def __init__(self, **answers: dict[str, list[str]]) -> None:
        self.answers = answers

    def ask(self, wanted: Version, program: str) -> str:
        compile(program, "program", "exec")
        return f"5 objects imported automatically.\n\n{schema.MARK}{json.dumps(self.answers[wanted.id])}\n"


@pytest.mark.parametrize(
    ("of_version", "of_running", "surplus"),
    [
        (["gallery.2"], None, ["gallery.2"]),
        (["gallery.2", "gone.1"], ["gone.1"], ["gallery.2"]),
        (["new.1"], [], ["new.1"]),
    ],
)
def test_what_an_app_left_that_is_long_gone_is_no_surplus(
    of_version: list[str], of_running: list[str] | None, surplus: list[str]
) -> None:
    def answer(migrations: list[str]) -> dict[str, list[str]]:
        return {
            "surplus": migrations,
            "unapplied": [],
            "without_app": [one for one in migrations if not one.startswith("gallery.")],
        }

    wanted, running = replace(version(OLD, 9), id="wanted"), replace(version(NEW, 1, runs=True), id="running")
    asked: Any = Asked(wanted=answer(of_version), **({"running": answer(of_running)} if of_running is not None else {}))
    assert schema.fit(asked, wanted, running).surplus == surplus


def test_a_version_that_says_nothing_is_an_error_with_its_words() -> None:
    silent: Any = SimpleNamespace(ask=lambda wanted, program: "no such command")
    with pytest.raises(RuntimeError, match="doesn't say which migrations it has: no such command"):
        schema.fit(silent, version(OLD, 9), version(NEW, 1))


def test_without_pulumi_on_path_the_fix_is_said(stacks: Stacks, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any, **__: Any) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(move, "completed", missing)
    assert "There is no pulumi on PATH. Fix: source .venv/bin/activate" in said(run(rollback.command, "--yes"))
