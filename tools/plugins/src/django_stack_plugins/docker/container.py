"""docker.Container."""

import base64
import grp
import io
import pwd
import re
import tarfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from django_stack_plugins.docker.client import (
    DockerResource,
    docker_errors,
    find,
    is_missing,
    label_list,
    labels_of,
)
from django_stack_plugins.docker.remote_image import ensure_image
from django_stack_plugins.resource import Failure, InitFailed, Operation, PluginError, known, without_notes
from django_stack_plugins.values import Change, Properties

_MEGABYTE = 1024 * 1024
_NANOSECONDS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_RESTARTS = ("no", "on-failure", "always", "unless-stopped")

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
        failures = [
            Failure(name, f"docker.Container does not support {name} with django-stack's plugin")
            for name in ("attach", "logs")
            if inputs[name] is True
        ]
        if isinstance(inputs["restart"], str) and inputs["restart"] not in _RESTARTS:
            failures.append(Failure("restart", f"must be one of {', '.join(_RESTARTS)}, not {inputs['restart']!r}"))
        if inputs["wait"] is True and inputs["start"] is False:
            failures.append(Failure("wait", "a container that is not started never gets healthy"))
        for name in ("interval", "timeout", "startPeriod", "startInterval"):
            duration = known((known(inputs.get("healthcheck")) or {}).get(name))
            if isinstance(duration, str) and _nanoseconds(duration) is None:
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
            config = {**_config(inputs), "HostConfig": _host_config(inputs)}
            container_id: str = client.create_container_from_config(config, name, inputs.get("platform"))["Id"]
        try:
            self._connect(container_id, inputs)
            for upload in inputs.get("uploads", []):
                with docker_errors(f"upload {upload['file']} to container {name}"):
                    client.put_archive(container_id, "/", _archive(upload))
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
                said = " ".join(health["Log"][-1]["Output"].split())[-200:] if health.get("Log") else ""
                raise PluginError(
                    f"container {name} failed to be in healthy state within {inputs['waitTimeout']} s "
                    f"({health['Status']}{'; its check says: ' + said if said else ''}): see `docker logs {name}`"
                )
            operation.sleep(0.25)

    def read(self, operation: Operation, resource_id: str, state: Properties, inputs: Properties) -> Properties | None:
        return self._state(resource_id, inputs, state)

    def update(self, operation: Operation, resource_id: str, old: Properties, inputs: Properties) -> Properties:
        client, name = self.client, inputs["name"]
        limits = [
            "restart",
            "maxRetryCount",
            "cpuShares",
            "cpuPeriod",
            "cpuQuota",
            "memory",
            "memoryReservation",
            "cpuSet",
            "memorySwap",
        ]
        if any(old.get(key) != inputs.get(key) for key in limits):
            settings = {key: value for key, value in _limits(inputs).items() if key != "NanoCpus"}
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
        """The outputs: the inputs, and what the engine says of the container. None if it is gone."""
        client = self.client
        with docker_errors("inspect container"):
            container = find(client.inspect_container, container_id)
        if container is None:
            return None
        config, host, state = container["Config"], container["HostConfig"], container["State"]
        network = container["NetworkSettings"]
        running = state["Running"]
        found: Properties = {
            **inputs,
            "bridge": network.get("Bridge", ""),
            "capabilities": {"adds": host["CapAdd"], "drops": host["CapDrop"]}
            if host["CapAdd"] or host["CapDrop"]
            else None,
            "command": config["Cmd"] or [],
            "cpuSet": host["CpusetCpus"],
            "cpuShares": host["CpuShares"],
            "dns": host["Dns"] or [],
            "dnsOpts": host["DnsOptions"] or [],
            "dnsSearches": host["DnsSearch"] or [],
            "domainname": config["Domainname"],
            "entrypoints": config["Entrypoint"] or [],
            "exitCode": old.get("exitCode", 0) if running else state["ExitCode"],
            "groupAdds": host["GroupAdd"] or [],
            "hostname": config["Hostname"],
            "image": container["Image"] if inputs["image"].startswith("sha256:") else config["Image"],
            "init": bool(host.get("Init")),
            "ipcMode": host["IpcMode"],
            "logDriver": host["LogConfig"]["Type"],
            "maxRetryCount": host["RestartPolicy"]["MaximumRetryCount"],
            "memory": host["Memory"] // _MEGABYTE,
            "memoryReservation": _megabytes(host["MemoryReservation"]),
            "memorySwap": _megabytes(host["MemorySwap"]),
            "mustRun": inputs["mustRun"] and (running or not inputs["start"]),
            "name": container["Name"].lstrip("/"),
            "networkDatas": [_network_data(name, data) for name, data in sorted((network["Networks"] or {}).items())],
            "networkMode": host["NetworkMode"],
            "platform": container["Platform"],
            "privileged": host["Privileged"],
            "publishAllPorts": host["PublishAllPorts"],
            "readOnly": host["ReadonlyRootfs"],
            "restart": host["RestartPolicy"]["Name"] or "no",
            "runtime": host["Runtime"],
            "securityOpts": host["SecurityOpt"] or [],
            "shmSize": host["ShmSize"] // _MEGABYTE,
            "stdinOpen": config["OpenStdin"],
            "stopSignal": config.get("StopSignal", ""),
            "stopTimeout": config.get("StopTimeout") or 0,
            "tty": config["Tty"],
            "user": config["User"],
            "usernsMode": host["UsernsMode"],
            "workingDir": config["WorkingDir"],
        }
        if inputs.get("ports") and (running or inputs["mustRun"]):
            found["ports"] = _published(network["Ports"], inputs["ports"])
        if config.get("Healthcheck") and "healthcheck" not in inputs:
            found["healthcheck"] = _healthcheck_state(config["Healthcheck"])
        if "labels" in inputs:
            found["labels"] = label_list(labels_of(inputs["labels"]))
        return {key: value for key, value in found.items() if value is not None}


