"""The cache on ElastiCache: private, by TLS, with a password that is in no plain variable."""

import json
from typing import Any

import pytest

VALKEY = {"cache": "valkey"}


def test_only_the_tasks_reach_it(cloud: Any) -> None:
    run = cloud(VALKEY)
    group = run["cache"].inputs["securityGroupIds"]
    rules = [one.inputs for one in run.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")]
    admitted = [(one["referencedSecurityGroupId"], one["fromPort"]) for one in rules if one["securityGroupId"] in group]
    assert admitted == [("network-app-id", 6379)]
    assert run["cache-subnets"].inputs["subnetIds"] == run["database-subnets"].inputs["subnetIds"]


def test_its_password_is_in_the_tasks_secret_and_nowhere_in_clear(cloud: Any) -> None:
    run = cloud(VALKEY)
    assert run["cache"].inputs["authToken"] == "cache-password-random"
    assert run["cache"].inputs["transitEncryptionMode"] == "required"
    web = json.loads(run["task"].inputs["containerDefinitions"])[1]
    assert "cache-password-random" not in run["task"].inputs["containerDefinitions"]
    assert {"CACHE_URL", "REDIS_URL"} <= {one["name"] for one in web["secrets"]}
    assert {"authToken", "authTokenWo"} == set(run["cache"].request.additionalSecretOutputs)


@pytest.mark.parametrize(("multi", "nodes"), [(False, 1), (True, 2)])
def test_two_nodes_take_over_from_each_other_and_each_has_its_alarms(cloud: Any, multi: bool, nodes: int) -> None:
    run = cloud(VALKEY | {"cache-multi-az": multi})
    inputs = run["cache"].inputs
    assert (inputs["numCacheClusters"], inputs["multiAzEnabled"], inputs["automaticFailoverEnabled"]) == (
        nodes,
        multi,
        multi,
    )
    alarms = [one.inputs for name, one in run.resources.items() if name.startswith("alarm-cache-")]
    assert len(alarms) == 2 * nodes
    assert {one["dimensions"]["CacheClusterId"] for one in alarms} == {
        f"django-stack-cloud-{number:03d}" for number in range(1, nodes + 1)
    }


def test_each_node_is_on_the_dashboard(cloud: Any) -> None:
    shown = json.loads(cloud(VALKEY | {"cache-multi-az": True})["dashboard"].inputs["dashboardBody"])["widgets"]
    metrics = [one["properties"]["metrics"][0] for one in shown]
    of_the_cache = [metric for metric in metrics if metric[0] == "AWS/ElastiCache"]
    assert [metric[1:] for metric in of_the_cache] == [
        [name, "CacheClusterId", f"django-stack-cloud-{node}"]
        for node in ("001", "002")
        for name in ("EngineCPUUtilization", "CurrItems")
    ]
    assert "ElastiCache" not in cloud()["dashboard"].inputs["dashboardBody"]


def test_a_larger_class_is_taken(cloud: Any) -> None:
    assert cloud(VALKEY | {"cache-class": "cache.r7g.large"})["cache"].inputs["nodeType"] == "cache.r7g.large"


def test_a_brokers_keys_stay_when_the_memory_is_full(cloud: Any, program: Any) -> None:
    (policy,) = cloud(VALKEY)["cache-parameters"].inputs["parameters"]
    assert policy == {"name": "maxmemory-policy", "value": "volatile-lru"}
    local = program(VALKEY)["cache"].inputs["command"]
    assert local[local.index("--maxmemory-policy") + 1] == "volatile-lru", "the same on both platforms"


def test_the_first_preview_knows_no_address_yet_and_goes_through(cloud: Any) -> None:
    assert "cache" in cloud(VALKEY, preview=True).resources
