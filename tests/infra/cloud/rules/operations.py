"""What runs is complete and labelled, and somebody hears of it when it fails."""

import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from typing import Any

from tests.infra.cloud.rules.base import (
    BALANCER,
    BUCKET,
    DEFINITION,
    INSTANCE,
    REPOSITORY,
    ROLE,
    SECRET,
    SERVICE,
    TARGETS,
    Break,
    Rule,
    change,
    gone,
)
from tests.infra.conftest import Registered, Run

# Whoever deploys may tag only what is being made, and AWS makes this group itself.
WITHOUT_TAGS = {"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"}
ALARMS = {
    "HTTPCode_Target_5XX_Count": "the site answers with errors",
    "HTTPCode_ELB_5XX_Count": "the load balancer answers with errors in the tasks' stead",
    "TargetResponseTime": "the site is slow",
    "UnHealthyHostCount": "a task doesn't answer",
    "HealthyHostCount": "no task is left",
    "CPUUtilization": "the database is busy",
    "FreeStorageSpace": "the database's storage is almost full",
    "DatabaseConnections": "the database is out of connections",
}


EVENTS = {
    "SERVICE_DEPLOYMENT_FAILED": "a roll-out failed",
    '"startedBy": ["release"]': "a release failed",
    '"stopCode": ["EssentialContainerExited"]': "tasks end again and again",
    '"ECR Image Scan"': "the scan of an image finds something",
}
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


def the_parts_are_there(run: Run) -> Iterator[str]:
    """The other rules look at what there is; this one sees to it that there is something to look at."""
    for token in (INSTANCE, BUCKET, REPOSITORY, SERVICE, DEFINITION, BALANCER, TARGETS, SECRET, ROLE):
        if not run.of_type(token):
            yield f"There is no {token.rpartition(':')[2]}, or one of a kind that these tests don't look at."


def everything_says_whose_it_is(run: Run) -> Iterator[str]:
    for resource in run.resources.values():
        if resource.type not in WITHOUT_TAGS and resource.type.startswith("aws:") and takes_tags(resource.type):
            tags = resource.inputs.get("tags") or {}
            if tags.get("django-stack.project") != "django-stack" or "django-stack.stack" not in tags:
                yield f"{resource.name} carries no tags of project and stack: nobody knows whose bill it is."


def a_failed_roll_out_is_noticed(run: Run) -> Iterator[str]:
    for service in run.of_type(SERVICE):
        if service.inputs.get("deploymentCircuitBreaker") != {"enable": True, "rollback": True}:
            yield "A version that doesn't start is tried for ever instead of being rolled back."
        if service.inputs.get("waitForSteadyState") is not False:
            yield "The provider waits for the service, and takes a roll-back for a success; the roll-out check waits."
        if f"{service.name}-rollout" not in run.resources:
            yield "Nothing compares what runs with what was wanted: a rolled-back deployment would look like a success."
        if not service.inputs.get("loadBalancers"):
            yield from _of_a_process(service)
            continue
        watched = service.inputs.get("alarms") or {}
        if not (watched.get("enable") and watched.get("rollback") and set(watched["alarmNames"]) & _of_errors(run)):
            yield "A version that breaks after it was ready stays, whatever visitors get."
        if service.inputs["deploymentMinimumHealthyPercent"] < 100:
            yield "A roll-out stops tasks before the new ones serve."
        if service.inputs["deploymentMaximumPercent"] != 200:
            yield "A roll-out has no room for as many new tasks as there are, or for more than the database bears."
    for targets in run.of_type(TARGETS):
        check = targets.inputs.get("healthCheck", {})
        if (check.get("path"), check.get("matcher")) != ("/healthz/live", "200"):
            yield "The load balancer doesn't ask if tasks are alive, or has all replaced when the database is away."
    if "web-rollout" not in run.resources:
        yield "There is no web, or nothing checks it."


