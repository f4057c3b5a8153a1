"""The newest snapshot becomes an instance beside the one that serves, is looked at, and goes in any case."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.commands.data import backup_check, cloud_snapshot
from infra.commands.data.backup_check import MARK, Checked
from infra.commands.data.cloud_snapshot import SnapshotCheck
from infra.commands.data.ends import DataError
from infra.commands.operations.backup_checks import BackupCheck
from tests.waiting import wait_until

MADE = datetime(2026, 1, 31, 3, tzinfo=UTC)
HOST = "shop-cloud.abc.eu-central-1.rds.amazonaws.com"
SERVING = {
    "DBInstanceIdentifier": "shop-cloud",
    "DBInstanceClass": "db.t4g.small",
    "DBInstanceStatus": "available",
    "Endpoint": {"Address": HOST, "Port": 5432},
    "DBSubnetGroup": {"DBSubnetGroupName": "shop-cloud"},
    "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-1"}],
    "DBParameterGroups": [{"DBParameterGroupName": "shop-cloud-postgres17-1"}],
    "TagList": [{"Key": "django-stack.stack", "Value": "cloud"}, {"Key": "aws:something", "Value": "x"}],
}


class RDS:
    """As far as it is asked; a new instance is creating at first, and sets a new password after a look."""

    def __init__(self) -> None:
        self.instances: dict[str, dict[str, Any]] = {"shop-cloud": SERVING}
        self.snapshots = [snapshot("old", 1), snapshot("newest", 3), snapshot("unfinished", 5, "creating")]
        self.restored: dict[str, Any] = {}
        self.state, self.passwords, self.deleted = "available", list[str](), list[str]()
        self.tagged: list[str] = []  # instances, each time that one is given tags

    def get_paginator(self, operation: str) -> Any:
        def paginate(**more: Any) -> list[dict[str, Any]]:
            if operation == "describe_db_snapshots":
                assert more == {"DBInstanceIdentifier": "shop-cloud"}
                return [{"DBSnapshots": self.snapshots}]
            answer = [dict(one) for one in self.instances.values()]
            for one in self.instances.values():
                if one["DBInstanceStatus"] in {"creating", "modifying"}:
                    one["DBInstanceStatus"] = self.state
                    one["PendingModifiedValues"] = {}
            return [{"DBInstances": answer}]

        return SimpleNamespace(paginate=paginate)

    def restore_db_instance_from_db_snapshot(self, **given: Any) -> None:
        self.restored = given
        name = given["DBInstanceIdentifier"]
        endpoint = {"Address": f"{name}.rds", "Port": 5432}
        self.instances[name] = {"DBInstanceIdentifier": name, "DBInstanceStatus": "creating", "Endpoint": endpoint}
        self.instances[name] |= {"DBInstanceArn": f"arn:aws:rds:eu-central-1:1:db:{name}", "TagList": given["Tags"]}

    def add_tags_to_resource(self, **given: Any) -> None:
        name = given["ResourceName"].rpartition(":")[2]
        self.instances[name]["TagList"] = given["Tags"]
        self.tagged.append(name)

    def modify_db_instance(self, **given: Any) -> None:
        self.passwords.append(given["MasterUserPassword"])
        self.instances[given["DBInstanceIdentifier"]]["DBInstanceStatus"] = "modifying"

    def delete_db_instance(self, **given: Any) -> None:
        assert given["SkipFinalSnapshot"]
        assert given["DeleteAutomatedBackups"]
        name = given["DBInstanceIdentifier"]
        self.deleted.append(name)
        if name not in self.instances:
            raise ClientError({"Error": {"Code": "DBInstanceNotFound"}}, "DeleteDBInstance")
        del self.instances[name]


def snapshot(name: str, day: int, status: str = "available") -> dict[str, Any]:
    return {
        "DBSnapshotIdentifier": name,
        "SnapshotCreateTime": MADE.replace(day=day),
        "Status": status,
        "AllocatedStorage": 20,
    }


@pytest.fixture
def rds(monkeypatch: pytest.MonkeyPatch) -> RDS:
    rds = RDS()
    sent: list[dict[str, Any]] = []
    clients = {
        "rds": rds,
        "sns": SimpleNamespace(publish=lambda **given: sent.append(given)),
        "cloudwatch": SimpleNamespace(put_metric_data=lambda **given: sent.append(given)),
    }
    stack = SimpleNamespace(
        name="cloud",
        prefix="shop-cloud",
        account=SimpleNamespace(region="eu-central-1"),
        variable=lambda name: f"postgres://app:p%40ss@{HOST}:5432/app",
        client=lambda service: clients[service],
        service={"serviceArn": "arn:aws-cn:ecs:cn-north-1:123456789012:service/shop-cloud/shop-cloud-web"},
        sent=sent,
    )
    monkeypatch.setattr(cloud_snapshot, "CloudStack", lambda name, settings: stack)
    monkeypatch.setattr(cloud_snapshot.time, "sleep", lambda seconds: None)
    rds.stack = stack  # type: ignore[attr-defined]
    return rds


def answering(monkeypatch: pytest.MonkeyPatch, status: int, output: str) -> list[list[str]]:
    lines: list[list[str]] = []

    def out(line: list[str]) -> tuple[int, str]:
        lines.append(list(line))
        return status, output

    monkeypatch.setattr(backup_check, "operations", lambda name: SimpleNamespace(output=out))
    return lines


def test_the_newest_whole_snapshot_is_restored_where_the_tasks_reach_it(
    monkeypatch: pytest.MonkeyPatch, rds: RDS
) -> None:
    counts = '{"migrations": 30, "pending": 1, "tables": 12, "rows": 3456}'
    lines = answering(monkeypatch, 0, f"a warning\n{MARK}{counts}\n")
    found = SnapshotCheck("cloud", {}).check()
    assert found == Checked("the snapshot newest", MADE.replace(day=3), 30, 1, 12, 3456)
    given = rds.restored
    assert given["DBSnapshotIdentifier"] == "newest"
    assert given["DBSubnetGroupName"] == "shop-cloud"
    assert given["VpcSecurityGroupIds"] == ["sg-1"]
    assert given["DBParameterGroupName"] == "shop-cloud-postgres17-1"
    assert given["Tags"][:-1] == [{"Key": "django-stack.stack", "Value": "cloud"}]
    assert not given["PubliclyAccessible"]
    assert given["BackupRetentionPeriod"] == 0
    name = given["DBInstanceIdentifier"]
    assert name.startswith("check-shop-cloud-")
    assert lines[0][3] == f"{name}.rds:5432"
    assert rds.passwords == ["p@ss"]  # the snapshot may be from before the present one
    assert "p@ss" not in str(lines)
    assert list(rds.instances) == ["shop-cloud"]


@pytest.mark.parametrize(
    ("status", "output", "why"),
    [
        (1, "Traceback\ndjango.db.utils.ProgrammingError: nothing", "ProgrammingError"),
        (0, f'{MARK}{{"migrations": 0, "pending": 30, "tables": 12, "rows": 0}}', "no migrations of Django"),
        (0, "nothing that is known", "nothing that is known"),
    ],
)
def test_a_backup_that_the_version_cannot_use_is_a_failure_and_its_instance_goes(
    monkeypatch: pytest.MonkeyPatch, rds: RDS, status: int, output: str, why: str
) -> None:
    answering(monkeypatch, status, output)
    with pytest.raises(DataError, match=why):
        SnapshotCheck("cloud", {}).check()
    assert list(rds.instances) == ["shop-cloud"]


def test_a_snapshot_that_rds_cannot_restore_is_a_failure_and_its_instance_goes(
    monkeypatch: pytest.MonkeyPatch, rds: RDS
) -> None:
    rds.state = "incompatible-restore"
    with pytest.raises(DataError, match="incompatible-restore"):
        SnapshotCheck("cloud", {}).check()
    assert list(rds.instances) == ["shop-cloud"]


def test_what_a_killed_check_left_is_deleted_first_and_nothing_else(monkeypatch: pytest.MonkeyPatch, rds: RDS) -> None:
    answering(monkeypatch, 0, f'{MARK}{{"migrations": 1, "pending": 0, "tables": 1, "rows": 1}}')
    others = {"shop-cloud", "shop-cloud-2", "shop-cloud-check-2", "check-shop-cloud-2-260101000000abcd"}
    for name in ("check-shop-cloud-260101000000abcd", *(others - {"shop-cloud"})):
        rds.instances[name] = {"DBInstanceIdentifier": name, "DBInstanceStatus": "available"}
    SnapshotCheck("cloud", {}).check()
    assert set(rds.instances) == others


@pytest.mark.parametrize(
    ("code", "why", "said"),
    [
        ("InvalidDBInstanceState", "Instance check-x is currently creating", 1),
        ("InvalidDBInstanceState", "Instance check-x is already being deleted.", 0),
        ("DBInstanceNotFound", "DBInstance check-x not found.", 0),
    ],
)
def test_an_instance_that_stays_is_named_and_the_next_check_deletes_it(
    monkeypatch: pytest.MonkeyPatch, rds: RDS, capsys: pytest.CaptureFixture[str], code: str, why: str, said: int
) -> None:
    answer = f'{MARK}{{"migrations": 1, "pending": 0, "tables": 1, "rows": 1}}'
    answering(monkeypatch, 0, answer)

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": why}}, "DeleteDBInstance")

    with monkeypatch.context() as refused:
        refused.setattr(rds, "delete_db_instance", refuse)
        SnapshotCheck("cloud", {}).check()
    (left,) = set(rds.instances) - {"shop-cloud"}
    assert capsys.readouterr().err.count(f"The database {left} can't be deleted now, and is billed") == said
    rds.instances[left]["TagList"] = [{"Key": cloud_snapshot.CHECK_SEEN, "Value": "2026-01-31T00:00:00Z"}]
    SnapshotCheck("cloud", {}).check()
    assert list(rds.instances) == ["shop-cloud"]


def test_two_checks_at_once_leave_each_other_alone(monkeypatch: pytest.MonkeyPatch, rds: RDS) -> None:
    """Each says that it is alive by a tag of its instance, which the emulated RDS keeps."""
    monkeypatch.setattr(cloud_snapshot, "BEAT", 0.01)
    answer = f'{MARK}{{"migrations": 1, "pending": 0, "tables": 1, "rows": 1}}'
    seen: list[int] = []

    def inner(line: list[str]) -> tuple[int, str]:
        """The second check runs while the first one counts."""
        seen.append(len(rds.instances))
        (name,) = [one for one in rds.instances if one.startswith("check-")][: len(seen)]
        rds.tagged.clear()
        wait_until(lambda: name in rds.tagged, "another sign of life", 5)
        if len(seen) == 1:
            answering(monkeypatch, 0, answer)
            assert SnapshotCheck("cloud", {}).check().rows == 1
            assert name in rds.instances
        return 0, answer

    monkeypatch.setattr(backup_check, "operations", lambda name: SimpleNamespace(output=inner))
    assert SnapshotCheck("cloud", {}).check().rows == 1
    assert list(rds.instances) == ["shop-cloud"]


def test_a_database_without_snapshots_says_how_to_have_some(rds: RDS) -> None:
    rds.snapshots = [snapshot("unfinished", 5, "creating")]
    with pytest.raises(DataError, match="Fix: pulumi config set -s cloud database-backup-days 7"):
        SnapshotCheck("cloud", {}).check()
    assert rds.restored == {}


def test_cloudwatch_and_the_alarm_topic_of_the_stack_are_told(rds: RDS) -> None:
    check = SnapshotCheck("cloud", {})
    check.note(BackupCheck(MADE, is_good=False))
    check.alarm("The backup can't be used")
    metric, mail = rds.stack.sent  # type: ignore[attr-defined]
    assert metric["MetricData"][0]["Value"] == 0.0
    assert metric["MetricData"][0]["Dimensions"] == [{"Name": "Stack", "Value": "shop-cloud"}]
    assert mail["TopicArn"] == "arn:aws-cn:sns:cn-north-1:123456789012:shop-cloud-alarms"
    assert mail["Message"] == "The backup can't be used"


def test_the_restored_databases_address_takes_the_place_of_the_serving_ones_alone() -> None:
    show = "import os; print(os.environ['DATABASE_URL'])"
    done = subprocess.run(
        [sys.executable, "-c", cloud_snapshot.PROGRAM, "new.rds:5432", sys.executable, "-c", show],
        env={**os.environ, "DATABASE_URL": f"postgres://app:p%40ss@{HOST}:5432/app?sslmode=verify-full"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "postgres://app:p%40ss@new.rds:5432/app?sslmode=verify-full\n"
