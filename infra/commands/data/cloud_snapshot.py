"""Checks a snapshot of RDS: an instance is made from it beside the one that serves, looked at, and deleted."""

import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.cloud.task_kinds import CHECK_SEEN
from infra.commands.data import backup_check
from infra.commands.data.backup_check import Checked
from infra.commands.data.cloud_database import serving
from infra.commands.data.database_copy import say
from infra.commands.data.ends import DataError, ServerError
from infra.commands.operations.backup_checks import BackupCheck, put_metric
from infra.commands.operations.cloud_stack import CloudStack, explained
from infra.together import repeating

KIND = "check"  # the identifier's beginning: no stack of the project has it, since theirs begin with the project's name
BEAT, DEAD = 60.0, 300.0  # seconds between two signs of life, and after the last one until a check counts as killed
PAUSE = 10.0  # seconds between two looks
START_SECONDS, PASSWORD_SECONDS = 3 * 3600.0, 1800.0  # a large snapshot takes an hour and more
FIRST_SECONDS = 30.0  # until RDS begins to set a password
# The address of the restored instance, which has the stack's password, takes the place of the serving one's.
PROGRAM = """
import os, sys
from urllib.parse import urlsplit
url = urlsplit(os.environ["DATABASE_URL"])
login = url.netloc.rpartition("@")[0]
os.environ["DATABASE_URL"] = url._replace(netloc=login + "@" + sys.argv[1]).geturl()
os.execvp(sys.argv[2], sys.argv[2:])
"""


