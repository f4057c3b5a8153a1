"""The ways back that docs/data.md describes, walked through: data lost at a known time, a lost database, a password.

The tests share a stack and depend on their order.
"""

import json
import subprocess
import time
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from tests import ROOT
from tests.rehearsal.stacks import Stack, polling
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.rehearsal]

PREFIX = "django-stack-rehearsal"
WRITE = "from django.contrib.auth.models import User; User.objects.create(username='{}')"
DELETE = "from django.contrib.auth.models import User; User.objects.filter(username='{}').delete()"
READ = "from django.contrib.auth.models import User; print(sorted(User.objects.values_list('username', flat=True)))"


def run(stack: Stack, program: str) -> str:
    """What the program prints that Django's shell runs in a task of the site."""
    status, output = stack.web().exec_run(["python", "manage.py", "shell", "--verbosity", "0", "-c", program])
    assert status == 0, output
    return str(output.decode().strip())


def databases(stack: Stack) -> dict[str, dict[str, Any]]:
    """RDS's databases by identifier."""
    found = stack.client("rds").describe_db_instances()["DBInstances"]
    return {database["DBInstanceIdentifier"]: database for database in found}


def window(stack: Stack, identifier: str) -> dict[str, datetime]:
    """Within which a database can be restored."""
    (backup,) = stack.client("rds").describe_db_instance_automated_backups(DBInstanceIdentifier=identifier)[
        "DBInstanceAutomatedBackups"
    ]
    found: dict[str, datetime] = backup["RestoreWindow"]
    return found


def test_data_that_was_lost_at_a_known_time_comes_back(stack: Stack) -> None:
    run(stack, WRITE.format("alice"))
    good = datetime.now(UTC).replace(microsecond=0)
    wait_until(lambda: window(stack, PREFIX)["LatestTime"] > good, "a backup of it")
    good = datetime.now(UTC).replace(microsecond=0)
    time.sleep(1)
    run(stack, DELETE.format("alice"))
    run(stack, WRITE.format("mallory"))
    wait_until(lambda: window(stack, PREFIX)["LatestTime"] > good, "a backup of what went wrong")

    stack.change(database_restore_time=good.strftime("%Y-%m-%dT%H:%M:%SZ"))
    with polling(stack) as answers:
        status, output = stack.update()
    assert status == 0, output
    assert set(answers) == {200}, "the site answers from the old database until the new one has taken over"
    assert run(stack, READ) == "['alice']"

    old, new = sorted(databases(stack).items())
    assert old[0] == PREFIX
    assert old[1]["DBInstanceStatus"] == "available"
    assert old[1]["DeletionProtection"] is True
    assert f"@{new[1]['Endpoint']['Address']}:5432/" in stack.outputs["DATABASE_URL"]
    for key in ("DBParameterGroups", "VpcSecurityGroups", "BackupRetentionPeriod", "StorageEncrypted", "TagList"):
        assert new[1][key] == old[1][key], key
    assert new[1]["DBSubnetGroup"]["DBSubnetGroupName"] == PREFIX
    assert new[1]["DeletionProtection"] is True
    watched = {
        dimension["Value"]
        for alarm in stack.client("cloudwatch").describe_alarms()["MetricAlarms"]
        for dimension in alarm["Dimensions"]
        if dimension["Name"] == "DBInstanceIdentifier"
    }
    assert watched == {new[0]}


def test_nothing_happens_when_the_setting_is_taken_away(stack: Stack) -> None:
    before = databases(stack).keys()
    assert not in_state(stack).get("protect")
    stack.change(database_restore_time=None)
    status, output = stack.update("--refresh", "--expect-no-changes")
    assert status == 0, output
    assert databases(stack).keys() == before
    assert in_state(stack)["protect"], "it is protected again"


def in_state(stack: Stack) -> dict[str, Any]:
    """The database in Pulumi's state."""
    resources = json.loads(stack.pulumi("stack", "export").stdout)["deployment"]["resources"]
    (found,) = [resource for resource in resources if resource["type"] == "aws:rds/instance:Instance"]
    return dict(found)


