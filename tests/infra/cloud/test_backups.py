"""A backup that a new database can't be made from is refused before anything happens, with the way out."""

import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from infra.cloud.aws import client
from infra.cloud.backups import origin_errors
from infra.cloud.databases import databases
from infra.cloud.settings import CloudSettings
from infra.cloud.task_kinds import CHECK_SEEN
from infra.settings import Settings
from tests.infra.cloud.fake_aws import FakeAWS, RefusalError, fake_aws

SNAPSHOT = {
    "DBSnapshotIdentifier": "django-stack-cloud-before",
    "DBInstanceIdentifier": "django-stack-cloud",
    "SnapshotCreateTime": "2026-01-30T04:00:00Z",
    "Engine": "postgres",
    "EngineVersion": "17.6",
    "MasterUsername": "app",
    "Encrypted": "true",
    "AllocatedStorage": 20,
    "Status": "available",
}
BACKUP = {
    "DBInstanceIdentifier": "django-stack-cloud",
    "DbiResourceId": "db-ABCDEFGHIJKLMNOP",
    "Engine": "postgres",
    "EngineVersion": "17.6",
    "MasterUsername": "app",
    "Encrypted": "true",
    "AllocatedStorage": 20,
    "RestoreWindow": {"EarliestTime": "2026-01-24T04:00:00Z", "LatestTime": "2026-01-31T09:55:00Z"},
}
RUNNING = {"DBInstanceIdentifier": "django-stack-cloud", "InstanceCreateTime": "2026-01-01T00:00:00Z"}
TAGS = [
    {"Key": "django-stack.project", "Value": "django-stack"},
    {"Key": "django-stack.stack", "Value": "cloud"},
]
RESTORED = {
    "DBInstanceIdentifier": "django-stack-cloud-0a1b2c3d",
    "InstanceCreateTime": "2026-01-31T12:00:00Z",
    "TagList": TAGS,
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAWS]:
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with fake_aws() as fake:
        for name, value in fake.environment.items():
            monkeypatch.setenv(name, value)
        fake.on("DescribeDBInstances", {"DBInstances": [RUNNING]})
        fake.on("DescribeDBSnapshots", {"DBSnapshots": [SNAPSHOT]})
        fake.on("DescribeDBInstanceAutomatedBackups", {"DBInstanceAutomatedBackups": [BACKUP]})
        yield fake


@pytest.fixture
def errors(aws: FakeAWS, as_stack: Any, set_config: Any) -> Any:
    def ask(given: dict[str, Any]) -> list[str]:
        as_stack("cloud")
        set_config(given, platform="cloud")
        settings = Settings.load()
        assert isinstance(settings, CloudSettings)
        rds = client("rds", settings)
        found = origin_errors(rds, settings, databases(rds, settings, settings.origin.identifier))
        for error in found:
            assert error.count("Fix: ") == 1
            assert shlex.split(error.partition("Fix: ")[2])
        return found

    return ask


FROM_SNAPSHOT = {"database-snapshot": "django-stack-cloud-before"}
TO_MOMENT = {"database-restore-time": "2026-01-31T09:30:00Z"}


@pytest.mark.parametrize("given", [{}, FROM_SNAPSHOT, TO_MOMENT, {"database-restore-time": "latest"}])
def test_a_backup_that_fits_passes(errors: Any, given: dict[str, Any]) -> None:
    assert errors(given) == []


