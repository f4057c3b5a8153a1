"""What the engine is asked for: a container's inputs in the words of Docker's API."""

from typing import Any

from django_stack_plugins.docker.client import labels_of
from django_stack_plugins.docker.durations import parse_duration
from django_stack_plugins.values import Properties

MEGABYTE = 1024 * 1024


def create_request(inputs: Properties) -> dict[str, Any]:
    """The body of the request that creates a container."""
    return {**_config(inputs), "HostConfig": _host_config(inputs)}


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
        "ExposedPorts": {port_key(port): {} for port in inputs.get("ports", [])},
    }
    if check := inputs.get("healthcheck"):
        config["Healthcheck"] = {
            "Test": check.get("tests", []),
            "Interval": parse_duration(check["interval"]),
            "Timeout": parse_duration(check["timeout"]),
            "StartPeriod": parse_duration(check["startPeriod"]),
            "StartInterval": parse_duration(check["startInterval"]),
            "Retries": check["retries"],
        }
    return {key: value for key, value in config.items() if value not in (None, "", {})}


def _host_config(inputs: Properties) -> dict[str, Any]:
    """The `HostConfig` part of the engine's create request."""
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in inputs.get("ports", []):
        external = port.get("external")
        binding = {"HostPort": str(external) if external else "", "HostIp": port["ip"]}
        bindings.setdefault(port_key(port), []).append(binding)
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
        **limits(inputs),
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


def limits(inputs: Properties) -> dict[str, Any]:
    """The restart policy and resource limits, which the engine can also change later."""
    asked = {
        "RestartPolicy": {"Name": inputs["restart"], "MaximumRetryCount": inputs.get("maxRetryCount", 0)},
        "CpuShares": inputs.get("cpuShares", 0),
        "CpusetCpus": inputs.get("cpuSet", ""),
        "Memory": _bytes(inputs.get("memory", 0)),
        "MemoryReservation": _bytes(inputs["memoryReservation"]),
        "MemorySwap": _bytes(inputs.get("memorySwap", 0)),
    }
    if inputs.get("cpus"):
        return {**asked, "NanoCpus": int(float(inputs["cpus"]) * 10**9)}
    return {**asked, "CpuPeriod": inputs.get("cpuPeriod", 0), "CpuQuota": inputs.get("cpuQuota", 0)}


def port_key(port: Properties) -> str:
    """A port by its name in the API, such as `80/tcp`."""
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


def _bytes(megabytes: int) -> int:
    return megabytes * MEGABYTE if megabytes > 0 else megabytes
