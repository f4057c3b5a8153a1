"""docker.Container."""

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.docker.client import DockerResource, as_they_come, docker_errors, find, is_missing
from django_stack_plugins.docker.container_request import create_request, limits
from django_stack_plugins.docker.container_state import outputs
from django_stack_plugins.docker.durations import parse_duration
from django_stack_plugins.docker.remote_image import ensure_image
from django_stack_plugins.docker.uploads import archive
from django_stack_plugins.resource import Failure, InitFailed, Operation, PluginError, known, without_notes
from django_stack_plugins.values import Change, Properties

_RESTARTS = ("no", "on-failure", "always", "unless-stopped")
# The inputs of `limits`, but for `cpus`, whose change replaces.
_LIMITS = "restart maxRetryCount cpuShares cpuPeriod cpuQuota memory memoryReservation cpuSet memorySwap".split()

# What each nested object may hold, and what an absent member means; anything else is refused.
_NESTED: dict[str, tuple[frozenset[str], Properties]] = {
    "capabilities": (frozenset({"adds", "drops"}), {}),
    "devices": (frozenset({"hostPath", "containerPath", "permissions"}), {"permissions": "rwm"}),
    "healthcheck": (
        frozenset({"tests", "interval", "timeout", "startPeriod", "startInterval", "retries"}),
        {"interval": "0s", "timeout": "0s", "startPeriod": "0s", "startInterval": "0s", "retries": 0},
    ),
    "hosts": (frozenset({"host", "ip"}), {}),
    "labels": (frozenset({"label", "value"}), {}),
    "mounts": (frozenset({"target", "source", "type", "readOnly", "bindOptions", "tmpfsOptions", "volumeOptions"}), {}),
    "networksAdvanced": (
        frozenset({"name", "aliases", "driverOpts", "ipv4Address", "ipv6Address", "linkLocalIps", "macAddress"}),
        {},
    ),
    "ports": (frozenset({"internal", "external", "ip", "protocol"}), {"ip": "0.0.0.0", "protocol": "tcp"}),
    "ulimits": (frozenset({"name", "soft", "hard"}), {}),
    "uploads": (
        frozenset("content contentBase64 executable file group owner permissions source sourceHash".split()),
        {"executable": False},
    ),
    "volumes": (
        frozenset({"containerPath", "fromContainer", "hostPath", "readOnly", "selinuxRelabel", "volumeName"}),
        {},
    ),
}


