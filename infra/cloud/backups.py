"""What RDS says, before anything is made, about the snapshot or the moment that a new database is to be made from."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra import fixes
from infra.cloud.database import ENGINE, USER
from infra.cloud.settings import CloudSettings


def origin_errors(rds: Any, settings: CloudSettings, present: list[dict[str, Any]]) -> list[str]:
    """Errors about the snapshot or the moment; none once the database is made, `present` are those of the stack."""
    origin = settings.origin
    names = [database["DBInstanceIdentifier"] for database in present]
    if not origin or names[:1] == [origin.identifier]:
        return []
    if origin.identifier in names:
        return [_of_one_before(settings)]
    try:
        if origin.snapshot:
            return list(_of_snapshot(rds, settings))
        return list(_of_moment(rds, settings, present))
    except (BotoCoreError, ClientError) as error:
        return unchecked(settings, error)


def unchecked(settings: CloudSettings, error: Exception) -> list[str]:
    """The error for an origin about which RDS can't be asked; none without an origin."""
    if not settings.origin:
        return []
    key = "database-snapshot" if settings.origin.snapshot else "database-restore-time"
    return [f"{key} can't be checked: {error}. Fix: allow the call, or {fixes.remove(settings.stack, key)}"]


def _of_one_before(settings: CloudSettings) -> str:
    """The error for an origin from which the stack had a database already, before the present one: it has the name that
    the new one would get."""
    origin, stack = settings.origin, settings.stack
    of_it = {"database-restore-source": origin.identifier, "database-restore-time": "latest"}
    commands = [fixes.set_value(stack, key, value) for key, value in of_it.items()]
    keys = ["database-snapshot"] if origin.snapshot else ["database-restore-time", "database-restore-source"]
    without = " && ".join(fixes.remove(stack, key) for key in keys)
    if origin.snapshot:
        commands.insert(0, fixes.remove(stack, "database-snapshot"))
    return (
        f"The database that was made from {origin} before is still there, and its name, {origin.identifier}, is "
        f"taken. If the stack uses it now, nothing is to be made: {without}. Otherwise delete it and its log groups to "
        "make it anew (docs/data.md, When all is well again), or go back to what it had at last. "
        f"Fix: {' && '.join(commands)}"
    )


def _of_snapshot(rds: Any, settings: CloudSettings) -> Iterator[str]:
    name = settings.database_snapshot
    try:
        (found,) = rds.describe_db_snapshots(
            DBSnapshotIdentifier=name, **({"IncludeShared": True} if name.startswith("arn:") else {})
        )["DBSnapshots"]
    except ClientError as error:
        if "NotFound" not in error.response["Error"].get("Code", ""):
            raise
        pages = rds.get_paginator("describe_db_snapshots").paginate()
        ours = sorted(
            (
                snapshot
                for page in pages
                for snapshot in page["DBSnapshots"]
                if snapshot["DBInstanceIdentifier"].startswith(settings.prefix)
            ),
            key=lambda snapshot: str(snapshot.get("SnapshotCreateTime", "")),
        )
        fix = fixes.remove(settings.stack, "database-snapshot")
        if ours:
            fix = fixes.set_value(settings.stack, "database-snapshot", ours[-1]["DBSnapshotIdentifier"])
        yield f"database-snapshot is {name}, and there is no such snapshot in {settings.region}. Fix: {fix}"
        return
    if found.get("Status") != "available":
        yield (
            f"database-snapshot is {name}, which is {found.get('Status')}. Fix: wait until it is available, "
            f"aws rds wait db-snapshot-available --db-snapshot-identifier {name}"
        )
    yield from _of_content(settings, f"database-snapshot is {name}, a snapshot", found)


