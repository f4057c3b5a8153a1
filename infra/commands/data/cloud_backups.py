"""What RDS has kept of a stack's databases: snapshots, and the windows within which it restores any moment."""

from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from infra.cloud.databases import databases
from infra.commands.data.ends import Backups, Window
from infra.commands.operations.cloud_stack import CloudStack


def backups_of(stack: CloudStack, instance: str) -> Backups:
    """Those of the instance that serves, and of the ones that it replaced: it has none from before it was made.

    Snapshots are whole, the newest first; windows are the serving one's first. That of a replaced one ends where the
    next one's begins, since it has nothing that happened later.
    """
    rds = stack.client("rds")
    others = [str(one["DBInstanceIdentifier"]) for one in databases(rds, stack.names)]
    ours = [instance, *(one for one in others if one != instance)]
    snapshots = sorted(
        (found for one in ours for found in _snapshots(rds, one)), key=lambda found: found[1], reverse=True
    )
    sole = ours == [stack.prefix]  # then it is the setting's default
    windows: list[Window] = []
    for one in ours:
        for window in _windows(rds, one):
            last = min([_utc(window["LatestTime"]), *(newer.first for newer in windows)])
            if (first := _utc(window["EarliestTime"])) <= last:
                windows.append(Window(first, last, "" if sole else one))
    return Backups(tuple(snapshots), tuple(windows))


def _snapshots(rds: Any, instance: str) -> list[tuple[str, datetime, int]]:
    pages = rds.get_paginator("describe_db_snapshots").paginate(DBInstanceIdentifier=instance)
    return [
        (str(one["DBSnapshotIdentifier"]), _utc(one["SnapshotCreateTime"]), int(one["AllocatedStorage"]))
        for page in pages
        for one in page["DBSnapshots"]
        if one["Status"] == "available"
    ]


def _windows(rds: Any, instance: str) -> list[dict[str, datetime]]:
    try:
        kept = rds.describe_db_instance_automated_backups(DBInstanceIdentifier=instance)["DBInstanceAutomatedBackups"]
    except ClientError as error:
        if "NotFound" not in error.response["Error"].get("Code", ""):
            raise
        return []
    return [one["RestoreWindow"] for one in kept if one.get("RestoreWindow", {}).get("EarliestTime")][:1]


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