@pytest.mark.parametrize(
    ("wrong", "message", "fix"),
    [
        ({"Engine": "mysql"}, "of mysql, not of postgres", "config rm -s cloud"),
        ({"EngineVersion": "16.9"}, "of PostgreSQL 16, and postgres-version is 17", "postgres-version 16"),
        ({"MasterUsername": "root"}, "whose user is root; the stack's is app", "config rm -s cloud"),
        ({"AllocatedStorage": 34}, "of 34 GiB, and database-storage is 20; allowed: 34, or a tenth more", "storage 34"),
        ({"Encrypted": "false"}, "without encryption", ""),
    ],
)
def test_what_is_in_it_must_fit_the_stack(
    aws: FakeAWS, errors: Any, wrong: dict[str, Any], message: str, fix: str
) -> None:
    aws.on("DescribeDBSnapshots", {"DBSnapshots": [SNAPSHOT | wrong]})
    aws.on("DescribeDBInstanceAutomatedBackups", {"DBInstanceAutomatedBackups": [BACKUP | wrong]})
    for given, what in (
        (FROM_SNAPSHOT, "database-snapshot is django-stack-cloud-before, a snapshot"),
        (TO_MOMENT, "database-restore-source is django-stack-cloud, a database"),
    ):
        (error,) = errors(given)
        assert f"{what} {message}" in error
        assert fix in error
    assert errors({}) == []


@pytest.mark.parametrize(("storage", "fits"), [(20, True), (21, False), (22, True)])
def test_storage_may_be_the_same_or_a_tenth_more(errors: Any, storage: int, fits: bool) -> None:
    """RDS lets storage grow by a tenth at least, and never shrink."""
    found = errors(FROM_SNAPSHOT | {"database-storage": storage})
    assert bool(found) is not fits
    assert all(error.endswith("database-storage 20") for error in found)


def test_a_snapshot_without_encryption_is_copied_with_it(aws: FakeAWS, errors: Any) -> None:
    aws.on("DescribeDBSnapshots", {"DBSnapshots": [SNAPSHOT | {"Encrypted": "false"}]})
    (error,) = errors(FROM_SNAPSHOT)
    assert "Fix: aws rds copy-db-snapshot --source-db-snapshot-identifier django-stack-cloud-before " in error
    assert error.endswith("pulumi config set -s cloud database-snapshot django-stack-cloud-encrypted")


def test_a_snapshot_that_is_not_there_is_refused_and_the_newest_proposed(aws: FakeAWS, errors: Any) -> None:
    newer = SNAPSHOT | {"DBSnapshotIdentifier": "rds:newer", "SnapshotCreateTime": "2026-01-31T04:00:00Z"}
    others = SNAPSHOT | {"DBInstanceIdentifier": "shop", "SnapshotCreateTime": "2026-02-01T00:00:00Z"}

    def find(asked: dict[str, Any]) -> dict[str, Any]:
        if "DBSnapshotIdentifier" in asked:
            raise RefusalError("DBSnapshotNotFound", "no such snapshot", 404)
        return {"DBSnapshots": [others, newer, SNAPSHOT]}

    aws.on("DescribeDBSnapshots", find)
    (error,) = errors({"database-snapshot": "befor"})
    assert "database-snapshot is befor, and there is no such snapshot in us-east-1" in error
    assert "Fix: pulumi config set -s cloud database-snapshot rds:newer" in error


def test_a_snapshot_that_is_still_being_made_is_waited_for(aws: FakeAWS, errors: Any) -> None:
    aws.on("DescribeDBSnapshots", {"DBSnapshots": [SNAPSHOT | {"Status": "creating"}]})
    (error,) = errors(FROM_SNAPSHOT)
    assert "which is creating. Fix: wait until it is available" in error


def test_a_snapshot_by_its_arn_may_be_shared(aws: FakeAWS, errors: Any) -> None:
    arn = "arn:aws:rds:us-east-1:210987654321:snapshot:theirs"
    assert errors({"database-snapshot": arn}) == []
    (asked,) = aws.asked("DescribeDBSnapshots")
    assert (asked["DBSnapshotIdentifier"], asked["IncludeShared"]) == (arn, "true")


@pytest.mark.parametrize(
    ("moment", "fix"),
    [
        ("2026-01-24T03:59:59Z", "2026-01-24T04:00:00Z"),
        ("2026-01-24T04:00:00Z", ""),
        ("2026-01-31T09:55:00Z", ""),
        ("2026-01-31T09:55:01Z", "latest"),
    ],
)
def test_the_moment_is_within_the_window(errors: Any, moment: str, fix: str) -> None:
    found = errors({"database-restore-time": moment})
    if fix:
        (error,) = found
        assert "can be restored to 2026-01-24T04:00:00Z up to 2026-01-31T09:55:00Z" in error
        assert error.endswith(f"set -s cloud database-restore-time {fix}")
    else:
        assert found == []


