"""Tasks are what their definition says, with the environment, the secrets and the role's credentials that ECS gives."""

import json
from typing import Any

import pytest

from tests.rehearsal import ecs
from tests.rehearsal.conftest import ACCOUNT, AWS, REGION
from tests.rehearsal.ecs import python
from tests.waiting import wait_until

pytestmark = pytest.mark.docker

ROLE = f"arn:aws:iam::{ACCOUNT}:role/tests-app"
PREPARE = """
import json, os
found = os.stat("/tmp")
print(json.dumps({"uid": os.getuid(), "mode": oct(found.st_mode & 0o7777), "owner": found.st_uid}), flush=True)
os.chmod("/tmp", 0o1777)
open("/tmp/prepared", "w").write("yes")
"""
INSPECT = """
import json, os, pathlib, socket, ssl, urllib.request

def writable(path):
    try:
        pathlib.Path(path).write_text("x")
    except OSError:
        return False
    return True

def ask(url):
    context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"]) if url.startswith("https") else None
    return urllib.request.urlopen(url, timeout=5, context=context).read().decode()

print(json.dumps({
    "uid": os.getuid(),
    "arguments": open("/proc/self/cmdline").read().split("\\0")[3:-1],
    "root is writable": writable("/x"),
    "/tmp is writable": writable("/tmp/x"),
    "prepared": os.path.exists("/tmp/prepared"),
    "first process": open("/proc/1/cmdline").read().split("\\0")[0],
    "memory": [int(pathlib.Path(path).read_text()) for path in
               ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes") if os.path.exists(path)],
    "environment": dict(os.environ),
    "credentials": json.loads(ask("http://169.254.170.2" + os.environ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"])),
    "S3 says": ask("https://s3.us-east-1.amazonaws.com/")[:200],
    "another name": socket.gethostbyname("localhost"),
}), flush=True)
"""


@pytest.fixture(scope="module")
def aws(aws_for_tasks: AWS) -> AWS:
    return aws_for_tasks


@pytest.fixture(scope="module")
def secret(aws: AWS) -> dict[str, str]:
    """A secret with two versions: its ARN, and their ids."""
    client = aws.client("secretsmanager")
    first = client.create_secret(Name="tests", SecretString=json.dumps({"KEY": "old"}))
    second = client.put_secret_value(SecretId=first["ARN"], SecretString=json.dumps({"KEY": "new"}))
    return {"arn": first["ARN"], "old": first["VersionId"], "new": second["VersionId"]}


@pytest.fixture(scope="module")
def task(aws: AWS, secret: dict[str, str]) -> str:
    """A task as the cloud platform defines it, which looked about itself and ended."""
    aws.client("iam").create_role(RoleName="tests-app", AssumeRolePolicyDocument="{}")
    volume = {"sourceVolume": "tmp", "containerPath": "/tmp", "readOnly": False}
    prepare = {
        "name": "prepare",
        "essential": False,
        "user": "0:0",
        "readonlyRootFilesystem": True,
        "entryPoint": python(PREPARE),
        "mountPoints": [volume],
    }
    web = {
        "name": "web",
        "user": "10001:10001",
        "readonlyRootFilesystem": True,
        "entryPoint": python(INSPECT),
        "command": ["an argument"],
        "dependsOn": [{"containerName": "prepare", "condition": "SUCCESS"}],
        "linuxParameters": {"initProcessEnabled": True},
        "environment": [{"name": "PLAIN", "value": "plain"}],
        "secrets": [{"name": "KEY", "valueFrom": f"{secret['arn']}:KEY::{secret['old']}"}],
        "mountPoints": [volume],
    }
    definition = ecs.define(aws, [prepare, web], volumes=[{"name": "tmp"}], taskRoleArn=ROLE)
    started = ecs.run_task(aws, definition)
    ended = ecs.wait_until_stopped(aws, started)
    assert [container.get("exitCode") for container in ended["containers"]] == [0, 0], ended
    return started


@pytest.fixture(scope="module")
def seen(aws: AWS, task: str) -> dict[str, Any]:
    return ecs.printed_json(aws, task, "web")


def test_user_and_entry_point_are_the_definitions(seen: dict[str, Any]) -> None:
    assert seen["uid"] == 10001
    assert seen["arguments"] == ["an argument"]


def test_the_root_file_system_is_read_only(seen: dict[str, Any]) -> None:
    assert not seen["root is writable"]


def test_a_volume_is_empty_and_roots_and_shared_by_the_tasks_containers(
    aws: AWS, task: str, seen: dict[str, Any]
) -> None:
    assert ecs.printed_json(aws, task, "prepare") == {"uid": 0, "mode": "0o755", "owner": 0}
    assert seen["/tmp is writable"]


