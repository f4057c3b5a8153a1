"""CloudFront's function: whom it lets through, what everybody else gets, and that it is harmless otherwise."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from infra.cloud.maintenance import CODE
from infra.cloud.maintenance_keys import MOST_BYTES, keys_of, networks_of
from tools.rehearsal.emulator.javascript import MOST_BYTES as MOST_CODE
from tools.rehearsal.emulator.javascript import run

FACTS = {"since": "2026-11-28T10:00:00+00:00", "message": "m", "retry_after": 120, "allow": []}


def event(visitor: str = "203.0.113.7", uri: str = "/") -> dict[str, Any]:
    request = {"method": "GET", "uri": uri, "headers": {}, "cookies": {}, "querystring": {}}
    return {"version": "1.0", "viewer": {"ip": visitor}, "request": request}


def answer(visitor: str = "203.0.113.7", uri: str = "/", *allow: str, page: str = "<p>Grüezi</p>") -> Any:
    return run(CODE, event(visitor, uri), keys_of(FACTS | {"allow": list(allow)}, page))


def test_without_maintenance_every_request_goes_on_as_it_came() -> None:
    assert run(CODE, event(), {}) == event()["request"]


def test_visitors_get_503_the_page_and_when_to_come_back() -> None:
    found = answer()
    headers = {name: field["value"] for name, field in found["headers"].items()}
    assert (found["statusCode"], found["body"]) == (503, {"encoding": "text", "data": "<p>Gr&#252;ezi</p>"})
    assert headers == {
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-store",
        "retry-after": "120",
        "x-content-type-options": "nosniff",
        "x-maintenance": FACTS["since"],
    }


@pytest.mark.parametrize("path", ["/healthz/live", "/healthz/ready"])
def test_health_checks_go_on(path: str) -> None:
    assert answer(uri=path) == event(uri=path)["request"]


def test_where_everybody_gets_the_page_nobody_is_let_through() -> None:
    uri = "/healthz/maintenance"
    assert answer("203.0.113.7", uri, "203.0.113.7")["statusCode"] == 503
    assert answer("203.0.113.7", f"{uri}/", "203.0.113.7") == event(uri=f"{uri}/")["request"]
    assert run(CODE, event(uri=uri), {}) == event(uri=uri)["request"], "without maintenance"


def test_a_page_of_any_size_that_is_allowed_comes_whole_in_values_that_a_store_takes() -> None:
    page = "".join(f"<p>{number} ü</p>" for number in range(900))[:12_000]
    keys = keys_of(FACTS | {"allow": [f"2001:db8:{number:x}::/48" for number in range(50)]}, page)
    assert max(len(key.encode()) + len(value.encode()) for key, value in keys.items()) <= MOST_BYTES
    assert len(keys) <= 50, "what one call of UpdateKeys takes"
    assert run(CODE, event(), keys)["body"]["data"] == page.encode("ascii", "xmlcharrefreplace").decode()


def test_a_part_that_has_not_arrived_yet_ends_the_page_and_nothing_else() -> None:
    keys = keys_of(FACTS, "x" * 2000)
    del keys["page-1"]
    found = run(CODE, event(), keys)
    assert (found["statusCode"], found["headers"]["retry-after"]["value"]) == (503, "120")


@given(
    network=st.one_of(
        st.ip_addresses(), st.ip_addresses(network="2001:db8::/60"), st.ip_addresses(network="10.0.0.0/8")
    ),
    visitor=st.one_of(
        st.ip_addresses(), st.ip_addresses(network="2001:db8::/60"), st.ip_addresses(network="10.0.0.0/8")
    ),
    bits=st.integers(0, 128),
)
@settings(deadline=None, max_examples=30)
@example(ipaddress.ip_address("203.0.113.0"), ipaddress.ip_address("203.0.113.255"), 24)
@example(ipaddress.ip_address("203.0.113.0"), ipaddress.ip_address("203.0.113.128"), 25)
@example(ipaddress.ip_address("2001:db8::"), ipaddress.ip_address("2001:db8::1"), 127)
@example(ipaddress.ip_address("::"), ipaddress.ip_address("1::"), 0)
@example(ipaddress.ip_address("::1"), ipaddress.ip_address("::1"), 128)
@example(ipaddress.ip_address("1::"), ipaddress.ip_address("1::"), 16)
def test_networks_are_told_apart_as_python_does(network: Any, visitor: Any, bits: int) -> None:
    allowed = ipaddress.ip_network((network, min(bits, network.max_prefixlen)), strict=False)
    found = answer(str(visitor), "/", "192.0.2.1", str(allowed))
    assert (found == event(str(visitor))["request"]) is (visitor in allowed)


def test_networks_are_written_in_hex_digits() -> None:
    assert networks_of(["203.0.113.0/24", "2001:db8::1"]) == ["cb007100/24", "20010db8000000000000000000000001/128"]


def test_the_code_is_as_short_as_a_function_must_be() -> None:
    assert len(CODE.encode()) < MOST_CODE