def test_a_database_without_backups_is_named(aws: FakeAWS, errors: Any) -> None:
    aws.on("DescribeDBInstanceAutomatedBackups", RefusalError("DBInstanceAutomatedBackupNotFound", "", 404))
    (error,) = errors(TO_MOMENT)
    assert "django-stack-cloud has no backups" in error
    aws.on("DescribeDBInstanceAutomatedBackups", {"DBInstanceAutomatedBackups": [BACKUP | {"RestoreWindow": {}}]})
    assert "django-stack-cloud has no backups" in errors(TO_MOMENT)[0]


def test_of_several_databases_the_one_that_is_meant_must_be_named(aws: FakeAWS, errors: Any) -> None:
    """The first one may still be there after a restore, and its backups have nothing that happened since."""
    aws.on("DescribeDBInstances", {"DBInstances": [RUNNING, RESTORED]})
    (error,) = errors(TO_MOMENT)
    assert "doesn't say which database is meant" in error
    assert error.endswith("database-restore-source django-stack-cloud-0a1b2c3d")
    assert errors(TO_MOMENT | {"database-restore-source": "django-stack-cloud"}) == []


def test_the_database_of_a_check_is_none_of_the_stack(aws: FakeAWS, errors: Any) -> None:
    """It has the stack's tags, and is made and deleted beside the one that serves."""
    tags = [*TAGS, {"Key": CHECK_SEEN, "Value": "2026-01-31T12:00:00Z"}]
    check = RESTORED | {"DBInstanceIdentifier": "check-django-stack-cloud-260131120000abcd", "TagList": tags}
    aws.on("DescribeDBInstances", {"DBInstances": [RUNNING, check]})
    assert errors(TO_MOMENT) == []


def test_of_several_databases_of_one_name_the_one_that_is_meant_must_be_named(aws: FakeAWS, errors: Any) -> None:
    other = BACKUP | {"DbiResourceId": "db-ZYXWVUTSRQPONMLK"}
    aws.on("DescribeDBInstanceAutomatedBackups", {"DBInstanceAutomatedBackups": [BACKUP, other]})
    (error,) = errors(TO_MOMENT)
    assert error.endswith("database-restore-source db-ABCDEFGHIJKLMNOP")
    aws.on("DescribeDBInstanceAutomatedBackups", {"DBInstanceAutomatedBackups": [other]})
    assert errors(TO_MOMENT | {"database-restore-source": "db-ZYXWVUTSRQPONMLK"}) == []
    assert aws.asked("DescribeDBInstanceAutomatedBackups")[-1]["DbiResourceId"] == "db-ZYXWVUTSRQPONMLK"


@pytest.mark.parametrize("given", [FROM_SNAPSHOT, TO_MOMENT])
def test_a_restore_that_is_done_asks_nothing_more(aws: FakeAWS, errors: Any, given: dict[str, Any]) -> None:
    """The setting may stay, and the snapshot go."""
    aws.on("DescribeDBSnapshots", RefusalError("DBSnapshotNotFound", "", 404))
    aws.on("DescribeDBInstanceAutomatedBackups", RefusalError("DBInstanceAutomatedBackupNotFound", "", 404))
    assert errors(given)
    made = RESTORED | {"DBInstanceIdentifier": Settings.load().origin.identifier}  # type: ignore[attr-defined]
    aws.on("DescribeDBInstances", {"DBInstances": [RUNNING, made]})
    assert errors(given) == []