class SnapshotCheck:
    """The newest snapshot of a stack's database."""

    def __init__(self, name: str, settings: Mapping[str, object]) -> None:
        self._stack = CloudStack(name, settings)

    @explained
    def check(self) -> Checked:
        """Raises DataError."""
        url, instance = serving(self._stack)
        snapshot, made = self._newest(instance)
        say(f"Making a database from {snapshot}; that takes ten minutes and more.")
        with self._restored(instance, snapshot, url.password) as host:
            line = ["python", "-c", PROGRAM, host, *backup_check.words()]
            return backup_check.counted(self._stack.name, line, f"the snapshot {snapshot}", made)

    @explained
    def note(self, check: BackupCheck) -> None:
        """Writes it down for `status`."""
        put_metric(self._stack.client("cloudwatch"), self._stack.prefix, check)

    @explained
    def alarm(self, why: str) -> None:
        """Tells the stack's alarm topic of a failure."""
        # arn:PARTITION:ecs:REGION:ACCOUNT:service/…
        _, partition, _, region, account, _ = str(self._stack.service["serviceArn"]).split(":", 5)
        self._stack.client("sns").publish(
            TopicArn=f"arn:{partition}:sns:{region}:{account}:{self._stack.prefix}-alarms",
            Subject=f"{self._stack.prefix}: the check of a backup failed"[:100],
            Message=why,
        )

    def _newest(self, instance: Mapping[str, Any]) -> tuple[str, datetime]:
        pages = (
            self._stack.client("rds")
            .get_paginator("describe_db_snapshots")
            .paginate(DBInstanceIdentifier=instance["DBInstanceIdentifier"])
        )
        found = [one for page in pages for one in page["DBSnapshots"] if one["Status"] == "available"]
        if not found:
            raise DataError(
                f"RDS has no snapshot of {instance['DBInstanceIdentifier']}. Fix: pulumi config set -s "
                f"{self._stack.name} database-backup-days 7, and wait for the first night"
            )
        newest = max(found, key=lambda one: one["SnapshotCreateTime"])
        return str(newest["DBSnapshotIdentifier"]), newest["SnapshotCreateTime"].astimezone(UTC)

    @contextmanager
    def _restored(self, instance: Mapping[str, Any], snapshot: str, password: str) -> Iterator[str]:
        """The host and port of an instance made from a snapshot, which is gone in the end."""
        rds, begin = self._stack.client("rds"), f"{KIND}-{instance['DBInstanceIdentifier']}"[:45]
        ours = re.compile(re.escape(begin) + r"-\d{12}[0-9a-f]{4}")
        for left in self._instances(lambda one: bool(ours.fullmatch(str(one["DBInstanceIdentifier"])))):
            if not _is_in_use(left):
                self._delete(str(left["DBInstanceIdentifier"]))
        identifier = f"{begin}-{datetime.now(UTC):%y%m%d%H%M%S}{secrets.token_hex(2)}"
        try:
            rds.restore_db_instance_from_db_snapshot(
                DBInstanceIdentifier=identifier,
                DBSnapshotIdentifier=snapshot,
                DBInstanceClass=instance["DBInstanceClass"],
                DBSubnetGroupName=instance["DBSubnetGroup"]["DBSubnetGroupName"],
                VpcSecurityGroupIds=[one["VpcSecurityGroupId"] for one in instance["VpcSecurityGroups"]],
                DBParameterGroupName=instance["DBParameterGroups"][0]["DBParameterGroupName"],
                PubliclyAccessible=False,
                MultiAZ=False,
                AutoMinorVersionUpgrade=False,
                CopyTagsToSnapshot=False,
                BackupRetentionPeriod=0,  # else RDS makes a whole backup of it first
                DeletionProtection=False,
                Tags=[*(tag for tag in instance.get("TagList", []) if not tag["Key"].startswith("aws:")), _alive()],
            )
            with self._kept_alive(identifier):
                host = self._available(identifier, START_SECONDS)
                # The snapshot may have been made with an earlier password.
                rds.modify_db_instance(
                    DBInstanceIdentifier=identifier, MasterUserPassword=password, ApplyImmediately=True
                )
                self._with_password(identifier)
                yield host
        finally:
            self._delete(identifier)

    def _kept_alive(self, identifier: str) -> AbstractContextManager[None]:
        """Says again and again that the instance is in use, so that no other check takes it for a killed one's."""
        rds = self._stack.client("rds")

        def beat() -> None:
            with suppress(ClientError, BotoCoreError):  # the next one comes in time
                for one in self._instances(lambda found: found["DBInstanceIdentifier"] == identifier):
                    rds.add_tags_to_resource(ResourceName=one["DBInstanceArn"], Tags=[_alive()])

        return repeating(beat, BEAT)

    def _available(self, identifier: str, seconds: float) -> str:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = self._instance(lambda one: one["DBInstanceIdentifier"] == identifier)
            state = str(found["DBInstanceStatus"]) if found else "creating"
            if found and state == "available" and found.get("Endpoint"):
                return f"{found['Endpoint']['Address']}:{found['Endpoint']['Port']}"
            if state in {"failed", "incompatible-restore", "incompatible-parameters", "storage-full"}:
                raise DataError(f"RDS can't make a database from the snapshot: it is {state}")
            time.sleep(PAUSE)
        raise DataError(f"The database from the snapshot isn't there after {seconds / 3600:g} hours")

    def _with_password(self, identifier: str) -> None:
        """Waits until RDS has set the password, which it begins a moment after it was told."""
        begun, until = time.monotonic() + FIRST_SECONDS, time.monotonic() + PASSWORD_SECONDS
        was_busy = False
        while time.monotonic() < until:
            found = self._instance(lambda one: one["DBInstanceIdentifier"] == identifier) or {}
            pending = "MasterUserPassword" in found.get("PendingModifiedValues", {})
            busy = pending or found.get("DBInstanceStatus") != "available"
            if not busy and (was_busy or time.monotonic() > begun):
                return
            was_busy = was_busy or busy
            time.sleep(min(PAUSE, 5.0))
        raise ServerError("RDS doesn't set the password of the database from the snapshot")

    def _delete(self, identifier: str) -> None:
        try:
            self._stack.client("rds").delete_db_instance(
                DBInstanceIdentifier=identifier, SkipFinalSnapshot=True, DeleteAutomatedBackups=True
            )
        except ClientError as error:
            found = error.response["Error"]
            code, why = found.get("Code", ""), found.get("Message", "")
            if "NotFound" in code or "already being deleted" in why:
                return
            # RDS may also refuse it in another state, such as that of one that is being made.
            say(f"The database {identifier} can't be deleted now, and is billed until the next check does it.")

    def _instances(self, wanted: Callable[[Mapping[str, Any]], bool]) -> list[Mapping[str, Any]]:
        pages = self._stack.client("rds").get_paginator("describe_db_instances").paginate()
        return [one for page in pages for one in page["DBInstances"] if wanted(one)]

    def _instance(self, wanted: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any] | None:
        return next(iter(self._instances(wanted)), None)


def _alive() -> dict[str, str]:
    return {"Key": CHECK_SEEN, "Value": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}


def _is_in_use(instance: Mapping[str, Any]) -> bool:
    """Whether the check that made the instance was alive a short while ago."""
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("TagList", [])}
    try:
        seen = datetime.fromisoformat(tags.get(CHECK_SEEN, ""))
    except ValueError:
        return False
    return abs((datetime.now(UTC) - seen).total_seconds()) < DEAD
