"""docker.Network."""

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.docker.client import DockerResource, docker_errors, find, label_list, labels_of
from django_stack_plugins.resource import Operation, PluginError
from django_stack_plugins.values import Properties

_REMOVE_TIMEOUT = 30.0  # seconds that a container that is going may still hold on to it
_SETTLE = 1.0  # seconds after which a container that runs on is known to stay


class Network(DockerResource):
    """A network; every change makes a new one."""

    token = "docker:index/network:Network"
    inputs = frozenset(
        "attachable driver ingress internal ipamConfigs ipamDriver ipamOptions ipv6 labels name options".split()
    )
    defaults: ClassVar[Mapping[str, Any]] = {"ipamDriver": "default"}
    unordered = frozenset({"labels", "ipamConfigs"})
    computed = frozenset({"driver", "internal", "ipamConfigs", "options", "scope"})
    auto_named = True

    def create(self, operation: Operation, inputs: Properties) -> tuple[str, Properties]:
        settings: dict[str, Any] = {
            "Name": inputs["name"],
            "CheckDuplicate": True,
            "Driver": inputs.get("driver", "bridge"),
            "Internal": inputs.get("internal", False),
            "Attachable": inputs.get("attachable", False),
            "Ingress": inputs.get("ingress", False),
            "EnableIPv6": inputs.get("ipv6", False),
            "Options": inputs.get("options"),
            "Labels": labels_of(inputs.get("labels")),
            "IPAM": {
                "Driver": inputs["ipamDriver"],
                "Options": inputs.get("ipamOptions"),
                "Config": [
                    {
                        "Subnet": config.get("subnet", ""),
                        "IPRange": config.get("ipRange", ""),
                        "Gateway": config.get("gateway", ""),
                        "AuxiliaryAddresses": config.get("auxAddress", {}),
                    }
                    for config in inputs.get("ipamConfigs", [])
                ],
            },
        }
        with docker_errors("create network"):
            created = self.post("/networks/create", settings)
        state = self._state(created["Id"], inputs)
        if state is None:
            raise PluginError(f"network {inputs['name']} vanished while it was created")
        return str(created["Id"]), state

    def read(self, operation: Operation, resource_id: str, state: Properties, inputs: Properties) -> Properties | None:
        return self._state(resource_id, inputs)

    def _state(self, resource_id: str, inputs: Properties) -> Properties | None:
        client = self.client
        with docker_errors("inspect network"):
            network = find(client.inspect_network, resource_id)
        if network is None:
            return None
        ipam = network["IPAM"]
        names = {"Subnet": "subnet", "IPRange": "ipRange", "Gateway": "gateway", "AuxiliaryAddresses": "auxAddress"}
        return {
            **inputs,
            "name": network["Name"],
            "labels": label_list(network["Labels"]),
            "driver": network["Driver"],
            "internal": network["Internal"],
            "attachable": network["Attachable"],
            "ingress": network["Ingress"],
            "ipv6": network["EnableIPv6"],
            "ipamDriver": ipam["Driver"],
            "ipamConfigs": [
                {name: config[key] for key, name in names.items() if config.get(key)} for config in ipam["Config"] or []
            ],
            "options": network["Options"] or {},
            "scope": network["Scope"],
        }

    def delete(self, operation: Operation, resource_id: str, state: Properties) -> None:
        client = self.client

        def removed() -> bool:
            import docker.errors

            with docker_errors("remove network"):
                try:
                    client.remove_network(resource_id)
                except docker.errors.NotFound:
                    return True
                except docker.errors.APIError as error:
                    if "has active endpoints" in (error.explanation or ""):
                        return False
                    raise
            return True

        deadline = time.monotonic() + _REMOVE_TIMEOUT
        while not removed():
            operation.sleep(_SETTLE)
            with docker_errors("inspect network"):
                users = (find(client.inspect_network, resource_id) or {}).get("Containers") or {}
                found = [find(client.inspect_container, user) for user in users]
            # One that runs on isn't about to go with the stack: it is somebody else's.
            stay = bool(found) and all(user and user["State"]["Status"] == "running" for user in found)
            if stay or time.monotonic() > deadline:
                names = ", ".join(sorted(user["Name"] for user in users.values())) or "a container"
                raise PluginError(f"unable to remove network {state.get('name')}: still used by {names}")
