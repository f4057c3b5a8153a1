"""The services of processes: beside the web, with its image, environment and rights, and a roll-out of their own."""

import json
from typing import Any

import pytest

from tests.infra.conftest import Registered, Run

WORKER: dict[str, Any] = {"command": "python manage.py db_worker"}
# A larger database, since the default one has no connections for all of it.
LARGE = {"database-class": "db.t4g.large"}
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


def run_with(cloud: Any, worker: dict[str, Any], settings: dict[str, Any] | None = None, **more: Any) -> Run:
    run: Run = cloud(LARGE | {"processes": {"worker": WORKER | worker}} | (settings or {}), **more)
    return run


def container(run: Run, name: str = "worker") -> dict[str, Any]:
    resource = "task" if name == "web" else f"process-{name}-task"
    _, app = json.loads(run[resource].inputs["containerDefinitions"])
    return dict(app)


def variables(of: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in of["environment"]}


def asked(run: Run) -> dict[str, Any]:
    return dict(json.loads(run["process-worker-rollout"].inputs["stdin"]))


def test_a_process_has_the_image_the_environment_and_the_rights_of_the_web(cloud: Any) -> None:
    run = run_with(cloud, {})
    worker, web = container(run), container(run, "web")
    for different in ("name", "command", "portMappings"):
        worker.pop(different)
        web.pop(different, None)
    assert worker == web
    for same in ("cpu", "memory", "taskRoleArn", "executionRoleArn", "volumes", "skipDestroy"):
        assert run["process-worker-task"].inputs[same] == run["task"].inputs[same]
    assert run["process-worker-task"].inputs["family"] == "django-stack-cloud-worker"
    assert container(run)["command"] == ["python", "manage.py", "db_worker"]
    assert container(run)["portMappings"] == []


def test_a_process_runs_where_the_web_does_and_behind_no_load_balancer(cloud: Any) -> None:
    run = run_with(cloud, {"count": 2})
    worker, web = run["process-worker"].inputs, run["web"].inputs
    for same in ("cluster", "launchType", "platformVersion", "networkConfiguration", "deploymentCircuitBreaker"):
        assert worker[same] == web[same]
    assert "loadBalancers" not in worker
    assert "alarms" not in worker  # that of visitors' errors says nothing of it
    assert (worker["name"], worker["desiredCount"]) == ("django-stack-cloud-worker", 2)


@pytest.mark.parametrize(
    ("worker", "least", "most", "left_alone"),
    [
        ({}, 0, 100, ["taskDefinition", "desiredCount"]),
        ({"count": 2}, 100, 200, []),
        ({"count": 1, "max": 3}, 100, 200, ["desiredCount"]),
    ],
    ids=["single", "several", "autoscaled"],
)
def test_only_a_single_process_has_none_while_it_is_rolled_out(
    cloud: Any, worker: dict[str, Any], least: int, most: int, left_alone: list[str]
) -> None:
    run = run_with(cloud, worker)
    service = run["process-worker"]
    found = (service.inputs["deploymentMinimumHealthyPercent"], service.inputs["deploymentMaximumPercent"])
    assert found == (least, most)
    # ECS refuses a change to 100 per cent that leaves the balance of zones turned on, as it is by default.
    assert service.inputs["availabilityZoneRebalancing"] == ("DISABLED" if most == 100 else "ENABLED")
    assert list(service.request.ignoreChanges) == left_alone
    assert asked(run)["single"] is (most == 100)


def test_autoscaling_by_cpu_is_there_when_a_most_is_given(cloud: Any) -> None:
    assert "process-worker-scaling" not in run_with(cloud, {"count": 2}).resources
    run = run_with(cloud, {"count": 2, "max": 5})
    target, policy = run["process-worker-scaling"].inputs, run["process-worker-scaling-by-cpu"].inputs
    assert (target["minCapacity"], target["maxCapacity"]) == (2, 5)
    assert target["resourceId"] == "service/django-stack-cloud/django-stack-cloud-worker"
    assert policy["resourceId"] == target["resourceId"]
    assert policy["name"] != run["web-scaling-by-cpu"].inputs["name"]
    assert (asked(run)["tasks"], asked(run)["most"]) == (2, 5)
    depends = " ".join(run["process-worker-rollout"].request.dependencies)
    assert "::process-worker-scaling" in depends


