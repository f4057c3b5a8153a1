"""What the official provider does with databases: deletion, restores, import, versions, waits."""

from dataclasses import replace
from typing import Any

import pytest
from aws_account import Account, Thing
from aws_samples import SAMPLES

from django_stack_plugins.aws.database import Instance
from django_stack_plugins.aws.session import CallError
from django_stack_plugins.resource import InitFailed, PluginError


def changes_but_insights(database: Thing) -> list[str]:
    """What has changed of a database, but for its insights, which moto forgets."""
    return [change.path for change in database.changes() if "nsights" not in change.path]


def test_a_minor_version_that_aws_moved_to_is_no_change_but_another_major_is(account: Account) -> None:
    database = account.sample("Instance", engineVersion="17")
    account.emulator.put("<EngineVersion>17.6</EngineVersion>", "<EngineVersion>17</EngineVersion>", 9)
    assert (database.read() or {})["engineVersionActual"] == "17.6"
    assert changes_but_insights(database) == []
    account.emulator.put("<EngineVersion>18.1</EngineVersion>", "<EngineVersion>17.6</EngineVersion>", 9)
    assert changes_but_insights(database) == ["engineVersion"]


def test_a_database_is_not_deleted_without_its_last_snapshot(account: Account) -> None:
    database = account.sample("Instance", finalSnapshotIdentifier=None)
    with pytest.raises(PluginError, match="finalSnapshotIdentifier is required unless skipFinalSnapshot is true"):
        database.delete()
    database.update(finalSnapshotIdentifier="app-last")
    database.delete()
    snapshots = account.ask("rds", "DescribeDBSnapshots")["DBSnapshots"]
    assert [snapshot["DBSnapshotIdentifier"] for snapshot in snapshots if snapshot["SnapshotType"] == "manual"] == [
        "app-last"
    ]


def test_a_database_from_a_snapshot_has_its_data_and_the_rest_from_the_program(account: Account) -> None:
    database = account.sample("Instance")
    account.ask("rds", "CreateDBSnapshot", DBInstanceIdentifier="app", DBSnapshotIdentifier="before")
    account.emulator.asked.clear()
    restored = account.make("Instance", {**database.inputs, "identifier": "app-2", "snapshotIdentifier": "before"})
    calls = [call for call in account.emulator.asked if "DBInstance" in call and not call.startswith("Describe")]
    assert calls == ["RestoreDBInstanceFromDBSnapshot", "ModifyDBInstance"]
    assert changes_but_insights(restored) == []
    assert restored.state["arn"] != database.state["arn"]
    (found,) = account.ask("rds", "DescribeDBInstances", DBInstanceIdentifier="app-2")["DBInstances"]
    assert found["DBParameterGroups"][0]["DBParameterGroupName"] == database.inputs["parameterGroupName"]
    assert found["BackupRetentionPeriod"] == 7


def test_a_database_of_a_moment_is_one_of_another_database(account: Account) -> None:
    database = account.sample("Instance")
    moment = {"sourceDbInstanceIdentifier": "app", "useLatestRestorableTime": True}
    restored = account.make("Instance", {**database.inputs, "identifier": "app-2", "restoreToPointInTime": moment})
    assert "RestoreDBInstanceToPointInTime" in account.emulator.asked
    assert changes_but_insights(restored) == []
    assert restored.state["address"] != database.state["address"]


def test_a_restored_database_that_can_not_be_changed_is_known_to_the_engine(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = account.sample("Instance")
    account.ask("rds", "CreateDBSnapshot", DBInstanceIdentifier="app", DBSnapshotIdentifier="before")
    ask = account.session.call

    def refuse(service: str, operation: str, request: dict[str, Any], *more: Any) -> Any:
        if operation == "ModifyDBInstance":
            raise CallError("InvalidParameterValue", "ModifyDBInstance: no (InvalidParameterValue)")
        return ask(service, operation, request, *more)

    monkeypatch.setattr(account.session, "call", refuse)
    with pytest.raises(InitFailed, match="InvalidParameterValue") as failure:
        account.make("Instance", {**database.inputs, "identifier": "app-2", "snapshotIdentifier": "before"})
    (found,) = account.ask("rds", "DescribeDBInstances", DBInstanceIdentifier="app-2")["DBInstances"]
    assert failure.value.resource_id == found["DbiResourceId"]


def test_a_database_that_is_imported_would_leave_no_snapshot(account: Account) -> None:
    """The provider has to assume something, since AWS tells neither; the next update sets what the program says."""
    database = account.sample("Instance")
    found = database.kind.adopt(database.operation, "app")
    assert found is not None
    own_id, state, inputs = found
    assert own_id == database.id
    assert (state["address"], inputs["skipFinalSnapshot"]) == (database.state["address"], True)
    assert "password" not in inputs
    untold = {"applyImmediately", "finalSnapshotIdentifier", "password", "skipFinalSnapshot"}
    changed = {change.path for change in database.kind.diff(inputs, database.inputs)}
    assert {path for path in changed if "nsights" not in path} <= untold
    assert not [change for change in database.kind.diff(inputs, database.inputs) if database.kind.replaces(change)]
    assert database.kind.adopt(database.operation, "nobody") is None


def test_a_database_is_waited_for_until_it_is_available(account: Account) -> None:
    account.sample("SubnetGroup"), account.sample("ParameterGroup")
    account.emulator.put("<DBInstanceStatus>creating<", "<DBInstanceStatus>available<", 3)
    assert account.sample("Instance").state["status"] == "available"
    assert account.emulator.asked.count("DescribeDBInstances") >= 3


def test_a_database_that_takes_longer_than_usual_is_waited_for_as_long_as_the_program_says(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Instance, "ready", replace(Instance.ready, seconds=0))
    account.sample("SubnetGroup"), account.sample("ParameterGroup")
    account.emulator.put("<DBInstanceStatus>creating<", "<DBInstanceStatus>available<", 3)
    inputs = SAMPLES["Instance"](account)
    assert account.make("Instance", inputs, timeout=60).state["status"] == "available"


def test_a_database_that_fails_is_an_error_and_is_known_to_the_engine(account: Account) -> None:
    account.sample("SubnetGroup"), account.sample("ParameterGroup")
    account.emulator.put("<DBInstanceStatus>incompatible-network<", "<DBInstanceStatus>available<", 99)
    with pytest.raises(InitFailed, match="thing is incompatible-network") as failure:
        account.sample("Instance")
    (database,) = account.ask("rds", "DescribeDBInstances")["DBInstances"]
    assert failure.value.resource_id == database["DbiResourceId"]