def test_a_moment_from_before_a_restore_is_one_of_the_former_database(aws: FakeAWS, errors: Any) -> None:
    """What the present one can go back to first is what is wrong."""
    aws.on("DescribeDBInstances", {"DBInstances": [RUNNING, RESTORED]})
    window = {"EarliestTime": "2026-01-31T12:10:00Z", "LatestTime": "2026-01-31T13:00:00Z"}
    aws.on("DescribeDBInstanceAutomatedBackups", {"DBInstanceAutomatedBackups": [BACKUP | {"RestoreWindow": window}]})
    given = TO_MOMENT | {"database-restore-source": "django-stack-cloud-0a1b2c3d"}
    (error,) = errors(given)
    former = "pulumi config set -s cloud database-restore-source django-stack-cloud"
    assert error.endswith(f"up to 2026-01-31T13:00:00Z (docs/data.md, A second restore). Fix: {former}")
    (error,) = errors(given | {"database-restore-source": "django-stack-cloud"})
    assert error.endswith("database-restore-time 2026-01-31T12:10:00Z"), "there is none from before"


def test_a_copy_that_somebody_made_by_hand_is_not_taken_for_the_stacks_database(aws: FakeAWS, errors: Any) -> None:
    """RDS gives it the tags of the snapshot's database."""
    errors(FROM_SNAPSHOT)
    identifier = Settings.load().origin.identifier  # type: ignore[attr-defined]
    serves = RESTORED | {"DBInstanceIdentifier": identifier}
    by_hand = RESTORED | {"DBInstanceIdentifier": "look-at-monday", "InstanceCreateTime": "2026-01-31T13:00:00Z"}
    aws.on("DescribeDBInstances", {"DBInstances": [by_hand, serves, RUNNING]})
    assert errors(FROM_SNAPSHOT) == []


@pytest.mark.parametrize("given", [FROM_SNAPSHOT, TO_MOMENT | {"database-restore-source": "django-stack-cloud"}])
def test_a_database_that_was_replaced_is_not_made_again_beside_itself(
    aws: FakeAWS, errors: Any, given: dict[str, Any]
) -> None:
    """Restored from one backup, then from another, and from the first one again: RDS refuses the name half-way."""
    errors(given)
    identifier = Settings.load().origin.identifier  # type: ignore[attr-defined]
    before = RESTORED | {"DBInstanceIdentifier": identifier, "InstanceCreateTime": "2026-01-31T11:00:00Z"}
    aws.on("DescribeDBInstances", {"DBInstances": [before, RUNNING, RESTORED]})
    (error,) = errors(given)
    assert f"its name, {identifier}, is taken. If the stack uses it now, nothing is to be made: pulumi config" in error
    assert "Otherwise delete it and its log groups to make it anew" in error
    fix = [
        f"pulumi config set -s cloud database-restore-source {identifier}",
        "pulumi config set -s cloud database-restore-time latest",
    ]
    forget = ["pulumi config rm -s cloud database-snapshot"] if given == FROM_SNAPSHOT else []
    assert error.endswith(f"Fix: {' && '.join(forget + fix)}")
    proposed = {"database-restore-source": identifier, "database-restore-time": "latest"}
    assert errors(proposed) == []
    assert Settings.load().origin.identifier != identifier  # type: ignore[attr-defined]


def test_a_restore_that_goes_on_is_of_the_database_that_is_being_made(aws: FakeAWS, errors: Any) -> None:
    errors(FROM_SNAPSHOT)
    made = {"DBInstanceIdentifier": Settings.load().origin.identifier, "TagList": TAGS}  # type: ignore[attr-defined]
    aws.on("DescribeDBInstances", {"DBInstances": [RUNNING, made]})
    assert errors(FROM_SNAPSHOT) == []


def test_a_call_that_aws_refuses_is_told(aws: FakeAWS, errors: Any) -> None:
    aws.on(
        "DescribeDBSnapshots", RefusalError("AccessDenied", "not authorized to perform rds:DescribeDBSnapshots", 403)
    )
    (error,) = errors(FROM_SNAPSHOT)
    assert "database-snapshot can't be checked" in error
    assert "not authorized to perform rds:DescribeDBSnapshots" in error
