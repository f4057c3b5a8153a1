"""docker.Volume."""

from typing import Any

from django_stack_plugins.docker.client import DockerResource, docker_errors, find, label_list, labels_of
from django_stack_plugins.resource import Operation, PluginError
from django_stack_plugins.server import wait_until
from django_stack_plugins.values import Properties

_REMOVE_TIMEOUT = 30.0  # seconds that a container may still hold on to it


class Volume(DockerResource):
    """A named volume; one of that name that is there already is taken over. Every change makes a new one."""

    token = "docker:index/volume:Volume"
    inputs = frozenset({"driver", "driverOpts", "labels", "name"})
    unordered = frozenset({"labels"})
    computed = frozenset({"driver", "mountpoint"})
    auto_named = True

    def create(self, operation: Operation, inputs: Properties) -> tuple[str, Properties]:
        client = self.client
        with docker_errors("create volume"):
            volume = client.create_volume(
                inputs["name"], inputs.get("driver"), inputs.get("driverOpts"), labels_of(inputs.get("labels"))
            )
        return str(volume["Name"]), _state(volume, inputs)

    def read(self, operation: Operation, resource_id: str, state: Properties, inputs: Properties) -> Properties | None:
        client = self.client
        with docker_errors("inspect volume"):
            volume = find(client.inspect_volume, resource_id)
        return volume and _state(volume, inputs)

    def delete(self, operation: Operation, resource_id: str, state: Properties) -> None:
        client = self.client

        def removed() -> bool:
            import docker.errors

            with docker_errors("remove volume"):
                try:
                    client.remove_volume(resource_id, force=True)
                except docker.errors.NotFound:
                    return True
                except docker.errors.APIError as error:
                    if "volume is in use" in (error.explanation or ""):
                        return False
                    raise
            return True

        if not wait_until(operation, removed, _REMOVE_TIMEOUT):
            with docker_errors("list containers"):
                users = client.containers(all=True, filters={"volume": resource_id})
            names = ", ".join(sorted(user["Names"][0].lstrip("/") for user in users)) or "a container"
            raise PluginError(f"unable to remove volume {resource_id}: still used by {names}")


def _state(volume: dict[str, Any], inputs: Properties) -> Properties:
    return {
        **inputs,
        "name": volume["Name"],
        "labels": label_list(volume["Labels"]),
        "driver": volume["Driver"],
        "driverOpts": volume["Options"] or {},
        "mountpoint": volume["Mountpoint"],
    }
