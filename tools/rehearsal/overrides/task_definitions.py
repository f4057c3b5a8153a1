"""What of a task definition MiniStack leaves out when it starts the containers: entryPoint, user, workingDirectory,
readonlyRootFilesystem, the init process, volumes without a path on the host, memory, stopTimeout, dependsOn.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html

Volumes of Fargate are empty, belong to root and are gone with the task:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html
CPU is a share of the machine and no limit, as an idle machine gives it: a quarter of a vCPU takes minutes to start.
"""

import time
from collections.abc import Mapping
from typing import Any

import docker
from ministack.services import ecs

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace

TASK_LABEL = "com.amazonaws.ecs.task-arn"
CONTAINER_LABEL = "com.amazonaws.ecs.container-name"
STOP_TIMEOUT_LABEL = "django-stack.rehearsal.stop-timeout"
DEFAULT_STOP_TIMEOUT = 30  # seconds, Fargate's
DEPENDENCY_TIMEOUT = 120  # seconds that a container waits for another one
MIB = 2**20

Definition = Mapping[str, Any]


class DependencyError(Exception):
    """A container that another one waits for didn't do what it has to; the task doesn't start then."""


def apply(config: EmulatorConfig) -> None:
    """Wraps how MiniStack starts, stops and forgets a task's containers."""
    _start_as_defined(config)
    _wait_for_dependencies()
    _take_the_essential_containers_address()
    _apply_stop_timeout()
    _remove_leftovers(config)


def _start_as_defined(config: EmulatorConfig) -> None:
    build = ecs._build_run_kwargs

    def build_run_kwargs(container: Definition, task: Definition, *arguments: Any, **named: Any) -> dict[str, Any]:
        kwargs: dict[str, Any] = build(container, task, *arguments, **named)
        linux = container.get("linuxParameters") or {}
        memory = int(container.get("memory") or task.get("memory") or 512) * MIB
        given = {
            "entrypoint": container.get("entryPoint"),
            "user": container.get("user"),
            "working_dir": container.get("workingDirectory"),
            "read_only": container.get("readonlyRootFilesystem"),
            "init": linux.get("initProcessEnabled"),
        }
        kwargs |= {name: value for name, value in given.items() if value}
        kwargs |= {"mem_limit": memory, "memswap_limit": memory, "cpu_shares": int(task.get("cpu") or 256)}
        kwargs["labels"] |= {STOP_TIMEOUT_LABEL: str(container.get("stopTimeout") or DEFAULT_STOP_TIMEOUT)}
        kwargs["volumes"] = [*(kwargs.get("volumes") or []), *_volumes(container, task, kwargs["labels"], config)]
        return kwargs

    replace(ecs, "_build_run_kwargs", build_run_kwargs)


def _volumes(container: Definition, task: Definition, labels: Mapping[str, str], config: EmulatorConfig) -> list[str]:
    """Docker's binds of the volumes that have no place on the host: one for each task, without what the image has."""
    here = {volume["name"] for volume in task.get("volumes", []) if not (volume.get("host") or {}).get("sourcePath")}
    label, _, value = config.label.partition("=")
    binds = []
    for mount in container.get("mountPoints", []):
        if mount.get("sourceVolume") in here:
            name = f"{value}-{labels[TASK_LABEL].rpartition('/')[2][:12]}-{mount['sourceVolume']}"
            engine().volumes.create(name, labels={label: value, TASK_LABEL: labels[TASK_LABEL]})
            mode = "ro" if mount.get("readOnly") else "rw"
            binds.append(f"{name}:{mount['containerPath']}:{mode},nocopy")
    return binds


def _wait_for_dependencies() -> None:
    run = ecs._run_docker_container

    def run_docker_container(client: Any, container: Definition, kwargs: dict[str, Any], **named: Any) -> Any:
        for dependency in container.get("dependsOn", []):
            _wait(client, kwargs["labels"][TASK_LABEL], container["name"], dependency)
        return run(client, container, kwargs, **named)

    replace(ecs, "_run_docker_container", run_docker_container)


