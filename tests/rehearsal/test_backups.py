"""RDS's snapshots and backups have data, and a database that is made from one has it, too."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.conftest import AWS
from tests.rehearsal.rds import make_database, wait_for_database
from tests.waiting import wait_until

pytestmark = pytest.mark.docker


class Databases:
    """The databases of an emulator, and what is in them."""

    def __init__(self, aws: AWS) -> None:
        self.aws, self.rds = aws, aws.client("rds")

    def wait(self, name: str) -> dict[str, Any]:
        """What RDS says of it once it is available."""
        return wait_for_database(self.aws, name)

    def query(self, name: str, sql: str, password: str = "a-password") -> str:
        """What PostgreSQL answers, over the network with the password."""
        (container,) = self.aws.engine.containers.list(filters={"label": f"db_id={name}"}, ignore_removed=True)
        address = next(iter(container.attrs["NetworkSettings"]["Networks"].values()))["IPAddress"]
        command = ["psql", f"postgresql://app@{address}/app", "-v", "ON_ERROR_STOP=1", "-qAtc", sql]
        status, output = container.exec_run(command, environment={"PGPASSWORD": password})
        assert status == 0, output
        return str(output.decode().strip())

    def latest(self, name: str) -> datetime:
        backup = self.rds.describe_db_instance_automated_backups(DBInstanceIdentifier=name)
        found: datetime = backup["DBInstanceAutomatedBackups"][0]["RestoreWindow"]["LatestTime"]
        return found

    def remove(self) -> None:
        for database in self.rds.describe_db_instances()["DBInstances"]:
            name = database["DBInstanceIdentifier"]
            self.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


@pytest.fixture(scope="module")
def databases(aws: AWS) -> Iterator[Databases]:
    """One database, `first`, that has the word `good`."""
    found = Databases(aws)
    make_database(aws, "first", StorageEncrypted=True, BackupRetentionPeriod=7)
    found.query("first", "CREATE TABLE words (word text); INSERT INTO words VALUES ('good')")
    yield found
    found.remove()


def test_a_snapshot_has_the_data_of_its_time_and_comes_back_as_another_database(databases: Databases) -> None:
    rds = databases.rds
    rds.create_db_snapshot(DBInstanceIdentifier="first", DBSnapshotIdentifier="before")
    databases.query("first", "INSERT INTO words VALUES ('later')")
    (snapshot,) = rds.describe_db_snapshots(DBSnapshotIdentifier="before")["DBSnapshots"]
    by_arn = rds.describe_db_snapshots(DBSnapshotIdentifier=snapshot["DBSnapshotArn"])["DBSnapshots"]
    assert by_arn == [snapshot]
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="second",
        DBSnapshotIdentifier=snapshot["DBSnapshotArn"],
        DBInstanceClass="db.t4g.small",
        DeletionProtection=False,
        Tags=[{"Key": "a", "Value": "b"}],
    )
    made = databases.wait("second")
    assert databases.query("second", "SELECT string_agg(word, ' ' ORDER BY word) FROM words") == "good"
    assert (made["DBInstanceClass"], made["StorageEncrypted"], made["MasterUsername"]) == ("db.t4g.small", True, "app")
    assert made["TagList"] == [{"Key": "a", "Value": "b"}]
    assert made["DbiResourceId"] != snapshot["DbiResourceId"]
    rds.modify_db_instance(DBInstanceIdentifier="second", MasterUserPassword="another", ApplyImmediately=True)
    assert databases.query("second", "SELECT 1", "another") == "1"
    assert databases.query("first", "SELECT count(*) FROM words") == "2", "the old one is as it was"


def test_a_database_is_restored_to_a_moment(databases: Databases) -> None:
    databases.query("first", "INSERT INTO words VALUES ('wanted')")
    now = datetime.now(UTC)
    wait_until(lambda: databases.latest("first") > now, "a backup")
    moment = datetime.now(UTC).replace(microsecond=0)
    time.sleep(1)
    databases.query("first", "DROP TABLE words")
    with pytest.raises(ClientError, match="can be restored from"):
        restore(databases, "third", RestoreTime=datetime(2001, 1, 1, tzinfo=UTC))
    wait_until(lambda: databases.latest("first") > moment, "a backup")
    restore(databases, "third", RestoreTime=moment)
    databases.wait("third")
    assert databases.query("third", "SELECT count(*) FROM words WHERE word = 'wanted'") == "1"
    restore(databases, "fourth", UseLatestRestorableTime=True)
    databases.wait("fourth")
    assert databases.query("fourth", "SELECT to_regclass('words') IS NULL") == "t"


def restore(databases: Databases, name: str, **moment: Any) -> None:
    databases.rds.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier="first", TargetDBInstanceIdentifier=name, DBInstanceClass="db.t4g.micro", **moment
    )


def test_a_deleted_database_leaves_its_data_under_a_name_that_is_free(databases: Databases) -> None:
    rds = databases.rds
    with pytest.raises(ClientError, match="DBSnapshotAlreadyExists"):
        rds.delete_db_instance(DBInstanceIdentifier="third", FinalDBSnapshotIdentifier="before")
    rds.delete_db_instance(DBInstanceIdentifier="third", FinalDBSnapshotIdentifier="last")
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="fifth", DBSnapshotIdentifier="last", DBInstanceClass="db.t4g.micro"
    )
    databases.wait("fifth")
    assert databases.query("fifth", "SELECT count(*) FROM words WHERE word = 'wanted'") == "1"
    with pytest.raises(ClientError, match="DBInstanceAutomatedBackupNotFound"):
        databases.latest("third")
