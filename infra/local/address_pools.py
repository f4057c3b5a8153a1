"""Whether the Docker engine has an address range left for the network of another stack."""

from collections.abc import Iterable
from ipaddress import IPv4Network, ip_network
from typing import Any

import docker

from infra.local.settings import LocalSettings

# What an engine takes networks from unless its daemon.json says otherwise, and the prefix length that each gets: 31.
# https://docs.docker.com/engine/network/#automatic-subnet-allocation
USUAL = [
    *(("172.17.0.0/16", 16), ("172.18.0.0/16", 16), ("172.19.0.0/16", 16)),
    *(("172.20.0.0/14", 16), ("172.24.0.0/14", 16), ("172.28.0.0/14", 16), ("192.168.0.0/16", 20)),
]
MORE = '{"default-address-pools": [{"base": "10.200.0.0/16", "size": 24}]}'


def address_errors(engine: docker.DockerClient, settings: LocalSettings) -> list[str]:
    """An error if the stack's network isn't there yet and can't be made.

    Ranges that the machine itself has routes to are passed over by the engine, which is not known here.
    """
    networks = engine.api.networks()
    if any(network["Name"] == settings.prefix for network in networks):
        return []
    given = engine.info().get("DefaultAddressPools") or []
    pools = [(ip_network(pool["Base"]), int(pool["Size"])) for pool in given]
    pools = pools or [(ip_network(base), size) for base, size in USUAL]
    ranges = [(base, size) for base, size in pools if isinstance(base, IPv4Network)]
    total = sum(2 ** (size - base.prefixlen) for base, size in ranges)
    taken = _taken(ranges, networks)
    if taken < total:
        return []
    return [
        f"the Docker engine has no address range left for the stack's network: all {total} are taken, one for each "
        "network. Fix: docker network prune removes those that nothing uses, pulumi destroy -s NAME those of a stack; "
        f"or give the engine more in its daemon.json, {MORE}, and restart it"
    ]


def _taken(ranges: Iterable[tuple[IPv4Network, int]], networks: list[dict[str, Any]]) -> int:
    """How many of the pools' parts networks lie in."""
    configs = [config for network in networks for config in (network.get("IPAM") or {}).get("Config") or []]
    subnets = [ip_network(config["Subnet"], strict=False) for config in configs if config.get("Subnet")]
    parts = set()
    for base, size in ranges:
        for subnet in subnets:
            if isinstance(subnet, IPv4Network) and subnet.overlaps(base):
                inside = subnet if subnet.prefixlen >= base.prefixlen else base
                wide = inside.supernet(new_prefix=size) if inside.prefixlen > size else inside
                parts |= {wide} if wide.prefixlen == size else {*wide.subnets(new_prefix=size)}
    return len(parts)
