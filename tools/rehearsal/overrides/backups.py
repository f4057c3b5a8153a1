"""Snapshots and automated backups with data in them, and databases that are made from them.

MiniStack records a snapshot without its data, makes a database from it without a server, and knows neither automated
backups nor a restore to a moment. On AWS a database is restored with its data under a new identifier; its groups and
parameters are those of the call, or else AWS's defaults, not those of the old one:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_RestoreFromSnapshot.html, USER_PIT.html
A name is taken by one snapshot only: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBInstance.html

Here a backup is a dump. RDS keeps the log of every change; this looks every two seconds whether there was one, and
keeps a dump of each state. A database that is restored to a moment has the last state that was seen before it.
"""

import contextvars
import io
import tarfile
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from docker.errors import NotFound
from ministack.core.responses import get_account_id, get_region
from ministack.services import rds

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace

PAUSE = 2  # seconds between two looks at a database
KEPT = 200  # states of a database
FOLDER, FILE = "/tmp", "restore.sql"  # noqa: S108  # in the database's own container


@dataclass(frozen=True)
class Backup:
    """A dump of a database, and the password of its user at that time."""

    dump: bytes
    password: str


@dataclass
class History:
    """The states of a database: when each was seen first, and its backup. `latest` is the time of the last look."""

    instance: dict[str, Any]
    states: "deque[tuple[float, Backup]]" = field(default_factory=lambda: deque(maxlen=KEPT))
    position: str = ""  # in the server's log of changes, at the last state
    latest: float = 0.0


_histories: dict[str, History] = {}  # by resource id
_snapshots: dict[str, Backup] = {}  # by ARN
_to_restore: dict[tuple[str, str, str], Backup] = {}  # by account, region and identifier of the new database
_starting: dict[str, Backup] = {}  # by id of the container


def apply(config: EmulatorConfig) -> None:
    """Wraps what makes and deletes databases and snapshots; adds the calls that are missing."""
    del config
    _keep_states()
    _fill_snapshots()
    _restore_into_new_containers()
    replace(rds, "_restore_from_snapshot", _restore_from_snapshot)
    rds._ACTION_MAP["RestoreDBInstanceToPointInTime"] = _restore_to_moment
    rds._ACTION_MAP["DescribeDBInstanceAutomatedBackups"] = _describe_automated_backups


def _keep_states() -> None:
    """A thread for each database looks for changes as long as the database is there."""
    create = rds._create_db_instance

    def create_db_instance(params: Any) -> Any:
        answer = create(params)
        instance = rds._instances.get(rds._p(params, "DBInstanceIdentifier"))
        if instance and instance["DbiResourceId"] not in _histories:
            history = _histories[instance["DbiResourceId"]] = History(instance)
            context = contextvars.copy_context()
            threading.Thread(target=context.run, args=(_watch, history), daemon=True).start()
        return answer

    replace(rds, "_create_db_instance", create_db_instance)


def _watch(history: History) -> None:
    instance = history.instance
    while rds._instances.get(instance["DBInstanceIdentifier"]) is instance:
        if instance["DBInstanceStatus"] == "available":
            with suppress(Exception):  # it's away for a moment, or just being deleted
                _look(history)
        time.sleep(PAUSE)


def _look(history: History) -> None:
    """Keeps the state of the database if it isn't the one that was seen last."""
    instance = history.instance
    now = time.time()
    position = _run(instance, "psql", "-Atc", "SELECT pg_current_wal_lsn()").decode()
    if position != history.position:
        history.states.append((now, _backup(instance)))
        history.position = position
    history.latest = now


def _backup(instance: dict[str, Any]) -> Backup:
    """The database as it is now."""
    return Backup(_run(instance, "pg_dump", "--no-owner"), instance["_MasterUserPassword"])


def _run(instance: dict[str, Any], program: str, *arguments: str) -> bytes:
    """What a client prints in the database's own container, where the socket trusts it. Raises RuntimeError."""
    container = rds._get_docker().containers.get(instance["_docker_container_id"])
    command = [program, "--username", instance["MasterUsername"], "--dbname", instance["DBName"], *arguments]
    status, (output, problem) = container.exec_run(command, demux=True)
    if status:
        raise RuntimeError((problem or b"").decode())
    return bytes(output or b"")


