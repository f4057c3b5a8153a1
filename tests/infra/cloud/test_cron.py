"""Cron expressions in AWS's form: read back by AWS's rules, they come true at the same times."""

from datetime import UTC, datetime, timedelta

import pytest

from infra.cloud.cron import WEEKDAYS, aws_cron
from infra.contract import cron

EXPRESSIONS = [
    "* * * * *",
    "15 3 * * *",
    "*/15 9-17 * * 1-5",
    "0 0 1 * *",
    "0 0 1,15,16,17,31 */2 *",
    "5 4 * * sun",
    "5 4 * * 7",
    "5 4 * * 0,6",
    "5 4 * * fri-7",
    "30 6 29 2 *",
    "1-59/2 */3 * jan,mar-may *",
    "0 12 31 1,3,5 *",
]


def numbers(field: str, low: int, high: int, names: tuple[str, ...] = ()) -> set[int]:
    """What a field of AWS's allows: *, ?, numbers, names and ranges (it has no steps here)."""
    if field in {"*", "?"}:
        return set(range(low, high + 1))
    found: set[int] = set()
    for item in field.split(","):
        first, _, last = item.partition("-")
        begin, end = (names.index(one) + 1 if names else int(one) for one in (first, last or first))
        assert begin <= end
        found |= set(range(begin, end + 1))
    assert found <= set(range(low, high + 1))
    return found


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_same_times_by_awss_rules(expression: str) -> None:
    translated = aws_cron(expression)
    assert translated.startswith("cron(")
    assert len(translated) <= 256, "the longest that AWS takes"
    minute, hour, day, month, weekday, year = translated.removeprefix("cron(").removesuffix(")").split()
    assert year == "*"
    assert [day, weekday].count("?") == 1, "AWS takes one of them, and demands a ? for the other"
    minutes, hours = numbers(minute, 0, 59), numbers(hour, 0, 23)
    days, months, weekdays = numbers(day, 1, 31), numbers(month, 1, 12), numbers(weekday, 1, 7, WEEKDAYS)
    begin = datetime(2027, 12, 20, tzinfo=UTC)
    end = begin + timedelta(days=100)
    expected = [
        at
        for step in range(1, (end - begin) // timedelta(minutes=1) + 1)
        if (at := begin + timedelta(minutes=step)).minute in minutes
        and at.hour in hours
        and at.day in days
        and at.month in months
        and at.isoweekday() % 7 + 1 in weekdays
    ]
    assert list(cron.times(expression, UTC, begin, end)) == expected