class Container(DockerResource):
    """A container. It has its id as soon as the engine made it: what fails later is recorded as half made."""

    token = "docker:index/container:Container"
    inputs = frozenset(
        (
            "capabilities cgroupParent cgroupnsMode command containerReadRefreshTimeoutMilliseconds cpuPeriod "
            "cpuQuota cpuSet cpuShares cpus destroyGraceSeconds devices dns dnsOpts dnsSearches domainname "
            "entrypoints envs groupAdds healthcheck hostname hosts image init ipcMode labels logDriver logOpts "
            "maxRetryCount memory memoryReservation memorySwap mounts mustRun name networkMode networksAdvanced "
            "pidMode platform ports privileged publishAllPorts readOnly removeVolumes restart rm runtime "
            "securityOpts shmSize start stdinOpen stopSignal stopTimeout storageOpts sysctls tmpfs tty ulimits "
            "uploads user usernsMode volumes wait waitTimeout workingDir attach logs"
        ).split()
    )
    required = frozenset({"image"})
    defaults: ClassVar[Mapping[str, Any]] = {
        "attach": False,
        "containerReadRefreshTimeoutMilliseconds": 15000,
        "logs": False,
        "memoryReservation": 0,
        "mustRun": True,
        "networkMode": "bridge",
        "readOnly": False,
        "removeVolumes": True,
        "restart": "no",
        "rm": False,
        "start": True,
        "stdinOpen": False,
        "tty": False,
        "wait": False,
        "waitTimeout": 60,
    }
    in_place = frozenset(
        (
            "attach containerReadRefreshTimeoutMilliseconds cpuPeriod cpuQuota cpuSet cpuShares destroyGraceSeconds "
            "logs maxRetryCount memory memoryReservation memorySwap mustRun removeVolumes restart rm start wait "
            "waitTimeout"
        ).split()
    )
    unordered = frozenset(
        (
            "capabilities.adds capabilities.drops devices dns dnsOpts dnsSearches envs groupAdds hosts labels "
            "mounts networksAdvanced securityOpts ulimits uploads volumes"
        ).split()
    )
    computed = frozenset(
        (
            "bridge command containerLogs entrypoints exitCode healthcheck hostname init ipcMode logDriver "
            "networkDatas platform runtime securityOpts shmSize stopSignal stopTimeout"
        ).split()
    )
    auto_named = True
    delete_before_replace = True
    drifting = frozenset(
        "cpuSet cpuShares maxRetryCount memory memoryReservation memorySwap mustRun name ports restart".split()
    )

    def check(self, urn: str, olds: Properties, news: Properties, seed: bytes) -> tuple[Properties, list[Failure]]:
        failures = []
        news = without_notes(news)
        completed = dict(news)
        for name, (members, defaults) in _NESTED.items():
            items = news.get(name)
            for item in items if isinstance(items, list) else [items]:
                if isinstance(item, dict):
                    failures += [
                        Failure(
                            f"{name}.{member}",
                            f"docker.Container does not support {name}.{member} with django-stack's plugin",
                        )
                        for member in sorted(item.keys() - members)
                    ]
            if isinstance(items, list):
                completed[name] = [_complete(item, defaults) for item in items]
            elif isinstance(items, dict):
                completed[name] = _complete(items, defaults)
        checked, more = super().check(urn, olds, completed, seed)
        return checked, failures + more

    def validate(self, inputs: Properties) -> list[Failure]:
        failures = []
        if inputs["logs"] is True:
            failures.append(Failure("logs", "docker.Container does not support logs with django-stack's plugin"))
        if isinstance(inputs["restart"], str) and inputs["restart"] not in _RESTARTS:
            failures.append(Failure("restart", f"must be one of {', '.join(_RESTARTS)}, not {inputs['restart']!r}"))
        if inputs["wait"] is True and inputs["start"] is False:
            failures.append(Failure("wait", "a container that is not started never gets healthy"))
        for name in ("interval", "timeout", "startPeriod", "startInterval"):
            duration = known((known(inputs.get("healthcheck")) or {}).get(name))
            if isinstance(duration, str) and parse_duration(duration) is None:
                failures.append(Failure(f"healthcheck.{name}", f"{duration!r} is no duration like 500ms, 5s or 1m30s"))
        for upload in known(inputs.get("uploads")) or []:
            sources = [name for name in ("content", "contentBase64", "source") if upload.get(name)]
            if len(sources) != 1:
                failures.append(Failure("uploads", "an upload has exactly one of content, contentBase64 and source"))
        for volume in known(inputs.get("volumes")) or []:
            if bool(volume.get("containerPath")) == bool(volume.get("fromContainer")):
                failures.append(Failure("volumes", "a volume has either containerPath or fromContainer"))
            if isinstance(host := volume.get("hostPath"), str) and not host.startswith("/"):
                failures.append(Failure("volumes", f"hostPath must be absolute, not {host!r}"))
        return failures

    def mends(self, state: Properties) -> list[Change]:
        # A container that failed to start or to get healthy was recorded without what it would be known by.
        return [] if not state or "networkDatas" in state else [Change("networkDatas", "add")]

    def create(self, operation: Operation, inputs: Properties) -> tuple[str, Properties]:
        client, name = self.client, inputs["name"]
        ensure_image(client, operation, inputs["image"], inputs.get("platform"))
        with docker_errors(f"create container {name}"):
            made = client.create_container_from_config(create_request(inputs), name, inputs.get("platform"))
            container_id: str = made["Id"]
        try:
            self._connect(container_id, inputs)
            for upload in inputs.get("uploads", []):
                with docker_errors(f"upload {upload['file']} to container {name}"):
                    client.put_archive(container_id, "/", archive(upload))
            if inputs["start"]:
                self._start(operation, container_id, inputs)
        except PluginError as error:
            raise InitFailed(container_id, inputs, str(error)) from error
        state = self._state(container_id, inputs, {})
        if state is None:
            raise PluginError(f"container {name} vanished while it was created")
        return container_id, state

    def _connect(self, container_id: str, inputs: Properties) -> None:
        if not inputs.get("networksAdvanced"):
            return
        import docker.errors

        client = self.client
        with docker_errors("disconnect the default network"):
            try:
                client.disconnect_container_from_network(container_id, "bridge")
            except docker.errors.APIError as error:
                if "is not connected to" not in (error.explanation or ""):
                    raise
        for network in inputs["networksAdvanced"]:
            with docker_errors(f"connect to network {network['name']}"):
                client.connect_container_to_network(
                    container_id,
                    network["name"],
                    ipv4_address=network.get("ipv4Address"),
                    ipv6_address=network.get("ipv6Address"),
                    aliases=network.get("aliases"),
                    link_local_ips=network.get("linkLocalIps"),
                    driver_opt=dict(option.split("=", 1) for option in network.get("driverOpts", [])) or None,
                    mac_address=network.get("macAddress"),
                )

    def _start(self, operation: Operation, container_id: str, inputs: Properties) -> None:
        client = self.client
        with docker_errors(f"start container {inputs['name']}"):
            client.start(container_id)
        if inputs["wait"]:
            self._wait(operation, container_id, inputs)
        if inputs["attach"]:
            with docker_errors(f"wait for the end of container {inputs['name']}"):
                for _ in as_they_come(operation, (client.wait(one) for one in (container_id,))):
                    pass

    def _wait(self, operation: Operation, container_id: str, inputs: Properties) -> None:
        """Wait until the container is healthy. Raises PluginError if it is not in time, or has ended for good."""
        client, name = self.client, inputs["name"]
        deadline = time.monotonic() + inputs["waitTimeout"]
        while True:
            with docker_errors(f"inspect container {name}"):
                state = client.inspect_container(container_id)["State"]
            health = state.get("Health")
            if not health or health["Status"] == "none":
                raise PluginError(f"container {name} has `wait` but no healthcheck")
            if health["Status"] == "healthy":
                return
            if state["Status"] in ("exited", "dead"):
                raise PluginError(
                    f"container {name} ended with exit code {state['ExitCode']} instead of getting healthy: "
                    f"see `docker logs {name}`"
                )
            if time.monotonic() > deadline:
                output = " ".join(health["Log"][-1]["Output"].split())[-200:] if health.get("Log") else ""
                raise PluginError(
                    f"container {name} failed to be in healthy state within {inputs['waitTimeout']} s "
                    f"({health['Status']}{'; its check says: ' + output if output else ''}): see `docker logs {name}`"
                )
            operation.sleep(0.25)

    def read(self, operation: Operation, resource_id: str, state: Properties, inputs: Properties) -> Properties | None:
        return self._state(resource_id, inputs, state)

    def update(self, operation: Operation, resource_id: str, old: Properties, inputs: Properties) -> Properties:
        client, name = self.client, inputs["name"]
        if any(old.get(key) != inputs.get(key) for key in _LIMITS):
            settings = {key: value for key, value in limits(inputs).items() if key != "NanoCpus"}
            if settings["Memory"] > 0 and not settings["MemorySwap"]:
                settings["MemorySwap"] = 2 * settings["Memory"]  # the engine's rule, which it forgets when updating
            with docker_errors(f"update container {name}"):
                self.post(f"/containers/{resource_id}/update", settings)
        with docker_errors(f"inspect container {name}"):
            found = find(client.inspect_container, resource_id)
        if found is None:
            raise PluginError(f"container {name} is gone: `pulumi up --refresh` makes it anew")
        if inputs["mustRun"] and inputs["start"] and not found["State"]["Running"]:
            self._start(operation, resource_id, inputs)
        return self._state(resource_id, inputs, old) or inputs

    def delete(self, operation: Operation, resource_id: str, state: Properties) -> None:
        client = self.client
        name = state.get("name", resource_id)
        with docker_errors(f"remove container {name}"):
            try:
                client.stop(resource_id, timeout=state.get("destroyGraceSeconds") or 0)
                client.remove_container(resource_id, v=state.get("removeVolumes", True), force=True)
            except Exception as error:
                if not is_missing(error) and "is already in progress" not in str(error):
                    raise
            deadline = time.monotonic() + 30
            while find(client.inspect_container, resource_id) and time.monotonic() < deadline:
                time.sleep(0.1)

    def _state(self, container_id: str, inputs: Properties, old: Properties) -> Properties | None:
        """The outputs as the engine has them; None if the container is gone."""
        with docker_errors("inspect container"):
            container = find(self.client.inspect_container, container_id)
        return None if container is None else outputs(container, inputs, old)


def _complete(item: Any, defaults: Properties) -> Any:
    return {**defaults, **item} if isinstance(item, dict) else item
