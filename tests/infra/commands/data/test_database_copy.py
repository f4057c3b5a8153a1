"""In which order a database is copied, and that nothing is swapped, nor left, after a failure."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from infra.commands.data.database_copy import Options, compare, copy
from infra.commands.data.ends import Archive, DatabaseFacts, DataError
from tests.infra.commands.data.made_up import MadeUpArchive, MadeUpDatabase

WHOLE = [
    "lock",
    "restore app_new",
    "run migrate in app_new",
    "run scrub in app_new",
    "media",
    "swap app_new app_before: Copied from a",
]


def copied(target: MadeUpDatabase) -> None:
    how = Options(origin="a", scrub="scrub it", bring_media=lambda: target.ask("media"))
    copy(MadeUpDatabase("a"), target, how)


def test_the_names_are_swapped_when_the_copy_is_whole_migrated_and_scrubbed() -> None:
    target = MadeUpDatabase()
    copied(target)
    assert target.asked == WHOLE


def test_without_media_the_swap_comes_after_the_scrub() -> None:
    target = MadeUpDatabase()
    copy(MadeUpDatabase("a"), target, Options(origin="a", scrub="scrub it"))
    assert target.asked == [step for step in WHOLE if step != "media"]


def test_media_that_fail_are_said_with_what_serves_then() -> None:
    target = MadeUpDatabase(fails="media")
    with pytest.raises(DataError) as failure:
        copied(target)
    assert str(failure.value) == (
        "The copy of the database was removed, and b serves the database that it served, with the objects that were "
        "copied before this: made up"
    )


def test_the_sources_snapshot_is_held_only_while_it_is_read() -> None:
    target = MadeUpDatabase()

    class Source(MadeUpDatabase):
        @contextmanager
        def archive(self) -> Iterator[Archive]:
            target.ask("snapshot")
            yield MadeUpArchive()  # type: ignore[misc]
            target.ask("its end")

    copy(Source("a"), target, Options(origin="a"))
    assert target.asked[1:5] == ["snapshot", "restore app_new", "its end", "run migrate in app_new"]


def test_no_container_is_started_for_migrations_that_the_copy_has_all_had() -> None:
    target = MadeUpDatabase(same_migrations=True)
    copied(target)
    assert target.asked == [step for step in WHOLE if "migrate" not in step]


@pytest.mark.parametrize("step", WHOLE[1:])
def test_whatever_fails_the_copy_is_removed_and_what_serves_stays(step: str) -> None:
    target = MadeUpDatabase(fails=step)
    with pytest.raises(DataError, match="made up"):
        copied(target)
    assert target.asked == [*WHOLE[: WHOLE.index(step) + 1], "drop app_new"]


@pytest.mark.parametrize(
    ("statuses", "words"),
    [([1], "migrations of b's version failed"), ([3], "--schema-ahead"), ([0, 7], "scrub command failed .* status 7")],
)
def test_a_command_that_fails_on_the_copy_ends_it(statuses: list[int], words: str) -> None:
    target = MadeUpDatabase(statuses=statuses)
    with pytest.raises(DataError, match=words):
        copied(target)
    assert target.asked[-1] == "drop app_new"
    assert not any(one.startswith("swap") for one in target.asked)


def test_a_copy_that_lacks_rows_is_not_served() -> None:
    target = MadeUpDatabase(found={"public.one": 1, "public.two": 5})
    with pytest.raises(DataError, match=r"public\.one \(2 rows, and 1\), public\.two \(None rows, and 5\)"):
        copied(target)
    assert target.asked == ["lock", "restore app_new", "drop app_new"]
    compare({"one": 1}, {"one": 1})


def test_what_a_killed_copy_left_is_removed_first() -> None:
    facts = DatabaseFacts(17, "app", 1000, unfinished=("app_new_20250101_000000",))
    target = MadeUpDatabase(known=facts)
    copied(target)
    assert target.asked[:2] == ["lock", "drop app_new_20250101_000000"]


def test_only_so_many_replaced_databases_are_kept_as_the_stack_says() -> None:
    old = {f"app_before_2025010{day}_000000": 1 for day in (1, 2, 3)}
    facts = DatabaseFacts(17, "app", 1000, old=old)
    target = MadeUpDatabase(known=facts, depth=3)
    copied(target)
    assert target.asked[-1] == "drop app_before_20250101_000000"
    for depth in (None, 4):
        target = MadeUpDatabase(known=facts, depth=depth)
        copied(target)
        assert target.asked == WHOLE