def _wait(client: Any, task: str, name: str, dependency: Definition) -> None:
    """Waits until the condition holds: START, COMPLETE, SUCCESS or HEALTHY. Raises DependencyError when it can't."""
    other, condition = dependency["containerName"], dependency["condition"]
    labels = [f"{TASK_LABEL}={task}", f"{CONTAINER_LABEL}={other}"]
    found = client.containers.list(all=True, filters={"label": labels}, ignore_removed=True)
    if not found:
        raise DependencyError(f"{name} depends on {other}, which must stand before it in a rehearsal")
    until = time.monotonic() + DEPENDENCY_TIMEOUT
    while time.monotonic() < until:
        found[0].reload()
        state = found[0].attrs["State"]
        ended = state["Status"] == "exited"
        if ended:
            _note_exit(task, other, state["ExitCode"])
        if condition == "START" or (condition == "COMPLETE" and ended):
            return
        if condition == "HEALTHY" and (state.get("Health") or {}).get("Status") == "healthy":
            return
        if condition == "SUCCESS" and ended:
            if state["ExitCode"] == 0:
                return
            raise DependencyError(f"dependency container {other} of {name} ended with exit code {state['ExitCode']}")
        time.sleep(0.1)
    raise DependencyError(
        f"dependency container {other} of {name} didn't reach {condition} in {DEPENDENCY_TIMEOUT} seconds"
    )


def _note_exit(task: str, name: str, code: int) -> None:
    for container in (ecs._tasks.get(task) or {}).get("containers", []):
        if container["name"] == name:
            container |= {"lastStatus": "STOPPED", "exitCode": code}


def _take_the_essential_containers_address() -> None:
    """On Fargate containers of a task share an address; here each has one, and the essential one's is the task's."""
    record = ecs._record_task_ip

    def record_task_ip(task: dict[str, Any], container: Any, network: Any) -> None:
        names = [one["name"] for one in task["containers"]]
        if task["_container_essentials"][names.index(container.labels[CONTAINER_LABEL])]:
            record(task, container, network)

    replace(ecs, "_record_task_ip", record_task_ip)


def _apply_stop_timeout() -> None:
    """SIGTERM, then SIGKILL after the container's own stopTimeout, where MiniStack always waits five seconds."""
    remove = ecs._remove_docker_container

    def remove_docker_container(client: Any, container_or_id: Any) -> None:
        if client and container_or_id is not None:
            stop(client, container_or_id if isinstance(container_or_id, str) else container_or_id.id)
        remove(client, container_or_id)

    replace(ecs, "_remove_docker_container", remove_docker_container)


def stop(client: Any, number: str) -> int | None:
    """Ends a container in the time that it has for that; its exit code, None for one that is gone."""
    try:
        container = client.containers.get(number)
        container.stop(timeout=int(container.labels.get(STOP_TIMEOUT_LABEL, DEFAULT_STOP_TIMEOUT)))
        return int(container.wait()["StatusCode"])
    except docker.errors.APIError:
        return None


def _remove_leftovers(config: EmulatorConfig) -> None:
    """Removes a stopped task's containers and volumes; MiniStack leaves those that ended by themselves."""
    clean = ecs._cleanup_task_resources

    def cleanup(task: dict[str, Any], client: Any, extra_container: Any = None) -> None:
        ended_by_itself = client is None
        clean(task, client, extra_container)
        ecs.spawn_background(
            _remove_containers_and_volumes, task["taskArn"], config, ended_by_itself, thread_name="rehearsal-forget"
        )

    replace(ecs, "_cleanup_task_resources", cleanup)


def _remove_containers_and_volumes(task: str, config: EmulatorConfig, ended_by_itself: bool) -> None:
    if ended_by_itself:
        time.sleep(2)  # its last lines are read still
    client = engine()
    for container in client.containers.list(all=True, filters={"label": f"{TASK_LABEL}={task}"}, ignore_removed=True):
        ecs._remove_docker_container(client, container)
    for volume in client.volumes.list(filters={"label": [config.label, f"{TASK_LABEL}={task}"]}):
        volume.remove(force=True)


def engine() -> docker.DockerClient:
    """MiniStack's own client of the Docker engine."""
    found: docker.DockerClient = ecs._get_docker()
    return found