def test_which_database_is_meant_must_be_said_while_there_are_two(stack: Stack) -> None:
    stack.change(database_restore_time="latest")
    status, output = stack.update()
    assert status != 0
    assert "database-restore-time doesn't say which database is meant" in output, output
    stack.change(database_restore_time=None)


def test_the_old_database_is_removed_by_hand_when_nobody_misses_it(stack: Stack) -> None:
    rds = stack.client("rds")
    rds.modify_db_instance(DBInstanceIdentifier=PREFIX, DeletionProtection=False)
    rds.delete_db_instance(DBInstanceIdentifier=PREFIX, FinalDBSnapshotIdentifier=f"{PREFIX}-before-the-restore")
    assert len(databases(stack)) == 1
    assert stack.get("/").status == 200
    status, output = stack.update("--refresh", "--expect-no-changes")
    assert status == 0, output


def test_a_lost_database_comes_back_from_a_snapshot(stack: Stack) -> None:
    (name,) = databases(stack)
    rds = stack.client("rds")
    run(stack, WRITE.format("bob"))
    rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=f"{PREFIX}-by-hand")
    rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False)
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)

    stack.change(database_snapshot=f"{PREFIX}-by-han")
    status, output = stack.update("--refresh")
    assert status != 0
    assert f"config set -s rehearsal database-snapshot {PREFIX}-by-hand" in output, output
    stack.change(database_snapshot=f"{PREFIX}-by-hand")
    status, output = stack.update("--refresh")
    assert status == 0, output
    assert run(stack, READ) == "['alice', 'bob']"
    (after,) = databases(stack)
    assert after not in {name, PREFIX}
    stack.change(database_snapshot=None)
    status, output = stack.update("--refresh", "--expect-no-changes")
    assert status == 0, output


def test_a_new_password_reaches_the_site_and_what_fails_meanwhile_is_measured(stack: Stack) -> None:
    """RDS knows one password at a time: from then on, old tasks have only the connections that are open."""
    url = stack.outputs["DATABASE_URL"]
    urns = stack.run_pulumi("stack", "--show-urns")[1].split()
    password = next(word for word in urns if word.endswith("RandomPassword::database-password"))
    with polling(stack) as answers:
        status, output = stack.update("--replace", password)
    assert status == 0, output
    assert stack.outputs["DATABASE_URL"] != url
    assert stack.get("/").status == 200
    failed = [status for status in answers if status != 200]
    print(f"{len(failed)} of {len(answers)} requests failed while the password changed")
    assert set(failed) <= {500, 503}
    assert len(failed) < len(answers) / 2


def documented_import() -> str:
    """The file for `pulumi import` in docs/data.md."""
    text = (ROOT / "docs" / "data.md").read_text()
    return text.partition("cat > adopt.json <<'END'\n")[2].partition("END\n")[0]


def test_a_stack_that_lost_its_state_adopts_its_database(stack: Stack) -> None:
    """As docs/data.md has it, by a stack with another name: the database would be changed in place, not made anew."""
    (name,) = databases(stack)

    def pulumi(*arguments: str) -> str:
        command = ["pulumi", *arguments, "--stack", "adopter", "--non-interactive"]
        done = subprocess.run(
            command, cwd=stack.folder, env=stack.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    config = {"config": yaml.safe_load(stack.config.read_text())["config"]}
    (stack.folder / "Pulumi.adopter.yaml").write_text(yaml.safe_dump(config))
    (stack.folder / "adopt.json").write_text(documented_import().replace("django-stack-cloud", name))
    pulumi("stack", "init", "--no-select")
    try:
        pulumi("import", "--file", "adopt.json", "--generate-code=false", "--yes", "--skip-preview")
        steps = json.loads(pulumi("preview", "--json"))["steps"]
        (step,) = [step for step in steps if step["urn"].endswith("aws:rds/instance:Instance::database")]
        assert step["op"] == "update"
        assert step["oldState"]["inputs"]["skipFinalSnapshot"] is True
        assert step["newState"]["inputs"]["skipFinalSnapshot"] is False
        assert step["newState"]["inputs"]["identifier"] == name
        assert step["newState"]["protect"]
    finally:
        pulumi("stack", "rm", "--force", "--yes")
