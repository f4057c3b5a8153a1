"""The zones and subnets of the cloud's network."""

import json
from ipaddress import ip_network
from itertools import combinations
from typing import Any

import pytest

from infra.cloud.sizes import ZONES
from tests.infra.cloud.variants import inputs
from tests.infra.conftest import Run


def subnets(run: Run) -> dict[str, Any]:
    return {subnet.name: subnet.inputs for subnet in run.of_type("aws:ec2/subnet:Subnet")}


def test_without_a_choice_the_regions_first_two_zones_are_taken(cloud: Any) -> None:
    found = subnets(cloud())
    assert {name: (inputs["availabilityZone"], inputs["cidrBlock"]) for name, inputs in found.items()} == {
        "network-public-a": ("us-east-1a", "10.0.0.0/20"),
        "network-public-b": ("us-east-1b", "10.0.16.0/20"),
        "network-private-a": ("us-east-1a", "10.0.128.0/20"),
        "network-private-b": ("us-east-1b", "10.0.144.0/20"),
    }


@pytest.mark.parametrize("zones", ["us-east-1a,us-east-1b,us-east-1c", "us-east-1c,us-east-1a"])
def test_zones_that_stay_keep_their_subnets_when_others_come_or_go(cloud: Any, zones: str) -> None:
    before, after = subnets(cloud()), subnets(cloud({"zones": zones}))
    letters = {zone[-1] for zone in zones.split(",")}
    assert after.keys() == {f"network-{kind}-{letter}" for kind in ("public", "private") for letter in letters}
    both = before.keys() & after.keys()
    assert both
    assert {name: before[name] for name in both} == {name: after[name] for name in both}


def test_naming_the_zones_that_are_in_use_changes_nothing(cloud: Any) -> None:
    assert inputs(cloud({"zones": "us-east-1b, us-east-1a"})) == inputs(cloud())


def test_tasks_and_load_balancer_stay_out_of_a_zone_without_vpc_origins_and_the_database_may_stay(cloud: Any) -> None:
    run = cloud({"zones": "us-east-1a,us-east-1b,us-east-1d"})
    both = ["network-public-a-id", "network-public-b-id"]
    assert run["web"].inputs["networkConfiguration"]["subnets"] == both
    assert json.loads(run["release"].inputs["stdin"])["subnets"] == both
    assert run["address-load-balancer"].inputs["subnets"] == ["network-private-a-id", "network-private-b-id"]
    assert "network-private-d-id" in run["database-subnets"].inputs["subnetIds"]


def test_the_zones_are_known_in_a_preview(cloud: Any) -> None:
    assert subnets(cloud(preview=True)).keys() == subnets(cloud()).keys()


@pytest.mark.parametrize("block", ["10.0.0.0/16", "172.20.16.0/20", "192.168.4.0/22"])
def test_no_two_subnets_overlap_with_as_many_zones_as_can_be_named(cloud: Any, block: str) -> None:
    zones = ",".join(f"us-east-1{letter}" for letter in ZONES)
    run = cloud({"zones": zones, "address-block": block})
    assert run["network"].inputs["cidrBlock"] == block
    found = subnets(run).values()
    blocks = [ip_network(subnet["cidrBlock"]) for subnet in found]
    assert len(blocks) == 15, "one of the zones is for the database only"
    assert all(block.subnet_of(ip_network(block)) for block in blocks)
    assert not any(one.overlaps(other) for one, other in combinations(blocks, 2))
