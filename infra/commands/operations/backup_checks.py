"""When a backup was last checked, and whether it was good: `backup check` writes it down, `status` shows it.

In the cloud it is a metric of CloudWatch, which everybody who operates the stack sees and an alarm may watch. A local
stack's is a file of whoever operates it.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from infra.commands.operations.status import Section, ago

NAMESPACE, METRIC = "django-stack", "BackupCheck"  # 1 for a good backup, 0 for one that isn't
DAYS = 60  # how long an old check is known
PERIOD = 3600  # seconds, the least for metrics that are older than 15 days


@dataclass(frozen=True)
class BackupCheck:
    """A check: when it ended (UTC), and whether the backup was good."""

    moment: datetime
    is_good: bool

    def section(self) -> Section:
        text = f"{'checked' if self.is_good else 'the check failed'} {ago(self.moment)}"
        facts = {"checked": self.moment.isoformat(timespec="seconds"), "good": self.is_good}
        return Section(text, facts, is_well=self.is_good)


def never(name: str) -> Section:
    """What the status says of a stack whose backups nobody has checked."""
    facts = {"checked": None, "good": None}
    return Section(f"not checked in {DAYS} days; to do it: django-stack backup check -s {name}", facts)


def write_here(prefix: str, check: BackupCheck) -> None:
    """Writes down a check of a local stack; `prefix` is the beginning of its names."""
    file = _file(prefix)
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps({"moment": check.moment.isoformat(), "good": check.is_good}))
    unfinished.replace(file)


def read_here(prefix: str) -> BackupCheck | None:
    """The last check of a local stack; none if there is none that can be read."""
    try:
        found = json.loads(_file(prefix).read_text())
        return BackupCheck(datetime.fromisoformat(found["moment"]), bool(found["good"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def put_metric(cloudwatch: Any, prefix: str, check: BackupCheck) -> None:
    """Writes down a check of a stack in the cloud. Raises boto3's errors."""
    data = {
        "MetricName": METRIC,
        "Dimensions": _dimensions(prefix),
        "Timestamp": check.moment,
        "Value": float(check.is_good),
    }
    cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[data])


def read_metric(cloudwatch: Any, prefix: str) -> BackupCheck | None:
    """The last check of a stack in the cloud, to the hour; none in the last `DAYS`. Raises boto3's errors."""
    now = datetime.now(UTC)
    metric = {"Namespace": NAMESPACE, "MetricName": METRIC, "Dimensions": _dimensions(prefix)}
    # The least of an hour: one of two checks that failed isn't hidden by the other.
    query = {"Id": "check", "MetricStat": {"Metric": metric, "Period": PERIOD, "Stat": "Minimum"}}
    results = cloudwatch.get_metric_data(
        MetricDataQueries=[query],
        StartTime=now - timedelta(days=DAYS),
        EndTime=now + timedelta(minutes=5),
        ScanBy="TimestampDescending",
    )["MetricDataResults"]
    found = next((one for one in results if one["Values"]), None)
    if not found:
        return None
    return BackupCheck(found["Timestamps"][0].astimezone(UTC), found["Values"][0] > 0)


def _dimensions(prefix: str) -> list[dict[str, str]]:
    return [{"Name": "Stack", "Value": prefix}]


def _file(prefix: str) -> Path:
    """https://specifications.freedesktop.org/basedir-spec/latest/"""
    folder = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(folder) / "django-stack" / f"{prefix}-backup-check.json"
