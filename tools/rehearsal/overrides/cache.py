"""The cache's address, its certificate's name, its image, its parameters, and the names of its nodes.

MiniStack runs a real Valkey with TLS and a password, but gives its address as an IP; on AWS it is a name, for which the
certificate is made: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/in-transit-encryption.html
It publishes the port on all addresses of the machine, and takes an image of Alpine; here nothing is published, and the
image is the local stack's. A parameter group is recorded only; here its parameters are the server's.
A node of a group that is no cluster is called GROUP-001, in metrics, too; MiniStack calls it GROUP-0001-001:
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Replication.html
The certificate's authority, on AWS one of Amazon's that every system trusts, is added to those that tasks trust here.
"""

import hashlib
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import elasticache

from tools.rehearsal.emulator.config import CERTIFICATES, EmulatorConfig
from tools.rehearsal.overrides import replace

IMAGE = "valkey/valkey"
# What a group that is being made is to have.
_parameters: ContextVar[tuple[str, ...]] = ContextVar("parameters", default=())


def apply(config: EmulatorConfig) -> None:
    """Wraps how a group and its container are made."""
    with (CERTIFICATES / "bundle.pem").open("a") as bundle:
        bundle.write(elasticache.serverless_ca_cert_pem())

    def image_and_port(engine: str, version: str) -> tuple[str, int]:
        del engine
        return f"{IMAGE}:{version}", 6379

    replace(elasticache, "_engine_image_and_port", image_and_port)
    network = config.label.partition("=")[2]  # the emulator's own, of its name

    def address(group: str) -> str:
        account = hashlib.sha256(get_account_id().encode()).hexdigest()[:6]
        return f"master.{group}.{account}.{config.region}.cache.amazonaws.com"

    def spawn(
        name: str,
        engine: str,
        engine_version: str,
        labels: dict[str, str],
        transit: bool = False,
        auth_token: str | None = None,
    ) -> tuple[str, int, str]:
        client: Any = elasticache._get_docker()
        image, port = image_and_port(engine, engine_version)
        host = address(labels["rg_id"])
        encrypted = {"entrypoint": ["sh", "-c", elasticache._NODE_TLS_WRAPPER, "valkey"]} if transit else {}
        alias = client.api.create_endpoint_config(aliases=[host])
        container = client.containers.run(
            image,
            ["valkey-server", *elasticache._node_server_args(port, transit, auth_token), *_parameters.get()],
            name=name,
            labels=labels,
            detach=True,
            network=network,
            networking_config={network: alias},
            **encrypted,
        )
        if transit:
            elasticache._install_node_tls(container, host, "127.0.0.1")
        return host, port, container.id

    replace(elasticache, "_spawn_redis_container", spawn)
    create = elasticache._create_replication_group

    def create_replication_group(params: Any) -> Any:
        given = elasticache._param_group_params.get(elasticache._p(params, "CacheParameterGroupName")) or {}
        own = {name: value["Value"] for name, value in given.items() if value.get("Source") == "user"}
        token = _parameters.set(tuple(word for name, value in own.items() for word in (f"--{name}", value)))
        try:
            answer = create(params)
        finally:
            _parameters.reset(token)
        _rename_nodes(elasticache._p(params, "ReplicationGroupId"))
        return answer

    replace(elasticache, "_create_replication_group", create_replication_group)
    for name in ("_increase_replica_count", "_decrease_replica_count"):
        replace(elasticache, name, _then_renamed(getattr(elasticache, name)))


def _then_renamed(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def changed(params: Any) -> Any:
        answer = change(params)
        _rename_nodes(elasticache._p(params, "ReplicationGroupId"))
        return answer

    return changed


def _rename_nodes(group: str) -> None:
    record = elasticache._replication_groups.get(group)
    if not record:
        return
    for number, member in enumerate(record["NodeGroups"][0]["NodeGroupMembers"], start=1):
        old, new = member["CacheClusterId"], f"{group}-{number:03d}"
        if node := elasticache._clusters.pop(old, None):
            elasticache._tags[elasticache._arn_cluster(new)] = elasticache._tags.pop(node["CacheClusterArn"], [])
            elasticache._clusters[new] = node | {
                "CacheClusterId": new,
                "CacheClusterArn": elasticache._arn_cluster(new),
            }
        member["CacheClusterId"] = new
    record["MemberClusters"] = [one["CacheClusterId"] for one in record["NodeGroups"][0]["NodeGroupMembers"]]