def _fill_snapshots() -> None:
    record = rds._create_snapshot_internal
    last: dict[str, Backup] = {}  # of a database that is being deleted, by the snapshot's identifier

    def create_snapshot(identifier: str, instance: dict[str, Any]) -> dict[str, Any]:
        backup = last.pop(identifier, None) or _backup(instance)
        snapshot: dict[str, Any] = record(identifier, instance)
        _snapshots[snapshot["DBSnapshotArn"]] = backup
        return snapshot

    replace(rds, "_create_snapshot_internal", create_snapshot)
    delete = rds._delete_db_instance

    def delete_db_instance(params: Any) -> Any:
        instance = rds._instances.get(rds._p(params, "DBInstanceIdentifier"))
        name = rds._p(params, "FinalDBSnapshotIdentifier")
        if instance and name and rds._p(params, "SkipFinalSnapshot") != "true":
            if name in rds._snapshots:
                return rds._error("DBSnapshotAlreadyExists", f"Cannot create {name}: it already exists.", 400)
            last[name] = _backup(instance)  # MiniStack makes the snapshot when the server has gone
        answer = delete(params)
        if instance and rds._p(params, "DeleteAutomatedBackups") != "false":
            still_there = rds._instances.get(instance["DBInstanceIdentifier"]) is instance
            if not still_there:
                _histories.pop(instance["DbiResourceId"], None)
        return answer

    replace(rds, "_delete_db_instance", delete_db_instance)
    describe = rds._describe_db_snapshots

    def describe_db_snapshots(params: Any) -> Any:
        given = rds._p(params, "DBSnapshotIdentifier")
        return describe({**params, "DBSnapshotIdentifier": [_name(given)]} if given else params)

    replace(rds, "_describe_db_snapshots", describe_db_snapshots)


def _restore_into_new_containers() -> None:
    """A database that is made from a backup becomes available when its server has the data."""
    run, wait = rds._run_rds_container, rds._wait_for_database_ready

    def run_container(client: Any, engine: str, kwargs: dict[str, Any], **more: Any) -> Any:
        container = run(client, engine, kwargs, **more)
        if backup := _to_restore.pop(_key(kwargs["labels"]["db_id"]), None):
            _starting[container.id] = backup
        return container

    def wait_for_database_ready(
        host: str, port: int, engine: str, user: str, password: str, name: str, *more: Any
    ) -> Any:
        ready = wait(host, port, engine, user, password, name, *more)
        for identifier in list(_starting):
            try:
                container = rds._get_docker().containers.get(identifier)
            except NotFound:  # it was deleted before it was ready
                _starting.pop(identifier)
                continue
            networks = container.attrs["NetworkSettings"]["Networks"].values()
            if ready and any(network["IPAddress"] == host for network in networks):
                ready = _load(container, user, name, _starting.pop(identifier))
        return ready

    replace(rds, "_run_rds_container", run_container)
    replace(rds, "_wait_for_database_ready", wait_for_database_ready)


