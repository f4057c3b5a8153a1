"""The versions of a local stack, by what the Docker engine and Pulumi's history say of them. The engine is scripted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError, ContainerError

from infra.commands import stack
from infra.commands.operations import local_versions
from infra.commands.operations.local_versions import UNKNOWN, Named, ran
from infra.commands.operations.versions import Update, Version

OLD, NEW, BROKEN = "111111111111", "222222222222", "333333333333"
# When each was built (and tagged), in hours of one day.
BUILT = {OLD: 1, NEW: 3, BROKEN: 5}


def at(hour: int) -> datetime:
    return datetime(2026, 1, 31, hour, tzinfo=UTC)


def update(end: int, image: str = "", *, failed: bool = False) -> Update:
    """One that began an hour before its end."""
    return Update(at(end), image, at(end - 1), not failed)


class Engine:
    """An engine with the stack `local` of the project `shop`, whose web container is of the version `runs`."""

    def __init__(self, runs: str = NEW, status: str = "running") -> None:
        self.ran: list[Any] = []
        self.outcome: Any = b"it said\n"
        web = SimpleNamespace(
            status=status,
            attrs={
                "Image": f"sha256:{runs}",
                "Created": "2026-01-31T06:00:00.123456789Z",
                "Config": {"Env": ["DATABASE_URL=postgres://x", "STAGE=local"], "User": "app"},
                "HostConfig": {"Binds": ["shop-local-media:/data/media"]},
                "NetworkSettings": {"Networks": {"shop-local": {}}},
            },
        )

        def listed(filters: dict[str, Any], ignore_removed: bool, all: bool = False) -> list[Any]:  # docker's names
            assert (filters["name"], ignore_removed) == ("^/shop-local-web$", True)
            return [web] if runs and (all or status == "running") else []

        self.containers = SimpleNamespace(list=listed, run=self._run)
        self.api = SimpleNamespace(
            images=lambda filters: (
                [
                    {
                        "RepoTags": [f"shop/local:{tag}"],
                        "Id": f"sha256:{tag}",
                        "Size": 1,
                        "Created": at(hour).timestamp(),
                    }
                    for tag, hour in BUILT.items()
                ]
                + [{"RepoTags": ["shop/other:444444444444"], "Id": "sha256:4", "Size": 1, "Created": 1}]
            )
        )
        tagged = {f"sha256:{tag}": f"2026-01-31T0{hour}:00:00.5Z" for tag, hour in BUILT.items()}
        self.tagged(tagged)

    def tagged(self, moments: dict[str, str], *others: str) -> None:
        """When each image was tagged last, by its id; `others` have a name of another stack, too."""

        def image(id_: str) -> Any:
            names = ["shop/local:tag", *(["shop/other:tag"] if id_ in others else [])]
            return SimpleNamespace(attrs={"RepoTags": names, "Metadata": {"LastTagTime": moments[id_]}})

        self.images = SimpleNamespace(get=image)

    def _run(self, *words: Any, **options: Any) -> bytes:
        self.ran.append((words, options))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        found: bytes = self.outcome
        return found


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    monkeypatch.chdir(tmp_path)

    def made(engine: Engine, *ends: Update) -> local_versions.StackVersions:
        monkeypatch.setattr(stack, "engine", lambda: engine)
        monkeypatch.setattr(local_versions, "updates", lambda name: list(ends))
        return local_versions.StackVersions("local", {})

    return made


def shown(versions: list[Version]) -> list[tuple[str, datetime | None, bool]]:
    return [(one.hash, one.ran, one.runs) for one in versions]


def test_the_versions_are_those_under_the_stacks_name_and_ran_by_the_history(make: Any) -> None:
    found = make(Engine(), update(2), update(4)).all()
    assert shown(found) == [(NEW, at(4), True), (OLD, at(2), False), (BROKEN, None, False)]
    assert found[0].id == f"sha256:{NEW}"
    assert found[0].made == at(3)


@pytest.mark.parametrize("zone", ["Z", "-07:00", "+05:30"])
def test_a_version_that_was_built_again_ran_again_whatever_the_engines_time_zone(make: Any, zone: str) -> None:
    """The time of a tag is in the engine's own zone, while most other times are in UTC."""
    engine = Engine(runs=BROKEN)
    hours = datetime.fromisoformat(f"2026-01-31T00:00:00{zone}").tzinfo
    again = (at(4) - timedelta(minutes=1)).astimezone(hours).strftime("%Y-%m-%dT%H:%M:%S.844958173") + zone
    tagged = {f"sha256:{OLD}": again, f"sha256:{NEW}": "2026-01-31T03:00:00Z", f"sha256:{BROKEN}": ""}
    engine.tagged(tagged)
    third = Update(at(4), start=at(4) - timedelta(minutes=5))
    found = make(engine, update(2), update(3), third, update(6)).all()
    assert shown(found) == [(BROKEN, at(6), True), (OLD, at(4), False), (NEW, at(3), False)]


