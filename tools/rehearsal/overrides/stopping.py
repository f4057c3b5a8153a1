"""A task of a process is in the state STOPPING while its containers end. MiniStack calls it STOPPED before they have.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
Meanwhile it doesn't count for a service's maximumPercent, so that the next one may start beside it:
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
Tasks behind a load balancer and one-off tasks are left to MiniStack, which waits for their end in the call.
"""

from typing import Any

from ministack.core.responses import request_scope
from ministack.services import ecs

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace, task_definitions


def apply(config: EmulatorConfig) -> None:
    """Replaces how a task of a service without a load balancer is stopped."""
    stop = ecs._stop_task

    def stop_task(data: dict[str, Any]) -> Any:
        cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
        task = ecs._resolve_task(data.get("task", ""), cluster) if cluster else None
        if not task or not _is_of_a_process(cluster, task):
            return stop(data)
        arn = task["taskArn"]
        with ecs.resource_lock("ecs-task", arn):
            if ecs._task_is_active(arn, task):
                ecs._bump_task_version(task)
                reason = data.get("reason", "Scaling activity initiated by deployment")
                task |= {"desiredStatus": "STOPPED", "lastStatus": "STOPPING", "stoppingAt": ecs._iso()}
                task |= {"stoppedReason": reason, "stopCode": "ServiceSchedulerInitiated"}
                ecs.spawn_background(_end, config, cluster, task, thread_name="rehearsal-stopping")
        ecs._recount_cluster(cluster)
        ecs._refresh_service_state(cluster, task.get("group", ""))
        return ecs.json_response({"task": ecs._sanitize(task)})

    replace(ecs, "_stop_task", stop_task)


def _is_of_a_process(cluster: str, task: dict[str, Any]) -> bool:
    kind, _, name = str(task.get("group", "")).partition(":")
    service = ecs._services.get(f"{cluster}/{name}")
    return kind == "service" and bool(service) and not service.get("loadBalancers")


def _end(config: EmulatorConfig, cluster: str, task: dict[str, Any]) -> None:
    """Ends the containers in their time, and then the task."""
    client = task_definitions.engine()
    codes = [task_definitions.stop(client, number) for number in task.get("_docker_ids", [])]
    with request_scope(config.account, config.region):
        with ecs.resource_lock("ecs-task", task["taskArn"]):
            for container, code in zip(task["containers"], codes, strict=False):
                container |= {"lastStatus": "STOPPED", "exitCode": code}
            task |= {"lastStatus": "STOPPED", "stoppedAt": ecs._iso(), "executionStoppedAt": ecs._iso()}
        ecs._cleanup_task_resources(task, client)
        ecs._recount_cluster(cluster)
        ecs._refresh_service_state(cluster, task.get("group", ""))
