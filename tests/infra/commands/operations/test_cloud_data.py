"""What the commands about data have AWS do: tasks with PostgreSQL's programs, and what comes of them."""

import json
import subprocess
import time
from collections.abc import Mapping
from typing import Any

import pytest

from infra.commands.data import cloud_database, in_task, sql
from infra.commands.data.ends import database_of
from infra.commands.main import cli
from tests.infra.cloud.fake_aws import RefusalError
from tests.infra.commands.operations.conftest import ECS, HOST, SECRET, TASK, VERSION, Cloud, definition, task

DATA = f"{ECS}:task-definition/shop-cloud-data:3"
FACTS = {
    "version": 17,
    "name": "app",
    "size": 10**9,
    "comment": None,
    "extensions": {},
    "available": {},
    "databases": {"app": 10**9, "app_before_20260101_000000": 2 * 10**9, "app_new_20260102_000000": 1, "other": 1},
}


def printed(*lines: str) -> dict[str, Any]:
    return {"events": [{"message": line} for line in lines], "nextForwardToken": "f/1"}


def answer(**found: Any) -> dict[str, Any]:
    return printed(in_task.MARK + json.dumps(found))


@pytest.fixture(autouse=True)
def rds(cloud: Cloud) -> None:
    known: dict[str, Any] = definition()["taskDefinition"]
    prepare, web = known["containerDefinitions"]
    web |= {
        "user": "10001:10001",
        "dependsOn": [{"containerName": "prepare", "condition": "SUCCESS"}],
        "mountPoints": [{"sourceVolume": "tmp", "containerPath": "/tmp", "readOnly": False}],
    }
    known |= {"containerDefinitions": [prepare, web], "taskRoleArn": "arn:aws:iam::123456789012:role/shop-cloud-app"}
    cloud.aws.on("DescribeTaskDefinition", {"taskDefinition": known})
    instance = {
        "DBInstanceIdentifier": "shop-cloud",
        "EngineVersion": "17.4",
        "AllocatedStorage": 20,
        "Endpoint": {"Address": HOST, "Port": 5432},
    }
    cloud.aws.on("DescribeDBInstances", {"DBInstances": [instance]})
    cloud.aws.on("RegisterTaskDefinition", {"taskDefinition": {"taskDefinitionArn": DATA}})
    cloud.aws.on("DeregisterTaskDefinition", {})
    cloud.aws.on("ListTaskDefinitions", {"taskDefinitionArns": []})
    cloud.aws.on("ListTasks", {"taskArns": []})
    cloud.aws.on("DescribeTasks", task("STOPPED", exitCode=0))
    cloud.aws.on("GetLogEvents", answer(found=json.dumps(FACTS)))
    cloud.aws.on("DescribeDBSnapshots", {"DBSnapshots": []})
    cloud.aws.on("DescribeDBInstanceAutomatedBackups", {"DBInstanceAutomatedBackups": []})