def _of_a_process(service: Registered) -> Iterator[str]:
    bounds = (service.inputs["deploymentMinimumHealthyPercent"], service.inputs["deploymentMaximumPercent"])
    if service.inputs.get("availabilityZoneRebalancing") != ("ENABLED" if bounds[1] > 100 else "DISABLED"):
        yield f"ECS refuses the number of tasks of {service.name}, or leaves them all in one zone."
    by_the_check = list(service.request.ignoreChanges) == ["taskDefinition", "desiredCount"]
    if by_the_check and (bounds != (0, 100) or service.inputs["desiredCount"] != 1):
        yield f"ECS may run two tasks of {service.name} at once."
    if not by_the_check and bounds != (100, 200):
        yield f"A roll-out of {service.name} leaves less to work, or needs more of the database than was counted."


def _of_errors(run: Run) -> set[str]:
    """The names of alarms that go off soon when tasks answer with errors, and not by the lack of requests."""
    return {
        alarm.inputs["name"]
        for alarm in run.of_type(ALARM)
        if alarm.inputs["metricName"] == "HTTPCode_Target_5XX_Count"
        and alarm.inputs["period"] * alarm.inputs["evaluationPeriods"] <= 180
        and alarm.inputs["treatMissingData"] == "notBreaching"
        and set(alarm.inputs["dimensions"]) == {"LoadBalancer", "TargetGroup"}
    }


def load_is_met_with_more_tasks(run: Run) -> Iterator[str]:
    targets = run.of_type("aws:appautoscaling/target:Target")
    policies = run.of_type("aws:appautoscaling/policy:Policy")
    followed = {policy.inputs["resourceId"] for policy in policies if policy.inputs["policyType"].startswith("Target")}
    for service in run.of_type(SERVICE):
        is_scaled = f"{service.name}-scaling" in run.resources or service.inputs.get("loadBalancers")
        if is_scaled and list(service.request.ignoreChanges) != ["desiredCount"]:
            yield "Each update takes back the number of tasks that autoscaling chose, in the midst of a rush."
    if not targets or any(target.inputs["resourceId"] not in followed for target in targets):
        yield "Nothing starts more tasks under load: the site gets slow, then it is down."
    if any(target.inputs["minCapacity"] < 1 for target in targets):
        yield "Autoscaling may stop the last task."


def somebody_is_told(run: Run) -> Iterator[str]:
    alarms = {
        alarm.inputs["metricName"]: alarm.inputs for alarm in run.of_type(ALARM) if alarm.inputs.get("alarmActions")
    }
    for metric, what in ALARMS.items():
        if metric not in alarms:
            yield f"Nobody is told when {what}."
    # Without any target there is no metric: silence is the alarm.
    none = alarms.get("HealthyHostCount", {})
    if (none.get("treatMissingData"), none.get("comparisonOperator"), none.get("threshold")) != (
        "breaching",
        "LessThanThreshold",
        1,
    ):
        yield "When the last task is gone, no alarm fires: the load balancer then reports no tasks, healthy or not."
    watched = {
        alarm.inputs["dimensions"].get("ServiceName")
        for alarm in run.of_type(ALARM)
        if alarm.inputs["treatMissingData"] == "breaching" and alarm.inputs.get("alarmActions")
    }
    for service in run.of_type(SERVICE):
        if not service.inputs.get("loadBalancers") and service.inputs["name"] not in watched:
            yield f"Nobody is told when no task of {service.name} runs."
    for alarm in run.of_type(ALARM):
        if "What to do: " not in alarm.inputs["alarmDescription"]:
            yield f"Who gets {alarm.name} at night has to find out what to do."
    targets = {target.inputs["rule"] for target in run.of_type("aws:cloudwatch/eventTarget:EventTarget")}
    told = "".join(
        rule.inputs["eventPattern"]
        for rule in run.of_type("aws:cloudwatch/eventRule:EventRule")
        if rule.inputs["name"] in targets
    )
    for event, what in EVENTS.items():
        if event not in told:
            yield f"Nobody is told when {what}, unless somebody watches the update."
    if not any(
        "events.amazonaws.com" in one.inputs["policy"] for one in run.of_type("aws:sns/topicPolicy:TopicPolicy")
    ):
        yield "What ECS tells is refused by the topic."


