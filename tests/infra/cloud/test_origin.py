"""A new database from a snapshot or from a moment: what is asked of AWS, and what becomes of the old one."""

from typing import Any

import pytest

SNAPSHOT = {"database-snapshot": "django-stack-cloud-last-0a1b2c3d"}
MOMENT = {"database-restore-time": "2026-01-31T09:30:00Z"}


def test_a_database_from_a_snapshot_is_like_any_other_of_the_stack(cloud: Any) -> None:
    usual, restored = cloud()["database"].inputs, cloud(SNAPSHOT)["database"].inputs
    assert restored["snapshotIdentifier"] == "django-stack-cloud-last-0a1b2c3d"
    differing = {key for key in usual.keys() | restored.keys() if usual.get(key) != restored.get(key)}
    assert differing == {"identifier", "snapshotIdentifier"}


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        (MOMENT, {"sourceDbInstanceIdentifier": "django-stack-cloud", "restoreTime": "2026-01-31T09:30:00Z"}),
        (
            {"database-restore-time": "2026-01-31T10:30:00.5+01:00"},
            {"sourceDbInstanceIdentifier": "django-stack-cloud", "restoreTime": "2026-01-31T09:30:00Z"},
        ),
        (
            {"database-restore-time": "latest", "database-restore-source": "django-stack-cloud-0a1b2c3d"},
            {"sourceDbInstanceIdentifier": "django-stack-cloud-0a1b2c3d", "useLatestRestorableTime": True},
        ),
        (
            MOMENT | {"database-restore-source": "db-ABCDEFGHIJKLMNOPQRSTUVWX01"},
            {"sourceDbiResourceId": "db-ABCDEFGHIJKLMNOPQRSTUVWX01", "restoreTime": "2026-01-31T09:30:00Z"},
        ),
    ],
)
def test_a_moment_is_one_of_a_database_by_identifier_or_resource_id(
    cloud: Any, settings: dict[str, Any], asked: dict[str, Any]
) -> None:
    inputs = cloud(settings)["database"].inputs
    assert inputs["restoreToPointInTime"] == asked
    assert "snapshotIdentifier" not in inputs


def test_each_origin_has_an_identifier_of_its_own_that_lasts(cloud: Any) -> None:
    """Old and new are there at once; and the same settings never make another one."""
    several = [
        {},
        SNAPSHOT,
        {"database-snapshot": "other"},
        MOMENT,
        {"database-restore-time": "latest"},
        MOMENT | {"database-restore-source": "other"},
    ]
    names = [cloud(settings)["database"].inputs["identifier"] for settings in several]
    assert len(set(names)) == len(several)
    assert names[:2] == ["django-stack-cloud", "django-stack-cloud-f6813f8e"]


def test_old_and_new_are_there_at_once_and_the_old_one_is_not_deleted(cloud: Any) -> None:
    for settings in (SNAPSHOT, MOMENT):
        database = cloud(settings)["database"]
        assert database.request.deleteBeforeReplaceDefined
        assert not database.request.deleteBeforeReplace
        assert database.request.retainOnDelete
        assert not database.request.protect, "Pulumi refuses to replace what is protected"
        assert database.inputs["deletionProtection"], "AWS still protects it"
        assert not database.request.ignoreChanges


def test_a_database_stays_what_it_is_when_the_setting_is_taken_away(cloud: Any) -> None:
    database = cloud()["database"]
    assert set(database.request.ignoreChanges) == {"identifier", "restoreToPointInTime", "snapshotIdentifier"}
    assert list(cloud()["database-last-snapshot"].request.ignoreChanges) == ["keepers.origin"]
    assert database.request.protect
    assert database.request.retainOnDelete


def test_a_database_that_need_not_be_kept_goes_with_a_last_snapshot(cloud: Any) -> None:
    run = cloud(SNAPSHOT | {"keep-data": False})
    assert not run["database"].request.retainOnDelete
    assert run["database"].inputs["deletionProtection"] is False
    assert run["database"].inputs["skipFinalSnapshot"] is False
    others = cloud({"keep-data": False})["database-last-snapshot"].inputs["keepers"]
    assert run["database-last-snapshot"].inputs["keepers"] != others, "the next one's last snapshot needs another name"


def test_the_site_and_its_alarms_follow(cloud: Any) -> None:
    run = cloud(SNAPSHOT)
    identifier = run["database"].inputs["identifier"]
    assert f"@{identifier}.c123456789ab." in run.outputs["DATABASE_URL"]
    watched = {
        name: resource.inputs["dimensions"]["DBInstanceIdentifier"]
        for name, resource in run.resources.items()
        if "DBInstanceIdentifier" in resource.inputs.get("dimensions", {})
    }
    assert len(watched) >= 3
    assert set(watched.values()) == {identifier}
