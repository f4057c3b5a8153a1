"""A new password of the database: ECS doesn't go back to a version that doesn't know it, and watches again after."""

import json
from typing import Any

import pytest

from tests.infra.cloud.fake_aws import FakeAWS, RefusalError
from tests.infra.cloud.site import HTML, Site
from tests.infra.cloud.steps.conftest import NEW, OLD, Run
from tests.infra.cloud.steps.release_tasks import ASKED, TASK, stopped
from tests.infra.cloud.steps.test_rollout import STEADY, rollout

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:app-environment-1a2b3c"
ALARMS = {"alarmNames": ["app-rollback"], "enable": True, "rollback": True}
WATCHED = {"maximumPercent": 200, "minimumHealthyPercent": 100, "alarms": ALARMS}
UNWATCHED = {**WATCHED, "alarms": {**ALARMS, "enable": False}}
FIRST, SECOND = "1" * 32, "2" * 32  # versions of the secret
BEFORE = "postgres://app:old@db.rds.amazonaws.com:5432/app?sslmode=verify-full"


@pytest.fixture
def ecs(aws: FakeAWS) -> FakeAWS:
    """A service that runs OLD, whose alarm is watched; a release of NEW succeeds."""
    aws.on("ListTasks", {"taskArns": []})
    aws.on("RunTask", {"tasks": [{"taskArn": TASK}], "failures": []})
    aws.on("DescribeTasks", stopped())
    aws.on("GetLogEvents", {"events": [], "nextForwardToken": "f/1"})
    configured = {"status": "ACTIVE", "taskDefinition": OLD, "deploymentConfiguration": {**WATCHED, "strategy": "x"}}
    aws.on("DescribeServices", {"services": [configured]})
    aws.on("UpdateService", {})
    return aws


def script_urls(ecs: FakeAWS, before: str, after: str, versions: tuple[str, str] = (FIRST, SECOND)) -> None:
    """Each definition's DATABASE_URL is in another version of the secret."""
    of = {OLD: versions[0], NEW: versions[1]}
    urls = dict(zip(versions, (before, after), strict=True))

    def define(asked: dict[str, Any]) -> dict[str, Any]:
        reference = f"{SECRET}:DATABASE_URL::{of[asked['taskDefinition']]}"
        containers = [
            {"name": "prepare"},
            {"name": "web", "secrets": [{"name": "DATABASE_URL", "valueFrom": reference}]},
        ]
        return {"taskDefinition": {"containerDefinitions": containers}}

    def get_value(asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["SecretId"] == SECRET
        return {
            "SecretString": json.dumps({"DATABASE_URL": urls[asked["VersionId"]], "SECRET_KEY": asked["VersionId"]})
        }

    ecs.on("DescribeTaskDefinition", define)
    ecs.on("GetSecretValue", get_value)


def test_a_version_without_the_new_password_is_not_gone_back_to(ecs: FakeAWS, run: Run) -> None:
    script_urls(ecs, BEFORE, BEFORE.replace(":old@", ":n%40w@"))
    code, out, _ = run("infra.cloud.steps.release", ASKED)
    assert code == 0
    assert "The database has a new password" in out
    (update,) = ecs.asked("UpdateService")
    assert update == {"cluster": "app", "service": "app-web", "deploymentConfiguration": UNWATCHED}
    assert [name for name, _ in ecs.calls][-1] == "UpdateService", (
        "after the release, so that one that fails changes nothing"
    )


@pytest.mark.parametrize(
    ("after", "versions"),
    [
        (BEFORE, (FIRST, SECOND)),
        (BEFORE.replace("db.", "restored.").replace("old", "new"), (FIRST, SECOND)),
        (BEFORE, (FIRST, FIRST)),
    ],
    ids=["another secret is new", "another database", "no secret is new"],
)
def test_else_the_alarm_is_watched(ecs: FakeAWS, run: Run, after: str, versions: tuple[str, str]) -> None:
    script_urls(ecs, BEFORE, after, versions)
    assert run("infra.cloud.steps.release", ASKED)[0] == 0
    assert not ecs.asked("UpdateService")
    assert len(ecs.asked("GetSecretValue")) == (2 if versions == (FIRST, SECOND) else 0)


def test_a_release_that_succeeded_does_not_fail_for_a_secret_that_may_not_be_read(ecs: FakeAWS, run: Run) -> None:
    script_urls(ecs, BEFORE, BEFORE)
    ecs.on("GetSecretValue", RefusalError("AccessDeniedException", "no"))
    code, out, error = run("infra.cloud.steps.release", ASKED)
    assert (code, error) == (0, "")
    assert "Whether the database has a new password isn't known: " in out
    assert "AccessDeniedException" in out
    assert not ecs.asked("UpdateService")


@pytest.mark.parametrize("status", [200, 500], ids=["a good home page", "a broken one"])
def test_the_check_has_the_alarm_watched_again(ecs: FakeAWS, run: Run, site: Site, status: int) -> None:
    (steady,) = STEADY["services"]
    ecs.on("DescribeServices", {"services": [{**steady, "deploymentConfiguration": UNWATCHED}]})
    site.answers["/"] = [(status, HTML, "<h1>Gallery</h1>")]
    code, _, error = rollout(run, site)
    assert code == (0 if status == 200 else 1), error
    (update,) = ecs.asked("UpdateService")
    assert update == {"cluster": "app", "service": "app-web", "deploymentConfiguration": WATCHED}
