"""A roll-out is watched by its service's alarms. MiniStack keeps their names, and does nothing with them.

Once the new tasks are steady and the old ones gone, ECS waits for as long as the alarms need (the bake time); when one
goes off before that is over, the deployment failed, and ECS goes back to the last one that was completed. An alarm that
was on when the deployment began is not looked at.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html
"""

import threading
import time
from collections.abc import Mapping
from typing import Any

from ministack.core.responses import new_uuid, request_scope
from ministack.services import cloudwatch, ecs

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace
from tools.rehearsal.overrides.metrics import FASTER

Data = dict[str, Any]
GOING = ("PROVISIONING", "PENDING", "ACTIVATING", "RUNNING")


def apply(config: EmulatorConfig) -> None:
    """Puts our own end of a deployment in the place of MiniStack's, and looks at each service twice a second."""
    replace(ecs, "_complete_service_deployment", _complete)
    threading.Thread(target=_watch, args=(config,), daemon=True, name="deployment-alarms").start()


def _watch(config: EmulatorConfig) -> None:
    while True:
        time.sleep(0.5)
        with request_scope(config.account, config.region):
            for key, service in list(ecs._services.items()):
                primary = ecs._primary_deployment(service)
                if primary and service["status"] == "ACTIVE":
                    _look(key, service, primary)


def _look(key: str, service: Data, primary: Data) -> None:
    on = [alarm for alarm in _alarms(service) if alarm["StateValue"] == "ALARM"]
    # There's nothing to go back to from the last good version.
    primary.setdefault("_watched", not on and primary["taskDefinition"] != service.get("_last_good"))
    if primary["rolloutState"] == "IN_PROGRESS" and primary["_watched"] and on:
        primary["rolloutState"] = "FAILED"
        primary["rolloutStateReason"] = f"ECS deployment failed: alarm detected: {on[0]['AlarmName']}."
        _say(service, f"(deployment {primary['id']}) deployment failed: alarm detected.")
    if primary["rolloutState"] == "FAILED":
        _go_back(key, service, primary)
    else:
        _complete(key.partition("/")[0], key)


def _alarms(service: Mapping[str, Any]) -> list[Data]:
    chosen = (service.get("deploymentConfiguration") or {}).get("alarms") or {}
    names = chosen.get("alarmNames", ()) if chosen.get("enable") else ()
    return [cloudwatch._alarms[name] for name in names if name in cloudwatch._alarms]


def _complete(cluster: str, key: str, expected_deployment_id: str | None = None) -> None:
    """Stops the tasks of other deployments once all of this one's are steady; completes it when the bake is over."""
    service = ecs._services.get(key)
    if not service or service["status"] != "ACTIVE":
        return
    with ecs.resource_lock("ecs-service", key):
        primary = ecs._primary_deployment(service)
        if not primary or primary["rolloutState"] != "IN_PROGRESS":
            return
        if expected_deployment_id not in {None, primary["id"]}:
            return
        tasks = [
            task
            for task in list(ecs._tasks.values())
            if task.get("group") == f"service:{service['serviceName']}"
            and task.get("clusterArn") == service["clusterArn"]
            and task["lastStatus"] in GOING
        ]
        ours = [task for task in tasks if ecs._deployment_for_task(service, task) is primary]
        steady = [task for task in ours if task["lastStatus"] == "RUNNING" and task.get("_startup_stable")]
        if len(steady) < service["desiredCount"]:
            return
        since = primary.setdefault("_steady_since", time.monotonic())
        bakes = primary.get("_watched", True) and time.monotonic() - since < _bake(service)
        if not bakes:
            primary["rolloutState"], primary["rolloutStateReason"] = "COMPLETED", "ECS deployment completed."
            service["_last_good"] = primary["taskDefinition"]
    for task in tasks:
        if task not in ours:
            ecs._stop_task({"task": task["taskArn"], "cluster": cluster, "reason": "Scaling activity"})
    with ecs.resource_lock("ecs-service", key):
        if ecs._primary_deployment(service) is primary:  # else another one began meanwhile
            kept = [one for one in service["deployments"] if one is primary or one["rolloutState"] == "FAILED"]
            service["deployments"] = kept
    ecs._refresh_service_state(cluster, f"service:{service['serviceName']}")


def _bake(service: Mapping[str, Any]) -> float:
    """Seconds; AWS doesn't say how it reckons, only that it goes by the alarms."""
    needed = [alarm["Period"] * (alarm["EvaluationPeriods"] + 2) for alarm in _alarms(service)]
    return max(needed, default=0) / FASTER


def _go_back(key: str, service: Data, failed: Data) -> None:
    chosen = service["deploymentConfiguration"]
    wanted = any(chosen.get(kind, {}).get("rollback") for kind in ("alarms", "deploymentCircuitBreaker"))
    good = service.get("_last_good")
    if not wanted or not good or good == failed["taskDefinition"]:
        return
    _say(service, f"rolling back to {good.rpartition('/')[2]}, the last completed deployment.")
    ecs._update_service({"cluster": key.partition("/")[0], "service": service["serviceName"], "taskDefinition": good})


def _say(service: Data, message: str) -> None:
    text = f"(service {service['serviceName']}) {message}"
    service["events"].insert(0, {"id": new_uuid(), "createdAt": ecs._iso(), "message": text})