def test_a_version_that_another_stack_has_too_makes_no_failed_one_look_as_if_it_ran(make: Any) -> None:
    """NEW failed and OLD came back; while BROKEN was built, OLD's image got a name of another stack, and its time."""
    engine = Engine(runs=BROKEN)
    tagged = {f"sha256:{tag}": f"2026-01-31T0{hour}:30:00Z" for tag, hour in {**BUILT, OLD: 5}.items()}
    engine.tagged(tagged, f"sha256:{OLD}")
    back = Update(at(4), start=at(4) - timedelta(minutes=5))
    found = make(engine, update(2), update(3, failed=True), back, update(6)).all()
    assert [(one.hash, one.ran, one.perhaps) for one in found] == [
        (BROKEN, at(6), None),
        (OLD, at(2), at(4)),
        (NEW, None, at(4)),
    ]


A, B, C = (Named(tag, at(built), at(built)) for tag, built in {"a": 1, "b": 3, "c": 6}.items())


def again(one: Named, named: datetime) -> Named:
    return Named(one.hash, one.built, named)


@pytest.mark.parametrize(
    ("own", "done", "found", "perhaps"),
    [
        ([A, B], [update(2), update(4)], {"a": 2, "b": 4}, {}),
        ([A, B], [update(2), update(4, failed=True), update(5)], {"a": 2, "b": 5}, {}),
        # Nothing was named in the second one, so that it left what was.
        ([A, C], [update(2), update(4)], {"a": 4}, {}),
        # A failed one that built nothing left what was, too.
        ([A, C], [update(2), update(4, failed=True), update(5)], {"a": 5}, {}),
        ([A, B], [update(2), update(4), update(5, OLD)], {"a": 2, "b": 4, OLD: 5}, {}),
        # What a failed one was told may run now, or not.
        ([A], [update(2), update(4, OLD, failed=True), update(5)], {"a": 2}, {"a": 5, OLD: 5}),
        # The other stack's version may be one that this stack has already.
        ([A, B], [update(2), update(4), update(6, "stack:next")], {"a": 2, "b": 4}, {"a": 6, "b": 6}),
        # A's time in between is lost, since it was named once more: the second success was its own, or the failed B's.
        ([again(A, at(8)), B], [update(2), update(4, failed=True), update(5), update(9)], {"a": 9}, {"a": 5, "b": 5}),
        ([again(A, UNKNOWN), B], [update(2), update(4, failed=True), update(5)], {"a": 2}, {"a": 5, "b": 5}),
        # A was built by another stack, long before.
        ([again(A, UNKNOWN), B], [update(4), update(6)], {"b": 4}, {"a": 6, "b": 6}),
        # Pulumi's history begins in the middle.
        ([A, B], [Update(at(8), "", at(7))], {}, {}),
    ],
)
def test_an_update_counts_for_a_version_only_where_it_had_no_other(
    own: list[Named], done: list[Update], found: dict[str, int], perhaps: dict[str, int]
) -> None:
    sure, unsure = ({tag: end for tag, end in one.items() if tag} for one in ran(done, own))
    assert sure == {tag: at(end) for tag, end in found.items()}
    assert unsure == {tag: at(end) for tag, end in perhaps.items()}


def test_without_pulumis_history_nothing_is_known() -> None:
    assert ran(None, [A, B]) == ({}, {})


def test_a_web_that_ends_again_and_again_can_be_left(make: Any) -> None:
    """Its update failed, so the history doesn't know it; the way back is the version before."""
    versions = make(Engine(runs=BROKEN, status="exited"), update(2), update(4), update(6, failed=True))
    assert versions.is_up()
    assert shown(versions.all()) == [(BROKEN, at(6), True), (NEW, at(4), False), (OLD, at(2), False)]


def test_a_stack_that_is_down_runs_nothing(make: Any) -> None:
    versions = make(Engine(runs=""), update(2))
    assert not versions.is_up()
    assert [one.runs for one in versions.all()] == [False, False, False]


def test_a_program_runs_in_a_container_of_that_version_with_the_stacks_environment(make: Any) -> None:
    engine = Engine()
    versions = make(engine)
    old = next(one for one in versions.all() if one.hash == OLD)
    assert versions.ask(old, "print(1)") == "it said\n"
    ((words, options),) = engine.ran
    assert words == (f"sha256:{OLD}", ["python", "manage.py", "shell", "-c", "print(1)"])
    assert options["environment"] == {"DATABASE_URL": "postgres://x", "STAGE": "local"}
    assert (options["network"], options["user"], options["remove"]) == ("shop-local", "app", True)
    assert options["volumes"] == ["shop-local-media:/data/media"]
    assert options["labels"]["django-stack.stack"] == "local"


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (ContainerError("c", 1, "x", "i", b"Traceback\n" * 9 + b"ModuleNotFoundError: shop"), "Error: shop"),
        (APIError("500", explanation="no such image"), "no such image"),
    ],
)
def test_a_program_that_fails_says_why(make: Any, outcome: Exception, said: str) -> None:
    engine = Engine()
    engine.outcome = outcome
    versions = make(engine)
    with pytest.raises(RuntimeError) as failed:
        versions.ask(versions.all()[0], "print(1)")
    assert str(failed.value).endswith(said)
    assert str(failed.value).count("\n") < 5


def test_any_stacks_version_on_this_engine_can_be_brought(make: Any) -> None:
    versions = make(Engine())
    assert versions.bring("444444444444") == "sha256:4"
    with pytest.raises(SystemExit, match="has no version 555555555555 any more"):
        versions.bring("555555555555")
