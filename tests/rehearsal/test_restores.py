"""The ways back that docs/data.md describes, walked through: data lost at a known time, a lost database, a password.

The tests share a stack and depend on their order.
"""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


CONNECT = """
import os, psycopg, time
until = time.time() + 300
while time.time() < until:
    begun = time.time()
    try:
        psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=2).close()
        print(begun, "taken", flush=True)
    except psycopg.OperationalError as error:
        print(begun, "refused" if "password authentication failed" in str(error) else error, flush=True)
    time.sleep(0.2)
"""


@contextmanager
def connecting(stack: Stack) -> Iterator[list[tuple[float, str]]]:
    """The task that serves now makes a new connection all the time, until it ends: when, and how it went."""
    engine = stack.engine.api
    run = engine.exec_create(stack.web().id, ["python", "-c", CONNECT])["Id"]
    found: list[tuple[float, str]] = []

    def follow() -> None:
        pieces: Any = engine.exec_start(run, stream=True)
        for line in b"".join(pieces).decode().splitlines():
            at, _, how = line.partition(" ")
            found.append((float(at), how))

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    yield found
    thread.join(60)
    assert not thread.is_alive(), "the old task runs on"


def test_a_new_password_reaches_the_site_and_what_fails_meanwhile_is_measured(stack: Stack) -> None:
    """RDS knows one password at a time: from then on, old tasks have only the connections that are open."""
    url = stack.outputs["DATABASE_URL"]
    urns = stack.run_pulumi("stack", "--show-urns")[1].split()
    password = next(word for word in urns if word.endswith("RandomPassword::database-password"))
    with connecting(stack) as connections, polling(stack) as answers:
        status, output = stack.update("--replace", password)
        assert status == 0, output
    assert stack.outputs["DATABASE_URL"] != url
    assert stack.get("/").status == 200
    assert {how for _, how in connections} == {"taken", "refused"}
    refused = [at for at, how in connections if how == "refused"]
    assert connections[0][1] == "taken"
    assert all(how == "refused" for at, how in connections if at >= refused[0]), "no connection is taken any more"
    failed = [status for status in answers if status != 200]
    print(
        f"the old task was refused {len(refused)} new connections in its last {refused[-1] - refused[0]:.0f} seconds; "
        f"{len(failed)} of {len(answers)} visitors got an error"
    )
    assert set(failed) <= {500, 503}
    assert refused[-1] - refused[0] < 120
    assert len(failed) < len(answers) / 2


def documented_import() -> str:
    """The file for `pulumi import` in docs/data.md."""
    text = (ROOT / "docs" / "data.md").read_text()
    found = text.partition("cat > adopt.json <<END\n")[2].partition("END\n")[0]
    assert found
    return found


def bucket_of(stack: Stack) -> str:
    """The bucket of uploads of the stack `rehearsal`."""
    names = [one["Name"] for one in stack.client("s3").list_buckets()["Buckets"]]
    (found,) = [name for name in names if name.startswith(f"{PREFIX}-media-")]
    return str(found)


def old_secret_key(stack: Stack) -> str:
    """What Secrets Manager has of the stack `rehearsal`."""
    secrets = stack.client("secretsmanager")
    (name,) = [one["Name"] for one in secrets.list_secrets()["SecretList"] if f"{PREFIX}-environment-" in one["Name"]]
    return str(json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])["SECRET_KEY"])


def run_in(stack: Stack, name: str, program: str) -> str:
    """What the program prints that Django's shell runs in a task of another stack's site."""
    filters = {"label": "com.amazonaws.ecs.container-name=web"}
    tasks = stack.engine.containers.list(filters=filters, ignore_removed=True)
    (task,) = [one for one in tasks if f"STAGE={name}" in one.attrs["Config"]["Env"]]
    done: Any = task.exec_run(["python", "manage.py", "shell", "--verbosity", "0", "-c", program])
    assert done.exit_code == 0, done.output
    return str(done.output.decode().strip())


SAVE = (
    "from django.core.files.base import ContentFile; from django.core.files.storage import default_storage as s; "
    "from django.core import signing; print(s.save('kept.txt', ContentFile(b'an upload')), signing.dumps('a session'))"
)
LOAD = (
    "from django.core.files.storage import default_storage as s; from django.core import signing; "
    "print(s.open('{}').read(), signing.loads('{}'))"
)


def test_a_stack_that_lost_its_state_is_adopted_with_its_data(stack: Stack) -> None:
    """As docs/data.md has it, by a stack with another name: database and bucket are changed in place, not made anew."""
    (name,) = databases(stack)
    own_id, bucket, key = databases(stack)[name]["DbiResourceId"], bucket_of(stack), old_secret_key(stack)
    assert key == stack.outputs["SECRET_KEY"]
    people, upload = run(stack, READ), run(stack, SAVE).split()
    status, output = stack.run_pulumi("stack", "rm", "--force", "--preserve-config", "--yes")
    assert status == 0, output
    assert not stack.outputs

    def pulumi(*arguments: str) -> str:
        command = ["pulumi", *arguments, "--stack", "adopter", "--non-interactive"]
        done = subprocess.run(
            command, cwd=stack.folder, env=stack.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    config = {"config": yaml.safe_load(stack.config.read_text())["config"]}
    (stack.folder / "Pulumi.adopter.yaml").write_text(yaml.safe_dump(config))
    (stack.folder / "adopt.json").write_text(
        documented_import().replace("django-stack-cloud", name).replace("$BUCKET", bucket)
    )
    pulumi("stack", "init", "--no-select")
    try:
        pulumi("config", "set", "--secret", "--path", "env.SECRET_KEY_FALLBACKS", key)
        pulumi("import", "--file", "adopt.json", "--generate-code=false", "--yes", "--skip-preview")
        steps = {step["urn"]: step for step in preview_steps(pulumi("preview", "--json"))}
        (database,) = [step for urn, step in steps.items() if urn.endswith("aws:rds/instance:Instance::database")]
        (media,) = [step for urn, step in steps.items() if urn.endswith("aws:s3/bucket:Bucket::media")]
        assert (database["op"], media["op"]) == ("update", "update")
        assert database["oldState"]["inputs"]["skipFinalSnapshot"] is True
        assert database["newState"]["inputs"]["skipFinalSnapshot"] is False
        assert database["newState"]["inputs"]["identifier"] == name
        assert database["newState"]["protect"]
        assert media["newState"]["protect"]
        pulumi("up", "--yes", "--skip-preview")
        domain = json.loads(pulumi("stack", "output", "--json"))["DOMAIN"]
        assert stack.get("/", domain).status == 200
        assert run_in(stack, "adopter", READ) == people
        assert run_in(stack, "adopter", LOAD.format(*upload)) == "b'an upload' a session"
        (found,) = databases(stack).values()
        assert found["DbiResourceId"] == own_id
        assert found["DBSubnetGroup"]["DBSubnetGroupName"] == "django-stack-adopter"
        assert {"Key": "django-stack.stack", "Value": "adopter"} in found["TagList"]
        pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")
    finally:
        pulumi("stack", "rm", "--force", "--yes")


def preview_steps(output: str) -> list[dict[str, Any]]:
    """The steps of `pulumi preview --json`."""
    found: list[dict[str, Any]] = json.loads(output)["steps"]
    return found