def _complete(item: Any, defaults: Properties) -> Any:
    return {**defaults, **item} if isinstance(item, dict) else item


def _megabytes(size: int) -> int:
    return size // _MEGABYTE if size > 0 else size


def _bytes(megabytes: int) -> int:
    return megabytes * _MEGABYTE if megabytes > 0 else megabytes


def _config(inputs: Properties) -> dict[str, Any]:
    """The `Config` part of the engine's create request; what is not given is left to the image."""
    config = {
        "Image": inputs["image"],
        "Hostname": inputs.get("hostname"),
        "Domainname": inputs.get("domainname"),
        "Tty": inputs["tty"],
        "OpenStdin": inputs["stdinOpen"],
        "StopSignal": inputs.get("stopSignal"),
        "StopTimeout": inputs.get("stopTimeout"),
        "Env": inputs.get("envs"),
        "Cmd": inputs.get("command"),
        "Entrypoint": inputs.get("entrypoints"),
        "User": inputs.get("user"),
        "WorkingDir": inputs.get("workingDir"),
        "Labels": labels_of(inputs.get("labels")),
        "Volumes": {volume["containerPath"]: {} for volume in inputs.get("volumes", []) if "containerPath" in volume},
        "ExposedPorts": {_port_key(port): {} for port in inputs.get("ports", [])},
    }
    if check := inputs.get("healthcheck"):
        config["Healthcheck"] = {
            "Test": check.get("tests", []),
            "Interval": _nanoseconds(check["interval"]),
            "Timeout": _nanoseconds(check["timeout"]),
            "StartPeriod": _nanoseconds(check["startPeriod"]),
            "StartInterval": _nanoseconds(check["startInterval"]),
            "Retries": check["retries"],
        }
    return {key: value for key, value in config.items() if value not in (None, "", {})}


