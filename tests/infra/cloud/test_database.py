"""The RDS instance: its version, upgrades, and what is left of it."""

from typing import Any

import pytest

from tests.infra.cloud.variants import OTHER


@pytest.mark.parametrize("version", [14, 16, 18])
def test_the_database_is_the_same_major_version_as_the_local_one(cloud: Any, program: Any, version: int) -> None:
    run = cloud(OTHER | {"postgres-version": version})
    database = run["database"].inputs
    assert database["engineVersion"] == str(version)
    assert run["database-parameters"].inputs["family"] == f"postgres{version}"
    assert database["engineLifecycleSupport"] == "open-source-rds-extended-support-disabled"
    assert program({"postgres-version": version})["database-image"].inputs["name"] == f"postgres:{version}-trixie"


def test_a_major_upgrade_makes_the_new_parameters_before_it_leaves_the_old(cloud: Any) -> None:
    before, after = cloud(OTHER), cloud({"database-upgrade": True})
    for run, family in ((before, "postgres16"), (after, "postgres17")):
        group = run["database-parameters"]
        assert (group.inputs["namePrefix"], group.inputs["family"]) == (f"django-stack-cloud-{family}-", family)
        assert run["database"].inputs["parameterGroupName"].startswith(group.inputs["namePrefix"])
        assert group.request.deleteBeforeReplaceDefined
        assert not group.request.deleteBeforeReplace
    assert before["database"].inputs["allowMajorVersionUpgrade"] is False
    assert after["database"].inputs["allowMajorVersionUpgrade"] is True


def test_a_database_that_is_made_anew_leaves_a_snapshot_of_another_name(cloud: Any) -> None:
    run = cloud()
    keepers, database = run["database-last-snapshot"].inputs["keepers"], run["database"].inputs
    for what_replaces in ("identifier", "engine", "dbName", "username"):
        assert database[what_replaces] in keepers.values()
    assert database["finalSnapshotIdentifier"] == "django-stack-cloud-last-0a1b2c3d"
    assert cloud(stack="pr-12")["database-last-snapshot"].inputs["keepers"] != keepers
