"""Cron expressions as EventBridge Scheduler writes them.

It has six fields, the last one the year; of the days of the month and of the week one is `?`; weekdays begin with 1 for
Sunday, so their names are used. https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
"""

from collections.abc import Sequence

from infra.contract import cron

WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def aws_cron(expression: str) -> str:
    """The expression of five fields, which was checked, in AWS's form. Every step is written out as its numbers."""
    minutes, hours, days, months, weekdays = cron.parts(expression)
    every_day, every_weekday = len(days) == 31, len(weekdays) == 7
    fields = (
        _field(minutes, 60),
        _field(hours, 24),
        _field(days, 31) if every_weekday else "?",
        _field(months, 12),
        "?" if every_weekday else _field(weekdays, 7, WEEKDAYS),
        "*",
    )
    assert every_day or every_weekday  # noqa: S101  # the check has refused the rest
    return f"cron({' '.join(fields)})"


def _field(numbers: Sequence[int], all_of_them: int, names: Sequence[str] = ()) -> str:
    """A list of the numbers, three and more in a row as a range."""
    if len(numbers) == all_of_them:
        return "*"
    words: list[str] = []
    rest = [*numbers]
    while rest:
        run = 1
        while run < len(rest) and rest[run] == rest[0] + run:
            run += 1
        texts = [names[number] if names else str(number) for number in rest[:run]]
        words += texts if run < 3 else [f"{texts[0]}-{texts[-1]}"]
        rest = rest[run:]
    return ",".join(words)