def _of_moment(rds: Any, settings: CloudSettings, present: list[dict[str, Any]]) -> Iterator[str]:
    origin, stack = settings.origin, settings.stack
    others = [database["DBInstanceIdentifier"] for database in present]
    if not settings.database_restore_source and len(others) > 1:
        fix = fixes.set_value(stack, "database-restore-source", others[0])
        yield (
            f"database-restore-time doesn't say which database is meant, {' or '.join(others)}, the newest first "
            f"(docs/data.md, A second restore). Fix: {fix}"
        )
        return
    by = "DbiResourceId" if origin.is_by_resource_id else "DBInstanceIdentifier"
    try:
        found = rds.describe_db_instance_automated_backups(**{by: origin.source})["DBInstanceAutomatedBackups"]
    except ClientError as error:
        if "NotFound" not in error.response["Error"].get("Code", ""):
            raise
        found = []
    windows = [backup for backup in found if backup.get("RestoreWindow", {}).get("LatestTime")]
    what = f"database-restore-time is {origin.moment}"
    if not windows:
        fix = f"aws rds describe-db-instance-automated-backups --region {settings.region} lists what has backups; "
        yield (
            f"{what}, and {origin.source} has no backups. Fix: {fix}"
            f"{fixes.set_value(stack, 'database-restore-source', others[0] if others else 'IDENTIFIER')}"
        )
        return
    if len(windows) > 1:
        ids = " or ".join(sorted(backup["DbiResourceId"] for backup in windows))
        yield (
            f"{what}, and {len(windows)} databases were called {origin.source}, one after the other: {ids}. "
            f"Fix: {fixes.set_value(stack, 'database-restore-source', windows[0]['DbiResourceId'])}"
        )
        return
    (backup,) = windows
    first, last = (_text(backup["RestoreWindow"][end]) for end in ("EarliestTime", "LatestTime"))
    if origin.moment != "latest" and not first <= origin.moment <= last:
        near = first if origin.moment < first else "latest"
        fix, page = fixes.set_value(stack, "database-restore-time", near), ""
        older = others[others.index(origin.source) + 1 :] if origin.source in others else []
        if origin.moment < first and older:
            # The first moments of a database that was restored have what was wrong, or what came of it.
            fix, page = fixes.set_value(stack, "database-restore-source", older[0]), " (docs/data.md, A second restore)"
        yield f"{what}, and {origin.source} can be restored to {first} up to {last}{page}. Fix: {fix}"
    yield from _of_content(settings, f"database-restore-source is {origin.source}, a database", backup)


def _of_content(settings: CloudSettings, what: str, found: Mapping[str, Any]) -> Iterator[str]:
    """Errors about what is in a backup: RDS would refuse it half-way, or the provider would replace the result."""
    stack = settings.stack
    instead = fixes.remove(stack, "database-snapshot" if settings.database_snapshot else "database-restore-time")
    if found.get("Engine") != ENGINE:
        yield f"{what} of {found.get('Engine')}, not of {ENGINE}. Fix: {instead}"
        return
    major = str(found.get("EngineVersion", "")).partition(".")[0]
    if major != str(settings.postgres_version):
        yield (
            f"{what} of PostgreSQL {major}, and postgres-version is {settings.postgres_version}; restore first, "
            f"upgrade then (docs/cloud.md). Fix: {fixes.set_value(stack, 'postgres-version', major)}"
        )
    if found.get("MasterUsername") != USER:
        yield (
            f"{what} whose user is {found.get('MasterUsername')}; the stack's is {USER}, which RDS can't change. Copy "
            f"such data with pg_dump and pg_restore instead. Fix: {instead}"
        )
    if not found.get("Encrypted"):
        copy = (
            f"aws rds copy-db-snapshot --source-db-snapshot-identifier {settings.database_snapshot} "
            f"--target-db-snapshot-identifier {settings.prefix}-encrypted --kms-key-id alias/aws/rds && "
            f"{fixes.set_value(stack, 'database-snapshot', f'{settings.prefix}-encrypted')}"
        )
        fix = copy if settings.database_snapshot else instead
        yield f"{what} without encryption, which the new database would lack. Fix: {fix}"
    stored, wanted = int(found.get("AllocatedStorage", 0)), settings.database_storage
    if stored and wanted != stored and wanted * 10 < stored * 11:
        yield (
            f"{what} of {stored} GiB, and database-storage is {wanted}; allowed: {stored}, or a tenth more. "
            f"Fix: {fixes.set_value(stack, 'database-storage', str(stored))}"
        )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
