"""What ECS itself checks in a task definition before it registers it, as far as it's about Fargate.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html and
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size
"""

from collections.abc import Iterator
from typing import Any

from django_stack_plugins.values import Properties

_GIB = 1024  # MiB
# The memory in MiB that goes with so many CPU units.
SIZES: dict[int, range | tuple[int, ...]] = {
    256: (512, 1 * _GIB, 2 * _GIB),
    512: range(1 * _GIB, 4 * _GIB + 1, _GIB),
    1024: range(2 * _GIB, 8 * _GIB + 1, _GIB),
    2048: range(4 * _GIB, 16 * _GIB + 1, _GIB),
    4096: range(8 * _GIB, 30 * _GIB + 1, _GIB),
    8192: range(16 * _GIB, 60 * _GIB + 1, 4 * _GIB),
    16384: range(32 * _GIB, 120 * _GIB + 1, 8 * _GIB),
}
_STOP_TIMEOUT = 120  # seconds that Fargate gives a container at most


def refusals(inputs: Properties, containers: list[dict[str, Any]]) -> Iterator[str]:
    """Why ECS would refuse it, if it would, in words like its own."""
    fargate = "FARGATE" in (inputs.get("requiresCompatibilities") or [])
    if fargate:
        yield from _of_fargate(inputs, containers)
    if not any(container.get("essential", True) for container in containers):
        yield "Invalid setting for container. At least one container in a task definition must be essential."
    names = [container["name"] for container in containers]
    if len(names) != len(set(names)):
        yield "Container names must be unique within a task definition."
    volumes = {volume["name"] for volume in inputs.get("volumes") or []}
    for container in containers:
        yield from _of_container(container, names, volumes)


def _of_fargate(inputs: Properties, containers: list[dict[str, Any]]) -> Iterator[str]:
    cpu, memory = str(inputs.get("cpu", "")), str(inputs.get("memory", ""))
    if not cpu or not memory:
        yield f"Fargate requires that '{'memory' if cpu else 'cpu'}' be defined at the task level."
    elif not (cpu.isdigit() and memory.isdigit() and int(memory) in SIZES.get(int(cpu), ())):
        yield f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory."
    if inputs.get("networkMode") != "awsvpc":
        yield "Fargate only supports network mode 'awsvpc'."
    for container in containers:
        if container.get("secrets") and not inputs.get("executionRoleArn"):
            yield "Fargate requires task definition to have execution role ARN to support secrets."
        for mapping in container.get("portMappings", []):
            if mapping.get("hostPort", mapping["containerPort"]) != mapping["containerPort"]:
                yield "When networkMode=awsvpc, the host ports and container ports in port mappings must match."
        if container.get("stopTimeout", 0) > _STOP_TIMEOUT:
            yield f"stopTimeout of container {container['name']} must be {_STOP_TIMEOUT} seconds or less on Fargate."


def _of_container(container: dict[str, Any], names: list[str], volumes: set[str]) -> Iterator[str]:
    plain = [variable["name"] for variable in container.get("environment", [])]
    secret = [variable["name"] for variable in container.get("secrets", [])]
    for name in secret:
        if name in plain or secret.count(name) > 1:
            yield (
                "The secret name must be unique and not shared with any new or existing environment variables set on "
                f"the container, such as '{name}'."
            )
    for mount in container.get("mountPoints", []):
        if mount["sourceVolume"] not in volumes:
            yield f"Unknown volume '{mount['sourceVolume']}'."
    for other in container.get("dependsOn", []):
        if other["containerName"] not in names or other["containerName"] == container["name"]:
            yield f"Invalid dependency of container {container['name']}: {other['containerName']}."
