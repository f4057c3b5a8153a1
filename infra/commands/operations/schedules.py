"""The schedules of a running stack, with how their last runs ended: the same on both platforms."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.commands.operations.status import Section, ago
from infra.contract import cron
from infra.contract.malformed import MalformedError

YEARS = timedelta(days=366 * 28)  # as far as an expression may have to be looked for: the next 29 February on a Monday


@dataclass(frozen=True)
class LastRun:
    """How a run ended, or that it goes on; `seconds` and `status` are None while it does.

    `how` is ok, failed, timed out, ended (by a signal), lost (its lock), cut off (with its container), or running.
    """

    started: datetime
    how: str
    seconds: float | None
    status: int | None
    lines: tuple[str, ...]
    skipped: datetime | None = None

    @classmethod
    def of(cls, record: Mapping[str, Any], *, runs: bool) -> "LastRun":
        """The run of a record (django_stack.run_record); `runs` says whether its container still does."""
        skipped = record.get("skipped")
        return cls(
            started=datetime.fromisoformat(record["started"]),
            how=str(record["how"]) or ("running" if runs else "cut off"),
            seconds=record["seconds"],
            status=record["status"],
            lines=tuple(map(str, record["lines"])),
            skipped=datetime.fromisoformat(skipped) if skipped else None,
        )

    @property
    def is_well(self) -> bool:
        return self.how in {"ok", "running"}

    @property
    def text(self) -> str:
        """`ok 3 hours ago, 1.2 s`."""
        status = f" (exit status {self.status})" if self.how in {"failed", "ended"} and self.status is not None else ""
        took = f", {self.seconds:g} s" if self.seconds is not None else ""
        skipped = f"; skipped {ago(self.skipped)}, as it was still running" if self.skipped else ""
        begun = f"since {ago(self.started).removesuffix(' ago')}" if self.how == "running" else ago(self.started)
        return f"{self.how}{status} {begun}{took}{skipped}"

    def facts(self) -> dict[str, object]:
        return {
            "started": self.started.isoformat(timespec="seconds"),
            "how": self.how,
            "seconds": self.seconds,
            "status": self.status,
            "lines": list(self.lines),
            "skipped": self.skipped.isoformat(timespec="seconds") if self.skipped else None,
        }


@dataclass(frozen=True)
class StackSchedule:
    """A schedule of the stack; `cron` has five fields, `last` is None when no run is known."""

    name: str
    command: tuple[str, ...]
    cron: str
    timezone: str
    enabled: bool
    last: LastRun | None = None

    def next(self, now: datetime | None = None) -> datetime | None:
        """Its next time (UTC); none when it isn't enabled."""
        if not self.enabled:
            return None
        begin = now or datetime.now(UTC)
        try:
            return next(cron.times(self.cron, cron.zone_of(self.timezone), begin, begin + YEARS), None)
        except MalformedError:  # a time zone that this machine doesn't know
            return None

    def facts(self) -> dict[str, object]:
        following = self.next()
        return {
            "command": list(self.command),
            "cron": self.cron,
            "timezone": self.timezone,
            "enabled": self.enabled,
            "next": following.isoformat(timespec="seconds") if following else None,
            "last": self.last.facts() if self.last else None,
        }


def schedules_section(schedules: Iterable[StackSchedule]) -> Section | None:
    """The section of `status`; none for a stack without schedules."""
    found = list(schedules)
    if not found:
        return None
    return Section(
        "; ".join(f"{one.name} {one.last.text if one.last else 'has not run yet'}" for one in found),
        {one.name: one.facts() for one in found},
        is_well=all(one.last.is_well for one in found if one.last and one.enabled),
    )