def test_a_process_has_its_own_size_and_stop_time(cloud: Any) -> None:
    run = run_with(cloud, {"cpu": 1024, "memory": 4096, "stop-timeout": 120})
    task = run["process-worker-task"].inputs
    assert (task["cpu"], task["memory"]) == ("1024", "4096")
    assert container(run)["stopTimeout"] == 120
    assert container(run, "web")["stopTimeout"] == 30
    assert container(run_with(cloud, {"stop-timeout": 1}))["stopTimeout"] == 2  # Fargate's least


def test_a_process_gets_its_own_variables_and_the_web_does_not(cloud: Any) -> None:
    run = run_with(
        cloud, {"env": {"QUEUES": "mail", "GREETING": "worker", "WEB_CONCURRENCY": "1"}}, {"env": {"GREETING": "all"}}
    )
    assert variables(container(run)).items() >= {"QUEUES": "mail", "GREETING": "worker", "WEB_CONCURRENCY": "1"}.items()
    assert variables(container(run, "web"))["GREETING"] == "all"
    assert not variables(container(run, "web")).keys() & {"QUEUES"}


def test_its_own_secrets_are_in_the_stacks_secret_and_reach_it_alone(cloud: Any) -> None:
    run = run_with(cloud, {"env": {"A_TOKEN": "TOPSECRET", "B_KEY": "SECRET-TOO"}}, secrets=("processes",))
    secret = json.loads(run["task-secret-version"].inputs["secretString"])
    assert (secret["worker.A_TOKEN"], secret["worker.B_KEY"]) == ("TOPSECRET", "SECRET-TOO")
    references = {entry["name"]: entry["valueFrom"] for entry in container(run)["secrets"]}
    assert references["A_TOKEN"].split(":")[7] == "worker.A_TOKEN"
    assert references["SECRET_KEY"].split(":")[7] == "SECRET_KEY"
    assert "A_TOKEN" not in {entry["name"] for entry in container(run, "web")["secrets"]}
    assert "TOPSECRET" not in run["process-worker-task"].inputs["containerDefinitions"]
    assert "TOPSECRET" in asked(run)["secrets"]


def test_a_process_starts_after_the_release_and_the_web_moves_when_it_has(cloud: Any) -> None:
    run = run_with(cloud, {})
    assert any(urn.endswith("::release") for urn in run["process-worker"].request.dependencies)
    behind = " ".join(run["web"].request.dependencies)
    assert "::process-worker-rollout" in behind
    assert "::process-worker " in f"{behind} "


def test_its_roll_out_is_checked_again_when_tasks_start_and_only_then(cloud: Any) -> None:
    def triggers(worker: dict[str, Any], settings: dict[str, Any] | None = None) -> Any:
        return run_with(cloud, worker, settings)["process-worker-rollout"].inputs["triggers"]

    assert triggers({}) != triggers({"count": 2}) != triggers({"count": 2, "max": 3})
    assert triggers({}) == triggers({}, {"rollout-timeout": 600, "alarm-email": "ops@example.com"})


def test_an_alarm_tells_when_no_task_of_a_process_runs(cloud: Any) -> None:
    run = run_with(cloud, {})
    alarm = run["alarm-no-task-of-worker"].inputs
    assert alarm["dimensions"] == {"ClusterName": "django-stack-cloud", "ServiceName": "django-stack-cloud-worker"}
    assert alarm["dimensions"]["ServiceName"] == run["process-worker"].inputs["name"]
    assert (alarm["comparisonOperator"], alarm["threshold"]) == ("LessThanThreshold", 1)
    assert (alarm["statistic"], alarm["treatMissingData"]) == ("SampleCount", "breaching")
    assert alarm["alarmActions"]
    assert "CPU of worker, per cent" in run["dashboard"].inputs["dashboardBody"]


def test_without_processes_nothing_of_them_is_registered(cloud: Any) -> None:
    run = cloud()
    named: list[Registered] = [one for one in run.resources.values() if "process" in one.name]
    assert not named
    assert len(run.of_type("aws:ecs/service:Service")) == len(run.of_type("aws:ecs/taskDefinition:TaskDefinition")) == 1
