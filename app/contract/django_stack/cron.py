"""Cron expressions of five fields, as in crontab(5), and the moments that they mean in a time zone.

The wall clock counts, each of its times once: a time that clocks skip in spring is left out, and of an hour that comes
twice in autumn the first one counts. EventBridge Scheduler says the same of itself, so both platforms agree:
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time

infra/contract/ holds a copy of this file (a test compares them), so that `pulumi up` refuses what can't be run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from .malformed import MalformedError

FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
# Names that crontab(5) has for common expressions.
NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
# A number or name, a range of them, or all; with a step or without.
_ITEM = re.compile(r"(\*|[0-9]{1,2}|[A-Z]{3}|(?:[0-9]{1,2}|[A-Z]{3})-(?:[0-9]{1,2}|[A-Z]{3}))(/[0-9]{1,2})?")
_YEARS = timedelta(days=366 * 28)  # the weekdays of leap years repeat after this time


def check(expression: str) -> None:
    """Raises `MalformedError` unless the expression has five fields and comes true some day."""
    fields = expression.upper().split()
    if len(fields) != 5:
        raise MalformedError(f"has {len(fields)} fields; it takes five: {', '.join(FIELDS)}.")
    for name, field in zip(FIELDS, fields, strict=True):
        for item in field.split(","):
            if not _ITEM.fullmatch(item):
                raise MalformedError(f"has {field!r} for the {name}; it takes numbers, *, lists, ranges and steps.")
            _read(name, item)
    if not fields[2].startswith("*") and not fields[4].startswith("*"):
        raise MalformedError(
            "has both a day of the month and a day of the week, which cron takes for either and other schedulers for "
            "both; write two schedules, or * for one of them."
        )
    if _step(fields[2]) and fields[4] != "*":
        raise MalformedError("has a step of days of the month and a day of the week; write * for one of them.")
    if next(times(expression, UTC, datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC) + _YEARS), None):
        return
    raise MalformedError("never comes true: there is no such day.")


def times(expression: str, zone: tzinfo, after: datetime, until: datetime) -> Iterator[datetime]:
    """The moments (UTC) of an expression that was checked, later than `after` and not later than `until`."""
    try:
        for wall in CronSim(expression, after.astimezone(zone).replace(tzinfo=None)):
            moment = wall.replace(tzinfo=zone).astimezone(UTC)
            if moment.astimezone(zone).replace(tzinfo=None) != wall:
                continue  # clocks skip it
            if moment > until:
                return
            if moment > after:  # not the second of two equal times
                yield moment
    except CronSimError:  # a day that no month has
        return


def parts(expression: str) -> tuple[list[int], list[int], list[int], list[int], list[int]]:
    """The numbers that each field allows, in their order; of weekdays, Sunday is 0."""
    found = CronSim(expression, datetime(2000, 1, 1))  # its times aren't asked for
    weekdays = {int(day) % 7 for day in found.weekdays if isinstance(day, int)}
    minutes, hours, days, months = (sorted(one) for one in (found.minutes, found.hours, found.days, found.months))
    return minutes, hours, days, months, sorted(weekdays)


def zone_of(name: str) -> tzinfo:
    """The time zone of a name of the IANA database. Raises `MalformedError`."""
    if name == "UTC":
        return UTC  # without the database, which a small image may lack
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise MalformedError("is not a time zone, such as Europe/Zurich or UTC.") from None


def _step(field: str) -> bool:
    return field.startswith("*") and field != "*"


def _read(name: str, item: str) -> None:
    """Raises `MalformedError` for numbers out of range, by the library that computes the times."""
    fields = ["*"] * 5
    fields[FIELDS.index(name)] = item
    try:
        CronSim(" ".join(fields), datetime(2000, 1, 1))
    except CronSimError:
        raise MalformedError(f"has {item!r} for the {name}, which there isn't.") from None
