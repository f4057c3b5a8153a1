"""What the engine says of a container, in the words of its outputs."""

from typing import Any

from django_stack_plugins.docker.client import label_list, labels_of
from django_stack_plugins.docker.container_request import MEGABYTE, port_key
from django_stack_plugins.docker.durations import format_duration
from django_stack_plugins.values import Properties


def outputs(container: dict[str, Any], inputs: Properties, old: Properties) -> Properties:
    """The inputs, overlaid with what the engine's answer to "inspect container" says; `old` are the last outputs."""
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
        "memory": host["Memory"] // MEGABYTE,
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
        "shmSize": host["ShmSize"] // MEGABYTE,
        "stdinOpen": config["OpenStdin"],
        "stopSignal": config.get("StopSignal", ""),
        "stopTimeout": config.get("StopTimeout") or 0,
        "tty": config["Tty"],
        "user": config["User"],
        "usernsMode": host["UsernsMode"],
        "workingDir": config["WorkingDir"],
    }
    if inputs.get("ports") and (running or inputs["mustRun"]):
        found["ports"] = _ports(network["Ports"], inputs["ports"])
    if config.get("Healthcheck") and "healthcheck" not in inputs:
        found["healthcheck"] = _healthcheck(config["Healthcheck"])
    if "labels" in inputs:
        found["labels"] = label_list(labels_of(inputs["labels"]))
    return {key: value for key, value in found.items() if value is not None}


def _megabytes(size: int) -> int:
    return size // MEGABYTE if size > 0 else size


def _healthcheck(check: dict[str, Any]) -> Properties:
    return {
        "tests": check.get("Test") or [],
        "interval": format_duration(check.get("Interval", 0)),
        "timeout": format_duration(check.get("Timeout", 0)),
        "startPeriod": format_duration(check.get("StartPeriod", 0)),
        "startInterval": format_duration(check.get("StartInterval", 0)),
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


def _ports(published: dict[str, list[dict[str, str]] | None], wanted: list[Properties]) -> list[Properties]:
    """The ports as the engine published them, in the order they were asked for."""
    order = [port_key(port) for port in wanted]
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
    return sorted(found, key=lambda port: order.index(port_key(port)))