def _load(container: Any, user: str, name: str, backup: Backup) -> bool:
    """Whether the server took the dump."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo(FILE)
        entry.size, entry.mode = len(backup.dump), 0o644
        tar.addfile(entry, io.BytesIO(backup.dump))
    container.put_archive(FOLDER, archive.getvalue())
    client = ["psql", "--username", user, "--dbname", name, "--quiet", "-v", "ON_ERROR_STOP=1"]
    for _ in range(60):  # its port may be open a moment before it takes connections
        if container.exec_run([*client, "-c", "SELECT 1"])[0] == 0:
            break
        time.sleep(0.5)
    status, output = container.exec_run([*client, "-f", f"{FOLDER}/{FILE}"])
    if status:
        rds.logger.error("RDS: the dump can't be restored: %s", output.decode(errors="replace"))
    return bool(status == 0)


def _restore_from_snapshot(params: Any) -> Any:
    name = _name(rds._p(params, "DBSnapshotIdentifier"))
    snapshot = rds._snapshots.get(name)
    if not snapshot:
        return rds._error("DBSnapshotNotFound", f"DBSnapshot not found: {name}", 404)
    identifier = rds._p(params, "DBInstanceIdentifier")
    backup = _snapshots[snapshot["DBSnapshotArn"]]
    return _restore(params, identifier, snapshot, backup, "RestoreDBInstanceFromDBSnapshot")


def _restore_to_moment(params: Any) -> Any:
    identifier = rds._p(params, "TargetDBInstanceIdentifier")
    source = rds._p(params, "SourceDbiResourceId") or rds._p(params, "SourceDBInstanceIdentifier")
    history = next(iter(_found(source)), None)
    if history is None:
        return rds._error("DBInstanceNotFound", f"DBInstance {source} not found.", 404)
    if rds._p(params, "UseLatestRestorableTime") == "true":
        backup = _backup(history.instance) if _is_there(history) else history.states[-1][1]
    else:
        moment = datetime.fromisoformat(rds._p(params, "RestoreTime")).timestamp()
        before = [state for seen, state in history.states if int(seen) <= moment]
        if not before or moment > history.latest:
            words = f"The specified instance can be restored from {_window(history)} only."
            return rds._error("InvalidParameterValue", words, 400)
        backup = before[-1]
    return _restore(params, identifier, history.instance, backup, "RestoreDBInstanceToPointInTime")


def _restore(params: Any, identifier: str, source: dict[str, Any], backup: Backup, call: str) -> Any:
    """Makes the database; what the call doesn't say, and isn't in the data, is AWS's default."""
    if identifier in rds._instances:
        return rds._error("DBInstanceAlreadyExists", f"DB instance already exists: {identifier}", 400)
    of_source = {
        "Engine": source["Engine"],
        "EngineVersion": source["EngineVersion"],
        "MasterUsername": source["MasterUsername"],
        "MasterUserPassword": backup.password,
        "DBName": source["DBName"],
        "StorageEncrypted": str(source["StorageEncrypted"]).lower(),
        "AllocatedStorage": rds._p(params, "AllocatedStorage") or str(source["AllocatedStorage"]),
        "StorageType": rds._p(params, "StorageType") or source["StorageType"],
        "DBInstanceIdentifier": identifier,
    }
    _to_restore[_key(identifier)] = backup
    answer = rds._create_db_instance({**params, **{key: [value] for key, value in of_source.items()}})
    instance = rds._instances.get(identifier)
    if not instance:
        _to_restore.pop(_key(identifier), None)
        return answer
    return rds._single_instance_response(f"{call}Response", f"{call}Result", instance)


def _describe_automated_backups(params: Any) -> Any:
    source = rds._p(params, "DbiResourceId") or rds._p(params, "DBInstanceIdentifier")
    found = _found(source)
    if source and not found:
        return rds._error("DBInstanceAutomatedBackupNotFound", f"There is no backup of {source}.", 404)
    entries = "".join(f"<DBInstanceAutomatedBackup>{_xml(history)}</DBInstanceAutomatedBackup>" for history in found)
    name = "DescribeDBInstanceAutomatedBackups"
    body = f"<DBInstanceAutomatedBackups>{entries}</DBInstanceAutomatedBackups>"
    return rds._xml(200, f"{name}Response", f"<{name}Result>{body}</{name}Result>")


def _xml(history: History) -> str:
    instance = history.instance
    shown = {
        "DBInstanceArn": instance["DBInstanceArn"],
        "DbiResourceId": instance["DbiResourceId"],
        "DBInstanceIdentifier": instance["DBInstanceIdentifier"],
        "Region": get_region(),
        "Status": "active" if _is_there(history) else "retained",
        "Engine": instance["Engine"],
        "EngineVersion": instance["EngineVersion"],
        "MasterUsername": instance["MasterUsername"],
        "Encrypted": str(instance["StorageEncrypted"]).lower(),
        "AllocatedStorage": instance["AllocatedStorage"],
        "BackupRetentionPeriod": instance["BackupRetentionPeriod"],
    }
    first, latest = _window(history).split(" to ")
    window = f"<EarliestTime>{first}</EarliestTime><LatestTime>{latest}</LatestTime>" if history.states else ""
    fields = "".join(f"<{key}>{value}</{key}>" for key, value in shown.items())
    return f"{fields}<RestoreWindow>{window}</RestoreWindow>"


def _window(history: History) -> str:
    first = history.states[0][0] if history.states else history.latest
    return f"{_text(first)} to {_text(history.latest)}"


def _text(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _found(source: str) -> list[History]:
    """The databases of that resource id or identifier that have backups; all of them without one."""
    return [
        history
        for history in _histories.values()
        if history.instance["DBInstanceArn"].split(":")[3:5] == [get_region(), get_account_id()]
        and source in {"", history.instance["DbiResourceId"], history.instance["DBInstanceIdentifier"]}
    ]


def _is_there(history: History) -> bool:
    return rds._instances.get(history.instance["DBInstanceIdentifier"]) is history.instance


def _name(snapshot: str) -> str:
    """The identifier of a snapshot that is named by its identifier or its ARN."""
    return snapshot.rpartition(":snapshot:")[2]


def _key(identifier: str) -> tuple[str, str, str]:
    return get_account_id(), get_region(), identifier