def test_a_task_has_the_programs_of_the_servers_major_version_and_no_secret_in_what_aws_keeps(cloud: Cloud) -> None:
    done = cloud.run("restore")
    assert done.returncode == 0, done.stderr
    assert "app_before_20260101_000000  2.0 GB  django-stack restore -s cloud app_before_2026" in done.stdout
    assert "other" not in done.stdout
    (registered,) = cloud.aws.asked("RegisterTaskDefinition")
    prepare, tools, web = registered["containerDefinitions"]
    assert prepare["name"] == "prepare"
    assert tools["image"] == "public.ecr.aws/docker/library/postgres:17-trixie"
    assert (tools["essential"], tools["readonlyRootFilesystem"], tools["user"]) == (False, True, "10001:10001")
    assert web["dependsOn"][-1] == {"containerName": "postgres", "condition": "SUCCESS"}
    assert web["secrets"] == [{"name": "DATABASE_URL", "valueFrom": f"{SECRET}:DATABASE_URL::{VERSION}"}]
    (asked,) = cloud.aws.asked("RunTask")
    (override,) = asked["overrides"]["containerOverrides"]
    assert "command" not in override
    assert {"name": "WORK_POSTGRES", "value": "17"} in override["environment"], "what its sessions may be told"
    kept = json.dumps([registered, asked])
    assert "TOP/SECRET" not in kept
    assert "TOP%2FSECRET" not in kept
    assert [one["taskDefinition"] for one in cloud.aws.asked("DeregisterTaskDefinition")] == [DATA]


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (answer(error='relation "x" is in use'), 'The database of cloud: relation "x" is in use'),
        (printed("Traceback", "ValueError: alice@home"), "failed with exit status 1 (ValueError)"),
        (printed(), "failed with exit status 1"),
    ],
)
def test_a_task_that_fails_is_one_line_without_what_it_printed(cloud: Cloud, log: dict[str, Any], words: str) -> None:
    """What a program prints in such a moment may be anything, data of people as well."""
    cloud.aws.on("DescribeTasks", task("STOPPED", exitCode=1))
    cloud.aws.on("GetLogEvents", log)
    done = cloud.run("restore")
    assert done.returncode == 1
    assert words in done.stderr
    assert "alice" not in done.stderr
    assert cloud.aws.asked("DeregisterTaskDefinition")


def test_a_protected_stack_is_not_gone_back_in_by_a_slip(cloud: Cloud) -> None:
    done = cloud.run("restore", "--yes", "app_before_20260101_000000")
    assert done.returncode == 1
    assert "--into-production cloud" in done.stderr
    assert cloud.aws.asked("RunTask") == []


def test_a_database_that_rds_does_not_have_is_one_line(cloud: Cloud) -> None:
    cloud.aws.on("DescribeDBInstances", {"DBInstances": []})
    done = cloud.run("restore")
    assert (done.returncode, done.stderr) == (1, f"No instance of RDS in us-east-1 has the address {HOST}\n")


class Bucket:
    """That of a copy, whose task answers at once with what it is asked for."""

    orders: list[Mapping[str, Any]]
    is_held = True  # the task's lock

    def __init__(self, *_: object) -> None:
        self.name = "shop-cloud--copy-0a"
        Bucket.orders = []

    def make(self, role: str) -> None:
        assert role.endswith("role/shop-cloud-app")

    def order(self, order: Mapping[str, Any]) -> None:
        self.orders.append(order)

    def answer(self, number: int) -> Any:
        return {"found": json.dumps(FACTS)} if number or self.is_held else None

    def remove(self) -> None:
        assert self.orders, "the first sign of life came before"


