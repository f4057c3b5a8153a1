"""ElastiCache: a real Valkey under a name of AWS's, by TLS that a client can verify, and published nowhere."""

from typing import Any

import pytest

from tests.rehearsal import ecs
from tests.rehearsal.conftest import AWS, REGION

pytestmark = pytest.mark.docker
TOKEN = "a-token-of-sixteen-characters"


@pytest.fixture(scope="module")
def group(aws: AWS) -> dict[str, Any]:
    """A group of one node that is available."""
    cache = aws.client("elasticache")
    cache.create_cache_parameter_group(
        CacheParameterGroupName="tests-valkey8", CacheParameterGroupFamily="valkey8", Description="tests"
    )
    policy = {"ParameterName": "maxmemory-policy", "ParameterValue": "volatile-lru"}
    cache.modify_cache_parameter_group(CacheParameterGroupName="tests-valkey8", ParameterNameValues=[policy])
    cache.create_replication_group(
        ReplicationGroupId="tests",
        ReplicationGroupDescription="tests",
        Engine="valkey",
        EngineVersion="8.1",
        CacheNodeType="cache.t4g.micro",
        NumCacheClusters=1,
        CacheParameterGroupName="tests-valkey8",
        TransitEncryptionEnabled=True,
        AuthToken=TOKEN,
    )
    return described(aws)


def described(aws: AWS) -> dict[str, Any]:
    found: dict[str, Any] = aws.client("elasticache").describe_replication_groups(ReplicationGroupId="tests")[
        "ReplicationGroups"
    ][0]
    return found


def test_the_cache_has_a_name_and_its_nodes_are_numbered_as_alarms_name_them(aws: AWS, group: dict[str, Any]) -> None:
    endpoint = group["NodeGroups"][0]["PrimaryEndpoint"]
    assert endpoint["Address"].startswith("master.tests.")
    assert endpoint["Address"].endswith(f".{REGION}.cache.amazonaws.com")
    assert endpoint["Port"] == 6379
    assert group["MemberClusters"] == ["tests-001"]
    (node,) = aws.client("elasticache").describe_cache_clusters(CacheClusterId="tests-001")["CacheClusters"]
    assert node["CacheParameterGroup"]["CacheParameterGroupName"] == "tests-valkey8"


def test_a_task_reaches_it_by_tls_alone_and_has_the_policy_of_the_parameter_group(
    aws: AWS, group: dict[str, Any]
) -> None:
    host = group["NodeGroups"][0]["PrimaryEndpoint"]["Address"]
    ask = f"valkey-cli -h {host} --tls --cacert $SSL_CERT_FILE"
    web = {
        "name": "web",
        "image": "valkey/valkey:8.1",
        "entryPoint": [
            "sh",
            "-c",
            f"{ask} config get maxmemory-policy | tail -1; valkey-cli -h {host} ping; {ask} -n 0 auth x",
        ],
        "environment": [{"name": "REDISCLI_AUTH", "value": TOKEN}],
    }
    task = ecs.run_task(aws, ecs.define(aws, [web]))
    ecs.wait_until_stopped(aws, task)
    lines = ecs.log_lines(aws, task, "web")
    assert "volatile-lru" in lines
    assert not any("PONG" in line for line in lines), "without TLS nobody is answered"
    assert any("WRONGPASS" in line for line in lines)


def test_it_is_published_nowhere(aws: AWS, group: dict[str, Any]) -> None:
    assert group["Status"] == "available"
    container = aws.engine.containers.get(aws.emulator.find("rg_id=tests"))
    assert not any(container.ports.values())


def test_replicas_are_numbered_as_well(aws: AWS, group: dict[str, Any]) -> None:
    cache = aws.client("elasticache")
    cache.increase_replica_count(ReplicationGroupId="tests", NewReplicaCount=1, ApplyImmediately=True)
    assert described(aws)["MemberClusters"] == ["tests-001", "tests-002"]
    cache.decrease_replica_count(ReplicationGroupId="tests", NewReplicaCount=0, ApplyImmediately=True)
    assert described(aws)["MemberClusters"] == ["tests-001"]
