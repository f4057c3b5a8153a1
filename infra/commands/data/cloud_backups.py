"""What RDS has kept of a database: snapshots, and the window within which it restores any moment."""

from datetime import UTC, datetime

from infra.commands.data.ends import Backups
from infra.commands.operations.cloud_stack import CloudStack


def backups_of(stack: CloudStack, instance: str) -> Backups:
    """Those of an instance of RDS; snapshots that are whole, the newest first."""
    rds = stack.client("rds")
    pages = rds.get_paginator("describe_db_snapshots").paginate(DBInstanceIdentifier=instance)
    found = sorted(
        (
            (str(one["DBSnapshotIdentifier"]), _utc(one["SnapshotCreateTime"]), int(one["AllocatedStorage"]))
            for page in pages
            for one in page["DBSnapshots"]
            if one["Status"] == "available"
        ),
        key=lambda one: one[1],
        reverse=True,
    )
    kept = rds.describe_db_instance_automated_backups(DBInstanceIdentifier=instance)["DBInstanceAutomatedBackups"]
    windows = [one["RestoreWindow"] for one in kept if one.get("RestoreWindow", {}).get("EarliestTime")]
    window = (_utc(windows[0]["EarliestTime"]), _utc(windows[0]["LatestTime"])) if windows else None
    return Backups(tuple(found), window, "" if instance == stack.prefix else instance)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
