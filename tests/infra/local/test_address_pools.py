"""A Docker engine has address ranges for some thirty networks, and a stack needs one."""

from typing import Any

import pytest

from infra.local.address_pools import address_errors
from infra.settings import Settings
from tests.infra.local.test_preflight import Engine, refusal

pytestmark = pytest.mark.usefixtures("on_the_engines_machine")


@pytest.fixture
def settings(as_stack: Any, set_config: Any) -> Settings:
    as_stack()
    set_config({})
    return Settings.load()


def network(name: str, *subnets: str) -> dict[str, Any]:
    """As the engine lists it: https://docs.docker.com/reference/api/engine/version/v1.41/."""
    return {"Name": name, "IPAM": {"Config": [{"Subnet": subnet} for subnet in subnets] or None}}


DOCKERS = [f"172.{number}.0.0/16" for number in range(17, 32)] + [f"192.168.{16 * part}.0/20" for part in range(16)]


def engine(subnets: list[str], **info: Any) -> Any:
    made = Engine()
    made.api.networks = lambda: [network("host"), *(network(f"n{place}", one) for place, one in enumerate(subnets))]
    made.info = lambda: info
    return made


def test_the_thirty_second_network_is_refused(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    told = refusal(monkeypatch, engine(DOCKERS), settings)
    assert "no address range left for the stack's network: all 31 are taken" in told
    assert "docker network prune" in told


@pytest.mark.parametrize(
    "subnets",
    [
        DOCKERS[:-1],
        [*DOCKERS[:-1], "10.89.0.0/24", "192.168.0.0/24", "192.168.1.0/24"],  # made by hand, or in a taken range
        [*DOCKERS[1:], "fd00::/64"],
        [],
    ],
)
def test_with_one_range_left_the_stack_can_be_made(subnets: list[str], settings: Settings) -> None:
    assert address_errors(engine(subnets), settings) == []


@pytest.mark.parametrize("made_by_hand", ["192.168.0.0/16", "192.168.0.0/15", "192.168.240.0/24"])
def test_networks_made_by_hand_take_ranges_as_well(made_by_hand: str, settings: Settings) -> None:
    known = DOCKERS[:-1] if made_by_hand.endswith("/24") else DOCKERS[:15]
    assert address_errors(engine([*known, made_by_hand]), settings)
    assert address_errors(engine([*known[1:], made_by_hand]), settings) == []


def test_what_the_engines_own_file_says_counts(settings: Settings) -> None:
    pools = [{"Base": "10.200.0.0/23", "Size": 24}, {"Base": "fd00::/48", "Size": 64}]
    assert address_errors(engine(DOCKERS, DefaultAddressPools=pools), settings) == []
    assert address_errors(engine(["10.200.0.0/24", "10.200.1.0/24"], DefaultAddressPools=pools), settings)


def test_a_stack_that_is_there_has_its_network(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    full = engine(DOCKERS)
    full.api.networks = lambda: [*(network("n", one) for one in DOCKERS[1:]), network(settings.prefix, DOCKERS[0])]
    assert address_errors(full, settings) == []
