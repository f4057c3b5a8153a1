"""Cron expressions: what is refused, and the moments that they mean, also when clocks change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django_stack import cron
from django_stack.malformed import MalformedError

YEAR = datetime(2027, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
ZONES = ["UTC", "Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago"]


def wall_clock(zone: str) -> list[tuple[datetime, datetime]]:
    """Every fifth minute of a year, and what the wall clock shows then, if it shows it for the first time."""
    begin, end = YEAR
    tzinfo = ZoneInfo(zone)
    moments = (begin + timedelta(minutes=5 * step) for step in range(1, (end - begin) // timedelta(minutes=5) + 1))
    return [(at, wall) for at in moments if not (wall := at.astimezone(tzinfo)).fold]


@pytest.mark.parametrize("zone", ZONES)
def test_a_year_has_each_time_of_the_wall_clock_once(zone: str) -> None:
    """At half past two clocks change in most zones; every quarter of an hour meets both changes in all of them."""
    shown = wall_clock(zone)
    expressions: dict[str, Callable[[datetime], bool]] = {
        "30 2 * * *": lambda wall: (wall.hour, wall.minute) == (2, 30),
        "*/15 * * * *": lambda wall: wall.minute % 15 == 0,
        "0 0 * * mon-fri": lambda wall: (wall.hour, wall.minute) == (0, 0) and wall.isoweekday() < 6,
        "5 1-3 29,31 * *": lambda wall: wall.minute == 5 and 1 <= wall.hour <= 3 and wall.day in (29, 31),
    }
    for expression, wanted in expressions.items():
        expected = [at for at, wall in shown if wanted(wall)]
        assert list(cron.times(expression, cron.zone_of(zone), *YEAR)) == expected, expression


def test_a_time_that_clocks_skip_is_left_out_and_one_that_comes_twice_counts_once() -> None:
    zone = ZoneInfo("Europe/Zurich")
    spring = cron.times("30 2 28 3 *", zone, datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 4, 1, tzinfo=UTC))
    assert list(spring) == []
    autumn = cron.times("30 2 31 10 *", zone, datetime(2027, 10, 1, tzinfo=UTC), datetime(2027, 11, 1, tzinfo=UTC))
    assert list(autumn) == [datetime(2027, 10, 31, 0, 30, tzinfo=UTC)]


@pytest.mark.parametrize("zone", ZONES)
def test_it_does_not_matter_where_one_begins_to_look(zone: str) -> None:
    """The scheduler asks from any moment on, also from within an hour that comes twice."""
    expression, tzinfo = "*/20 * * * *", cron.zone_of(zone)
    for change in (datetime(2027, 3, 27, 12, tzinfo=UTC), datetime(2027, 10, 30, 12, tzinfo=UTC)):
        every = list(cron.times(expression, tzinfo, change, change + timedelta(days=2)))
        for minutes in range(0, 24 * 60, 33):
            after = change + timedelta(minutes=minutes)
            until = after + timedelta(hours=3)
            expected = [moment for moment in every if after < moment <= until]
            assert list(cron.times(expression, tzinfo, after, until)) == expected


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "has 0 fields"),
        ("* * * *", "has 4 fields"),
        ("0 0 * * * *", "has 6 fields"),
        ("@daily", "has 1 fields"),
        ("60 * * * *", "'60' for the minute, which there isn't"),
        ("0 24 * * *", "'24' for the hour"),
        ("0 0 0 * *", "'0' for the day of the month"),
        ("0 0 * 13 *", "'13' for the month"),
        ("0 0 * * 8", "'8' for the day of the week"),
        ("0 0 * * sun-wed-fri", "'SUN-WED-FRI' for the day of the week"),
        ("0 0 * * fri-sun", "'FRI-SUN' for the day of the week"),
        ("*/0 * * * *", "'*/0' for the minute"),
        ("0 0 L * *", "'L' for the day of the month"),
        ("0 0 15W * *", "'15W' for the day of the month"),
        ("0 0 ? * *", "'?' for the day of the month"),
        ("0 0 * * mon#2", "'MON#2' for the day of the week"),
        ("0 0 1 * mon", "both a day of the month and a day of the week"),
        ("0 0 */2 * mon", "a step of days of the month"),
        ("0 0 31 2 *", "never comes true"),
        ("0 0 30,31 2 *", "never comes true"),
        ("H 3 * * *", "'H' for the minute"),
        ("٣ 3 * * *", "for the minute"),
    ],
)
def test_what_cannot_be_run_on_both_platforms_is_refused(expression: str, why: str) -> None:
    with pytest.raises(MalformedError) as refused:
        cron.check(expression)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    "expression", ["* * * * *", "15 3 * * *", "*/5 8-17 * * 1-5", "0 0 29 2 *", "0 12 1,15 jan-jun *", "0 0 * * 7"]
)
def test_what_crontab_allows_is_allowed(expression: str) -> None:
    cron.check(expression)


def test_the_numbers_of_the_fields() -> None:
    assert cron.parts("*/20 1-3 1,31 feb 5-7") == ([0, 20, 40], [1, 2, 3], [1, 31], [2], [0, 5, 6])


@pytest.mark.parametrize("name", ["Mars/Phobos", "", "../../etc/passwd", "/etc/localtime", "CET\0", "Europe"])
def test_a_time_zone_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(MalformedError, match="is not a time zone"):
        cron.zone_of(name)