def _host_config(inputs: Properties) -> dict[str, Any]:
    """The `HostConfig` part of the engine's create request."""
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in inputs.get("ports", []):
        external = port.get("external")
        binding = {"HostPort": str(external) if external else "", "HostIp": port["ip"]}
        bindings.setdefault(_port_key(port), []).append(binding)
    capabilities = inputs.get("capabilities", {})
    plain = {
        "CgroupParent": "cgroupParent",
        "CgroupnsMode": "cgroupnsMode",
        "Dns": "dns",
        "DnsOptions": "dnsOpts",
        "DnsSearch": "dnsSearches",
        "GroupAdd": "groupAdds",
        "Init": "init",
        "IpcMode": "ipcMode",
        "NetworkMode": "networkMode",
        "PidMode": "pidMode",
        "Privileged": "privileged",
        "PublishAllPorts": "publishAllPorts",
        "ReadonlyRootfs": "readOnly",
        "AutoRemove": "rm",
        "Runtime": "runtime",
        "StorageOpt": "storageOpts",
        "Sysctls": "sysctls",
        "Tmpfs": "tmpfs",
        "UsernsMode": "usernsMode",
    }
    host = {
        **_limits(inputs),
        **{key: inputs[name] for key, name in plain.items() if name in inputs},
        "Binds": [
            _bind(volume) for volume in inputs.get("volumes", []) if volume.get("hostPath") or volume.get("volumeName")
        ],
        "CapAdd": capabilities.get("adds"),
        "CapDrop": capabilities.get("drops"),
        "Devices": [
            {
                "PathOnHost": device["hostPath"],
                "PathInContainer": device.get("containerPath") or device["hostPath"],
                "CgroupPermissions": device["permissions"],
            }
            for device in inputs.get("devices", [])
        ],
        "ExtraHosts": [f"{host['host']}:{host['ip']}" for host in inputs.get("hosts", [])],
        "LogConfig": {"Type": inputs.get("logDriver", ""), "Config": inputs.get("logOpts", {})},
        "Mounts": [_mount(mount) for mount in inputs.get("mounts", [])],
        "PortBindings": bindings,
        "ShmSize": _bytes(inputs.get("shmSize", 0)),
        "Ulimits": [
            {"Name": limit["name"], "Soft": limit["soft"], "Hard": limit["hard"]} for limit in inputs.get("ulimits", [])
        ],
        "VolumesFrom": [volume["fromContainer"] for volume in inputs.get("volumes", []) if volume.get("fromContainer")],
    }
    host.setdefault("Init", False)
    host = {key: value for key, value in host.items() if value not in (None, [], {})}
    security = inputs.get("securityOpts", [])
    if security:
        host["SecurityOpt"] = [option for option in security if option != "systempaths=unconfined"]
        if "systempaths=unconfined" in security:
            host["MaskedPaths"], host["ReadonlyPaths"] = [], []
    return host


def _limits(inputs: Properties) -> dict[str, Any]:
    """The restart policy and resource limits, which the engine can also change later."""
    limits = {
        "RestartPolicy": {"Name": inputs["restart"], "MaximumRetryCount": inputs.get("maxRetryCount", 0)},
        "CpuShares": inputs.get("cpuShares", 0),
        "CpusetCpus": inputs.get("cpuSet", ""),
        "Memory": _bytes(inputs.get("memory", 0)),
        "MemoryReservation": _bytes(inputs["memoryReservation"]),
        "MemorySwap": _bytes(inputs.get("memorySwap", 0)),
    }
    if inputs.get("cpus"):
        return {**limits, "NanoCpus": int(float(inputs["cpus"]) * 10**9)}
    return {**limits, "CpuPeriod": inputs.get("cpuPeriod", 0), "CpuQuota": inputs.get("cpuQuota", 0)}


def _port_key(port: Properties) -> str:
    return f"{port['internal']}/{port['protocol']}"


def _bind(volume: Properties) -> str:
    options = "ro" if volume.get("readOnly") else "rw"
    if volume.get("selinuxRelabel"):
        options += f",{volume['selinuxRelabel']}"
    return f"{volume.get('hostPath') or volume['volumeName']}:{volume['containerPath']}:{options}"


def _mount(mount: Properties) -> dict[str, Any]:
    request: dict[str, Any] = {
        "Type": mount["type"],
        "Target": mount["target"],
        "Source": mount.get("source", ""),
        "ReadOnly": mount.get("readOnly", False),
    }
    if mount["type"] == "bind" and (options := mount.get("bindOptions")):
        request["BindOptions"] = {"Propagation": options.get("propagation", "")}
    if mount["type"] == "volume" and (options := mount.get("volumeOptions")):
        request["VolumeOptions"] = {
            "NoCopy": options.get("noCopy", False),
            "Labels": labels_of(options.get("labels")),
            "DriverConfig": {"Name": options.get("driverName", ""), "Options": options.get("driverOptions", {})},
            **({"Subpath": options["subpath"]} if options.get("subpath") else {}),
        }
    if mount["type"] == "tmpfs" and (options := mount.get("tmpfsOptions")):
        request["TmpfsOptions"] = {"SizeBytes": options.get("sizeBytes", 0), "Mode": options.get("mode", 0)}
    return request


