"""What a plan of a copied database says, and what it refuses."""

from dataclasses import replace

import pytest

from infra.commands.data.ends import DatabaseFacts
from infra.commands.data.plan import measured, of_database

ROOMY = DatabaseFacts(version=17, name="app", size=10**8, free=10**11, available={"pg_trgm": "1.6"})


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ({"version": 18}, {}, ["PostgreSQL 18", "b 17", "Fix: django-stack upgrade-database 18 -s b"]),
        (
            {"version": 18},
            {"is_rds": True},
            ["postgres-version 18 && pulumi config set -s b database-upgrade true && pulumi up -s b"],
        ),
        ({"extensions": {"postgis": "3.5", "pg_trgm": "1.6"}}, {}, ["lacks the extension postgis,", "postgres-image"]),
        ({"extensions": {"postgis": "3.5"}}, {"is_rds": True}, ["Fix: drop it in a"]),
        ({"size": 5 * 10**10}, {"free": 5 * 10**10}, ["50.0 GB are free", "needs 51.1 GB", "make room"]),
        ({}, {"free": 10**8, "old": {"app_before_x": 1}}, ["django-stack data drop-old -s b"]),
    ],
)
def test_what_does_not_fit_is_refused_with_a_way_out(
    source: dict[str, object], target: dict[str, object], words: list[str]
) -> None:
    plan = of_database("a", replace(ROOMY, **source), "b", replace(ROOMY, **target))  # type: ignore[arg-type]
    (fault,) = plan.faults
    assert [word for word in words if word not in fault] == []


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ({"version": 14}, {}),
        ({"extensions": {"pg_trgm": "1.5"}}, {}),
        ({}, {"free": None}),
        ({}, {"free": 201_000_000}),
    ],
)
def test_what_fits_is_not_refused(source: dict[str, object], target: dict[str, object]) -> None:
    assert of_database("a", replace(ROOMY, **source), "b", replace(ROOMY, **target)).faults == []  # type: ignore[arg-type]


def test_the_time_is_estimated_by_what_the_last_copy_took() -> None:
    """A comment of the database has it, which goes with the database and needs no file on anybody's machine."""
    known = replace(ROOMY, comment=f"Copied from a by django-stack: {measured(10**8, 50.2)}")
    plan = of_database("a", replace(ROOMY, size=4 * 10**8), "b", known, overhead=7)
    assert plan.seconds == 207
    assert "about 3 minutes, as measured last time" in "\n".join(plan.lines)
    assert "at a guess" in "\n".join(of_database("a", ROOMY, "b", ROOMY).lines)


def test_what_is_replaced_kept_and_left_over_is_said() -> None:
    target = replace(ROOMY, old={"app_before_20260101_000000": 3 * 10**6}, unfinished=("app_new_20260102_000000",))
    text = "\n".join(of_database("a", ROOMY, "b", target).lines)
    for words in ("all of app of b", "app_before_20260101_000000 (3.0 MB)", "app_new_20260102_000000", "100 MB"):
        assert words in text