@cache
def takes_tags(token: str) -> bool:
    """Whether the SDK's class of a type takes tags; fails when the locked SDK doesn't have the type."""
    return "tags" in inspect.signature(sdk_class(token).__init__).parameters or "tags" in inspect.getsource(
        sdk_class(token)._internal_init
    )


def sdk_class(token: str) -> Any:
    _, module, name = token.split(":")
    return getattr(importlib.import_module(f"pulumi_aws.{module.split('/')[0]}"), name)


RULES: list[Rule] = [
    the_parts_are_there,
    everything_says_whose_it_is,
    a_failed_roll_out_is_noticed,
    load_is_met_with_more_tasks,
    somebody_is_told,
]
OF_PARTS_THAT_ARE_THERE: list[Rule] = [everything_says_whose_it_is]
BREAKS = [
    Break("database", gone, "There is no Instance"),
    Break("task-secret", gone, "There is no Secret"),
    Break("address-targets", change(healthCheck={"path": "/healthz/ready", "matcher": "200"}), "if tasks are alive"),
    Break("address-targets", change(healthCheck={"path": "/healthz/live", "matcher": "200-499"}), "if tasks are alive"),
    Break("web-rollout", gone, "would look like a success"),
    Break("web-scaling", gone, "Nothing starts more tasks"),
    Break("web-scaling-by-cpu", gone, "Nothing starts more tasks"),
    Break("web-scaling", change(minCapacity=0), "may stop the last task"),
    Break("alarm-no-task", gone, "Nobody is told when no task is left"),
    Break("alarm-no-task", change(treatMissingData="notBreaching"), "When the last task is gone, no alarm fires"),
    Break("alarm-errors-of-the-balancer", gone, "Nobody is told when the load balancer answers with errors"),
    Break("alarm-database-storage", change(alarmActions=[]), "storage is almost full"),
    Break("alarms", change(tags={}), "carries no tags"),
    Break("alarm-latency", gone, "Nobody is told when the site is slow"),
    Break("alarm-errors", change(alarmDescription="errors"), "has to find out what to do"),
    Break("event-failed-rollout", gone, "Nobody is told when a roll-out failed"),
    Break("event-failed-release-topic", gone, "Nobody is told when a release failed"),
    Break("event-ended-tasks", gone, "Nobody is told when tasks end"),
    Break("event-image-findings", gone, "Nobody is told when the scan"),
    Break("alarms-policy", change(policy="{}"), "refused by the topic"),
    Break("web", change(alarms=None), "A version that breaks after it was ready stays"),
    Break("alarm-rollback", change(period=300), "A version that breaks after it was ready stays"),
    Break("alarm-rollback", change(treatMissingData="breaching"), "A version that breaks after it was ready stays"),
    Break("web", change(waitForSteadyState=True), "takes a roll-back for a success"),
    Break("web", change(deploymentCircuitBreaker={"enable": False}), "tried for ever"),
    Break("web", change(deploymentMinimumHealthyPercent=50), "before the new ones serve"),
    Break("web", change(deploymentMaximumPercent=150), "no room for as many new tasks"),
    Break("process-worker-rollout", gone, "would look like a success", "processes"),
    Break("process-worker-scaling-by-cpu", gone, "Nothing starts more tasks", "processes"),
    Break("process-beat", change(deploymentMaximumPercent=200), "two tasks of process-beat at once", "processes"),
    Break("process-beat", change(availabilityZoneRebalancing="ENABLED"), "refuses the number of tasks", "processes"),
    Break("process-worker", change(availabilityZoneRebalancing=None), "refuses the number of tasks", "processes"),
    Break("process-beat", change(desiredCount=2), "two tasks of process-beat at once", "processes"),
    Break("process-worker", change(deploymentMaximumPercent=300), "than was counted", "processes"),
    Break("alarm-no-task-of-beat", gone, "Nobody is told when no task of process-beat runs", "processes"),
]