def _archive(upload: Properties) -> bytes:
    """A tar archive with the one file to upload."""
    if upload.get("content"):
        content = upload["content"].encode()
    elif upload.get("contentBase64"):
        content = base64.b64decode(upload["contentBase64"])
    else:
        try:
            content = Path(upload["source"]).read_bytes()
        except OSError as error:
            raise PluginError(f"unable to read {upload['source']}: {error.strerror}") from error
    info = tarfile.TarInfo(upload["file"])
    info.size, info.mtime = len(content), time.time()
    info.mode = int(upload["permissions"], 8) if upload.get("permissions") else 0o744 if upload["executable"] else 0o644
    info.uid = _account(upload.get("owner"), lambda name: pwd.getpwnam(name).pw_uid)
    info.gid = _account(upload.get("group"), lambda name: grp.getgrnam(name).gr_gid)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _account(name: str | None, look_up: Callable[[str], int]) -> int:
    if not name:
        return 0
    if name.isdigit():
        return int(name)
    try:
        return look_up(name)
    except KeyError as error:
        raise PluginError(f"there is no user or group {name} on this machine") from error


def _nanoseconds(duration: str) -> int | None:
    """A Go duration like 1m30s; None if it is none."""
    if duration == "0":
        return 0
    if not re.fullmatch(r"(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+", duration):
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", duration)
    return round(sum(float(number) * _NANOSECONDS[unit] for number, unit in parts))


def _duration(nanoseconds: int) -> str:
    """The inverse, as Go writes it: 1m0s, 1.5s, 500ms."""
    if nanoseconds == 0:
        return "0s"
    for unit in ("ns", "µs", "ms"):
        if nanoseconds < 1000 * _NANOSECONDS[unit]:
            return f"{nanoseconds / _NANOSECONDS[unit]:.9g}{unit}"
    hours, rest = divmod(nanoseconds, _NANOSECONDS["h"])
    minutes, rest = divmod(rest, _NANOSECONDS["m"])
    seconds = f"{rest / _NANOSECONDS['s']:.12g}s"
    return f"{hours}h{minutes}m{seconds}" if hours else f"{minutes}m{seconds}" if minutes else seconds


def _healthcheck_state(check: dict[str, Any]) -> Properties:
    return {
        "tests": check.get("Test") or [],
        "interval": _duration(check.get("Interval", 0)),
        "timeout": _duration(check.get("Timeout", 0)),
        "startPeriod": _duration(check.get("StartPeriod", 0)),
        "startInterval": _duration(check.get("StartInterval", 0)),
        "retries": check.get("Retries", 0),
    }


def _network_data(name: str, data: dict[str, Any]) -> Properties:
    return {
        "networkName": name,
        "ipAddress": data["IPAddress"],
        "ipPrefixLength": data["IPPrefixLen"],
        "gateway": data["Gateway"],
        "globalIpv6Address": data["GlobalIPv6Address"],
        "globalIpv6PrefixLength": data["GlobalIPv6PrefixLen"],
        "ipv6Gateway": data["IPv6Gateway"],
        "macAddress": data["MacAddress"],
    }


def _published(published: dict[str, list[dict[str, str]] | None], wanted: list[Properties]) -> list[Properties]:
    """The ports as the engine published them, in the order they were asked for."""
    order = [_port_key(port) for port in wanted]
    found = [
        {
            "internal": int(key.split("/")[0]),
            "external": int(binding["HostPort"]),
            "ip": binding["HostIp"],
            "protocol": key.split("/")[1],
        }
        for key, bindings in published.items()
        for binding in bindings or []
        if key in order
    ]
    return sorted(found, key=lambda port: order.index(_port_key(port)))