def test_a_container_waits_for_the_one_that_it_depends_on(seen: dict[str, Any]) -> None:
    assert seen["prepared"]


def test_an_init_process_runs_when_it_is_asked_for(seen: dict[str, Any]) -> None:
    assert "python" not in seen["first process"]


def test_a_task_has_no_more_memory_than_its_definition_says(seen: dict[str, Any]) -> None:
    assert seen["memory"] == [512 * 2**20]


def test_a_secret_has_the_version_that_the_definition_names(seen: dict[str, Any]) -> None:
    assert seen["environment"]["KEY"] == "old"


def test_the_environment_is_that_of_fargate(seen: dict[str, Any]) -> None:
    environment = seen["environment"]
    assert environment["PLAIN"] == "plain"
    assert environment["AWS_EXECUTION_ENV"] == "AWS_ECS_FARGATE"
    assert environment["AWS_REGION"] == REGION
    assert "AWS_ENDPOINT_URL" not in environment


def test_a_task_finds_s3_under_its_own_name_by_tls(seen: dict[str, Any]) -> None:
    assert "ListAllMyBucketsResult" in seen["S3 says"]


def test_a_tasks_credentials_belong_to_its_role(aws: AWS, seen: dict[str, Any]) -> None:
    given = seen["credentials"]
    as_the_task = aws.client(
        "sts",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["Token"],
    )
    assert as_the_task.get_caller_identity()["Arn"].startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/tests-app/")


def test_a_task_may_be_started_with_another_role(aws: AWS) -> None:
    """As the release publishes static files."""
    program = (
        "import os, urllib.request as r; path = os.environ['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI']; "
        "print(r.urlopen('http://169.254.170.2' + path).read().decode())"
    )
    role = f"arn:aws:iam::{ACCOUNT}:role/tests-other"
    definition = ecs.define(aws, [{"name": "web", "entryPoint": python(program)}], taskRoleArn=role + "-one")
    task = ecs.run_task(aws, definition, overrides={"taskRoleArn": role})
    assert ecs.wait_until_stopped(aws, task)["overrides"]["taskRoleArn"] == role
    assert ecs.printed_json(aws, task, "web")["RoleArn"] == role


def test_a_task_may_have_an_official_image_of_ecrs_public_gallery(aws: AWS) -> None:
    image = f"public.ecr.aws/docker/library/{ecs.IMAGE}"
    task = ecs.run_task(aws, ecs.define(aws, [{"name": "web", "image": image, "entryPoint": python("print('ran')")}]))
    ecs.wait_until_stopped(aws, task)
    assert ecs.log_lines(aws, task, "web") == ["ran"]


def test_a_task_whose_first_container_fails_never_starts(aws: AWS) -> None:
    prepare = {"name": "prepare", "essential": False, "entryPoint": python("raise SystemExit(3)")}
    depends = [{"containerName": "prepare", "condition": "SUCCESS"}]
    web = {"name": "web", "entryPoint": python("print('started')"), "dependsOn": depends}
    ended = ecs.wait_until_stopped(aws, ecs.run_task(aws, ecs.define(aws, [prepare, web])))
    assert ended["stopCode"] == "TaskFailedToStart"
    codes = {container["name"]: container.get("exitCode") for container in ended["containers"]}
    assert codes == {"prepare": 3, "web": None}


def test_a_stopped_task_has_its_stop_timeout_to_end(aws: AWS) -> None:
    program = "import signal, time; signal.signal(15, lambda *_: (time.sleep(6), print('ended', flush=True), exit(0)));"
    web = {
        "name": "web",
        "entryPoint": python(f"{program} print('begun', flush=True); time.sleep(60)"),
        "stopTimeout": 20,
    }
    task = ecs.run_task(aws, ecs.define(aws, [web]))
    wait_until(lambda: ecs.describe(aws, task)["lastStatus"] == "RUNNING", "the task")
    assert ecs.log_lines(aws, task, "web") == ["begun"]
    aws.client("ecs").stop_task(cluster="tests", task=task)
    wait_until(lambda: ecs.log_lines(aws, task, "web")[-1] == "ended", "the end that it chose", 15)


def test_nothing_of_a_task_stays_on_the_engine(aws: AWS, task: str) -> None:
    mark = {"label": f"com.amazonaws.ecs.task-arn={task}"}
    wait_until(lambda: not aws.engine.containers.list(all=True, filters=mark, ignore_removed=True), "no container")
    wait_until(lambda: not aws.engine.volumes.list(filters=mark), "no volume")