@pytest.fixture
def bucket(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> type[Bucket]:
    monkeypatch.setattr(cloud_database, "CopyBucket", Bucket)
    monkeypatch.setattr(cloud_database, "left", lambda stack: [])
    cloud.aws.on("DescribeTasks", task("RUNNING"))
    return Bucket


def test_a_plan_knows_that_the_server_is_rds_which_has_no_image(cloud: Cloud, bucket: type[Bucket]) -> None:
    del bucket
    cloud.aws.on("DescribeTasks", task("STOPPED", exitCode=0))
    facts = database_of("cloud").facts()
    assert (facts.is_rds, facts.free) == (True, 20 * 2**30 - 3 * 10**9 - 2)


DROP = ["data", "drop-old", "-s", "cloud", "--yes"]


def test_a_task_holds_the_lock_and_does_all_the_work_under_it(cloud: Cloud, bucket: type[Bucket]) -> None:
    assert cli.main(DROP, standalone_mode=False) == 0
    (asked,) = cloud.aws.asked("RunTask")
    assert asked["startedBy"].startswith("data-")
    (container,) = asked["overrides"]["containerOverrides"]
    work = json.loads({one["name"]: one["value"] for one in container["environment"]}["WORK"])
    assert (work["action"], work["bucket"], work["lock"]) == ("serve", "shop-cloud--copy-0a", sql.LOCK)
    (dropped,) = {order["work"]["sql"] for order in bucket.orders if order["number"] == 2}
    assert [line for line in dropped.splitlines() if "DROP" in line] == [
        'DROP DATABASE IF EXISTS "app_new_20260102_000000" WITH (FORCE);',
        'DROP DATABASE IF EXISTS "app_before_20260101_000000" WITH (FORCE);',
    ]
    assert {one["startedBy"] for one in cloud.aws.asked("ListTasks")} == {asked["startedBy"]}, "nobody else's"
    assert [one["task"] for one in cloud.aws.asked("StopTask")] == [TASK]
    assert len(cloud.aws.asked("DeregisterTaskDefinition")) == 1


def test_a_lock_that_another_command_holds_is_one_line(
    cloud: Cloud, bucket: type[Bucket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "is_held", False)
    cloud.aws.on("DescribeTasks", task("STOPPED", exitCode=1))
    cloud.aws.on("GetLogEvents", answer(error="another copy runs", busy=True))
    with pytest.raises(SystemExit) as ended:
        cli.main(DROP, standalone_mode=False)
    assert ended.value.code == "Another copy into the stack cloud runs. Fix: wait for its end"


def test_a_task_that_goes_away_in_the_middle_is_one_line(
    cloud: Cloud, bucket: type[Bucket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "answer", lambda self, number: None if number else {"found": None})
    gone = {"stopCode": "TerminationNotice", "stoppedReason": "it moves"}
    state = task("STOPPED")
    state["tasks"][0] |= gone
    cloud.aws.on("DescribeTasks", state)
    cloud.aws.on("GetLogEvents", printed())
    with pytest.raises(SystemExit) as ended:
        cli.main(DROP, standalone_mode=False)
    assert str(ended.value.code).startswith("The task of cloud was stopped by Fargate (it moves)")


def test_only_old_definitions_of_the_stacks_own_copies_are_cleared(cloud: Cloud, bucket: type[Bucket]) -> None:
    del bucket
    new, others = f"{ECS}:task-definition/shop-cloud-data:2", f"{ECS}:task-definition/shop-cloud-data2:1"
    old = f"{ECS}:task-definition/shop-cloud-data:1"
    made = {new: time.time(), others: 0, old: time.time() - 7200}
    cloud.aws.on("ListTaskDefinitions", {"taskDefinitionArns": [*made]})
    known = cloud.aws.script["DescribeTaskDefinition"][0]
    assert isinstance(known, dict)

    def described(request: dict[str, Any]) -> dict[str, Any]:
        return {"taskDefinition": known["taskDefinition"] | {"registeredAt": made.get(request["taskDefinition"], 0)}}

    cloud.aws.on("DescribeTaskDefinition", described)
    assert cli.main(DROP, standalone_mode=False) == 0
    assert [one["taskDefinition"] for one in cloud.aws.asked("DeregisterTaskDefinition")] == [old, DATA]


PULUMI = """
import pathlib, sys
with pathlib.Path("asked").open("a") as file:
    print(*sys.argv[1:], file=file)
sys.exit(STATUS if "up" in sys.argv else 0)
"""
LIST: dict[str, dict[str, Any]] = {
    "DescribeDBSnapshots": {
        "DBSnapshots": [
            {
                "DBSnapshotIdentifier": "rds:shop-cloud-2026-01-30",
                "SnapshotCreateTime": "2026-01-30T03:00:00Z",
                "AllocatedStorage": 20,
                "Status": "available",
            }
        ]
    },
    "DescribeDBInstanceAutomatedBackups": {
        "DBInstanceAutomatedBackups": [
            {"RestoreWindow": {"EarliestTime": "2026-01-24T03:00:00Z", "LatestTime": "2026-01-31T09:30:00Z"}}
        ]
    },
}


def restored(
    cloud: Cloud, which: str, status: int = 0, kept: Mapping[str, Any] = LIST
) -> tuple["subprocess.CompletedProcess[str]", list[str]]:
    """What a restore says, and what pulumi was asked; `kept` are RDS's answers about backups."""
    for action, answer_ in kept.items():
        cloud.aws.on(action, answer_)
    cloud.program("pulumi", PULUMI.replace("STATUS", str(status)))
    done = cloud.run("restore", which, "--yes", "--into-production", "cloud")
    asked = cloud.folder / "asked"
    return done, asked.read_text().splitlines() if asked.exists() else []


UP = "up --stack cloud --yes --skip-preview"


def test_a_snapshot_comes_back_by_settings_and_pulumi_up(cloud: Cloud) -> None:
    done, asked = restored(cloud, "rds:shop-cloud-2026-01-30")
    assert done.returncode == 0, done.stderr
    assert asked == [
        "config rm --stack cloud database-restore-time --non-interactive",
        "config rm --stack cloud database-restore-source --non-interactive",
        "config set --stack cloud database-snapshot rds:shop-cloud-2026-01-30 --non-interactive",
        UP,
    ]
    assert "pulumi config rm -s cloud database-snapshot && pulumi up -s cloud" in done.stdout


def test_a_moment_comes_back_and_a_failed_update_says_how_to_go_on(cloud: Cloud) -> None:
    done, asked = restored(cloud, "2026-01-31T10:29:00+01:00", status=1)
    assert done.returncode == 1
    assert asked[-2:] == [
        "config set --stack cloud database-restore-time 2026-01-31T09:29:00Z --non-interactive",
        UP,
    ]
    assert "To stay with it: pulumi config rm -s cloud database-restore-time" in done.stderr


def test_a_moment_of_a_database_with_another_name_names_that(cloud: Cloud) -> None:
    """The stack's database was restored before, and has an identifier of its own since then."""
    instance = {"DBInstanceIdentifier": "shop-cloud-0a1b2c3d", "EngineVersion": "17.4", "AllocatedStorage": 20}
    cloud.aws.on("DescribeDBInstances", {"DBInstances": [instance | {"Endpoint": {"Address": HOST, "Port": 5432}}]})
    _, asked = restored(cloud, "2026-01-31T09:29:00Z")
    assert "config set --stack cloud database-restore-source shop-cloud-0a1b2c3d --non-interactive" in asked


def restored_before(cloud: Cloud) -> None:
    """The stack serves a database that was made from a backup at 12:00, and the former one is still there."""
    tags = [{"Key": "django-stack.project", "Value": "shop"}, {"Key": "django-stack.stack", "Value": "cloud"}]
    former = {"DBInstanceIdentifier": "shop-cloud", "InstanceCreateTime": "2026-01-01T00:00:00Z"}
    serving = {"DBInstanceIdentifier": "shop-cloud-0a1b2c3d", "EngineVersion": "17.4", "AllocatedStorage": 20}
    serving |= {"InstanceCreateTime": "2026-01-31T12:00:00Z", "TagList": tags}
    serving |= {"Endpoint": {"Address": HOST, "Port": 5432}}
    others = {"DBInstanceIdentifier": "shop-pr-12-0a1b2c3d", "TagList": [tags[0], tags[1] | {"Value": "pr-12"}]}
    cloud.aws.on("DescribeDBInstances", {"DBInstances": [others, former, serving]})

    def of(asked: dict[str, Any]) -> tuple[str, str]:
        known = {"shop-cloud": ("2026-01-24T03:00:00Z", "31"), "shop-cloud-0a1b2c3d": ("2026-01-31T12:10:00Z", "32")}
        return known[asked["DBInstanceIdentifier"]]

    def window(asked: dict[str, Any]) -> dict[str, Any]:
        found = {"EarliestTime": of(asked)[0], "LatestTime": "2026-01-31T14:00:00Z"}
        return {"DBInstanceAutomatedBackups": [{"RestoreWindow": found}]}

    def snapshots(asked: dict[str, Any]) -> dict[str, Any]:
        (known,) = LIST["DescribeDBSnapshots"]["DBSnapshots"]
        return {"DBSnapshots": [known | {"DBSnapshotIdentifier": f"rds:{of(asked)[1]}"}]}

    cloud.aws.on("DescribeDBInstanceAutomatedBackups", window)
    cloud.aws.on("DescribeDBSnapshots", snapshots)


@pytest.mark.parametrize(
    ("moment", "source"),
    [
        ("2026-01-31T09:29:00Z", "shop-cloud"),
        ("2026-01-31T12:10:00Z", "shop-cloud-0a1b2c3d"),
        ("2026-01-31T13:00:00Z", "shop-cloud-0a1b2c3d"),
    ],
)
def test_after_a_restore_a_moment_from_before_it_is_one_of_the_former_database(
    cloud: Cloud, moment: str, source: str
) -> None:
    restored_before(cloud)
    done, asked = restored(cloud, moment, kept={})
    assert done.returncode == 0, done.stderr
    assert f"config set --stack cloud database-restore-source {source} --non-interactive" in asked
    assert f"This sets database-restore-time to {moment} of {source}, and" in done.stdout
    keys = "database-restore-source", "database-restore-time"
    without = " && ".join(f"pulumi config rm -s cloud {key}" for key in keys)
    assert f"When all is well: {without} && pulumi up -s cloud" in done.stdout


def test_after_a_restore_the_backups_of_both_databases_are_listed(cloud: Cloud) -> None:
    restored_before(cloud)
    said = cloud.run("restore").stdout
    assert "rds:31  " in said
    assert "rds:32  " in said
    assert "any moment from 2026-01-24 03:00 UTC to 2026-01-31 12:10 UTC of shop-cloud  " in said
    assert "any moment from 2026-01-31 12:10 UTC to 2026-01-31 14:00 UTC of shop-cloud-0a1b2c3d  " in said


@pytest.mark.parametrize(
    ("which", "words"),
    [
        (
            "2026-01-31T09:31:00Z",
            "from 2026-01-24T03:00:00Z to 2026-01-31T09:30:00Z. Fix: the same with 2026-01-31T09:30",
        ),
        ("2026-01-23T09:31:00Z", "Fix: the same with 2026-01-24T03:00:00Z"),
        ("2026-01-30T09:30:00", "a moment in UTC from"),
        ("2026-01-30T09:30:00", "Fix: the same with 2026-01-30T09:30:00Z"),
    ],
)
def test_what_cannot_come_back_changes_nothing(cloud: Cloud, which: str, words: str) -> None:
    done, asked = restored(cloud, which)
    assert (done.returncode, asked) == (1, [])
    assert words in done.stderr


def test_a_list_has_a_command_for_each_backup(cloud: Cloud) -> None:
    for action, answer_ in LIST.items():
        cloud.aws.on(action, answer_)
    done = cloud.run("restore")
    assert "django-stack restore -s cloud rds:shop-cloud-2026-01-30" in done.stdout
    assert "django-stack restore -s cloud 2026-01-31T09:30:00Z" in done.stdout


@pytest.mark.parametrize("as_json", [True, False])
def test_a_backup_that_cannot_be_asked_for_is_not_called_unusable(cloud: Cloud, as_json: bool) -> None:
    """No credentials, say: nobody is alarmed, and what `status` knows of the last check stays."""
    cloud.aws.on("DescribeDBInstances", RefusalError("ExpiredToken", "The security token is expired"))
    words = ["backup", "check", "-s", "cloud", *(["--json"] if as_json else [])]
    assert cli.main(words, standalone_mode=False) == 3
    out, error = cloud.capsys.readouterr()
    assert "can't be checked now" in error
    assert "can't be used" not in error
    assert cloud.aws.asked("PutMetricData") == cloud.aws.asked("Publish") == []
    assert not as_json or json.loads(out)["good"] is None
