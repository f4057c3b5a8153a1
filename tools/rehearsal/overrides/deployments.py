"""Deployments of a service behind a load balancer go by its targets' health.

A deployment is complete when its tasks are healthy targets; a task that stays unhealthy after the service's grace
period is stopped, and counts for the circuit breaker: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
and https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
MiniStack calls a deployment complete when its tasks have run for a second, and a service's first one at once. It also
forgets what an update of a service leaves out of the configuration of deployments.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from ministack.core.responses import new_uuid, request_scope
from ministack.services import ecs

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace, target_health, task_definitions
from tools.rehearsal.overrides.target_health import SPEED_UP, Health, Key


def apply(config: EmulatorConfig) -> None:
    """Wraps what MiniStack takes for a healthy task; listens to the targets' health."""
    make = ecs._make_deployment

    def make_deployment(*arguments: Any, **named: Any) -> dict[str, Any]:
        deployment: dict[str, Any] = make(*arguments, **named)
        reason = f"ECS deployment {deployment['id']} in progress."
        return {**deployment, "rolloutState": "IN_PROGRESS", "rolloutStateReason": reason}

    replace(ecs, "_make_deployment", make_deployment)
    record = ecs._record_service_task_healthy

    def record_healthy(service_key: str, task: dict[str, Any]) -> None:
        if all(
            target_health.state(balancer["targetGroupArn"], ecs._task_ip(task) or "") == "healthy"
            for balancer in (ecs._services.get(service_key) or {}).get("loadBalancers", [])
        ):
            record(service_key, task)

    replace(ecs, "_record_service_task_healthy", record_healthy)

    update = ecs._update_service

    def update_service(data: dict[str, Any]) -> Any:
        if given := data.get("deploymentConfiguration"):
            cluster, service = (str(data[key]).rpartition("/")[2] for key in ("cluster", "service"))
            known = ecs._services.get(f"{cluster}/{service}") or {}
            data = {**data, "deploymentConfiguration": {**known.get("deploymentConfiguration", {}), **given}}
        return update(data)

    replace(ecs, "_update_service", update_service)

    def listen(key: Key, health: Health) -> None:
        with request_scope(config.account, config.region):
            for service_key, service, task in _services_behind(key):
                if health.state == "healthy":
                    ecs._schedule_service_deployment_completion(
                        *_names(service_key), config.account, config.region, healthy_task=task
                    )
                elif _grace_period_is_over(service, health):
                    _fail(key, service, task)

    target_health.listeners.append(listen)


def _names(service_key: str) -> tuple[str, str]:
    return service_key.partition("/")[0], service_key


def _services_behind(key: Key) -> Iterator[tuple[str, Mapping[str, Any], dict[str, Any]]]:
    """The services and tasks that a target is."""
    group, address, _ = key
    for service_key, service in list(ecs._services.items()):
        if any(balancer.get("targetGroupArn") == group for balancer in service.get("loadBalancers", [])):
            for task in list(ecs._tasks.values()):
                if task["lastStatus"] == "RUNNING" and ecs._task_ip(task) == address:
                    yield service_key, service, task


def _grace_period_is_over(service: Mapping[str, Any], health: Health) -> bool:
    grace = float(service.get("healthCheckGracePeriodSeconds") or 0) / SPEED_UP
    return time.monotonic() - health.registered > grace


def _fail(key: Key, service: Mapping[str, Any], task: dict[str, Any]) -> None:
    group, _, port = key
    name, number = service["serviceName"], task["taskArn"].rpartition("/")[2]
    where = f"(target-group {group})"
    containers = dict(zip(task["_docker_ids"], task["containers"], strict=False))
    if not ecs._mark_task_stopped(
        task["taskArn"], task, f"Task failed ELB health checks in {where}", "ServiceSchedulerInitiated"
    ):
        return
    unhealthy = f"(port {port}) is unhealthy in {where} due to (reason Health checks failed)"
    for message in (
        f"(service {name}) (task {number}) {unhealthy}",
        f"(service {name}) has stopped 1 running tasks: (task {number}).",
    ):
        service["events"].insert(0, {"id": new_uuid(), "createdAt": ecs._iso(), "message": message})
    engine = task_definitions.engine()
    for docker_id, container in containers.items():
        container["exitCode"] = task_definitions.stop(engine, docker_id)
    ecs._record_service_task_failure(task)
    ecs._cleanup_task_resources(task, engine)
