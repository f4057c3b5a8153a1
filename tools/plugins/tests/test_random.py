"""pulumi-resource-random over gRPC."""

import re
from collections.abc import Callable

import bcrypt
import pytest
from plugin_harness import Plugin, error_text

from django_stack_plugins.values import UNKNOWN, Secret, decode_properties

PASSWORD = "random:index/randomPassword:RandomPassword"
ID = "random:index/randomId:RandomId"


@pytest.fixture
def random(shared_plugin: Callable[[str], Plugin]) -> Plugin:
    return shared_plugin("random")


def test_a_password_and_its_hash_are_secret(random: Plugin) -> None:
    resource_id, state = random.create(PASSWORD, random.inputs(PASSWORD, {"length": 20}))
    result, hashed = state["result"], state["bcryptHash"]
    assert resource_id == "none"
    assert isinstance(result, Secret) and isinstance(hashed, Secret)
    assert len(result.value) == 20
    assert bcrypt.checkpw(result.value.encode(), hashed.value.encode())


@pytest.mark.parametrize(
    ("settings", "pattern"),
    [
        ({"special": False}, r"[a-zA-Z0-9]{40}"),
        ({"special": False, "upper": False, "numeric": False}, r"[a-z]{40}"),
        ({"overrideSpecial": "_", "lower": False, "upper": False, "numeric": False}, r"_{40}"),
        ({"number": False, "special": False}, r"[a-zA-Z]{40}"),
        ({"minNumeric": 40}, r"[0-9]{40}"),
        ({"minSpecial": 39, "minUpper": 1}, r"[^a-z0-9]{40}"),
    ],
)
def test_a_password_holds_the_characters_asked_for(random: Plugin, settings: dict[str, object], pattern: str) -> None:
    _, state = random.create(PASSWORD, random.inputs(PASSWORD, {"length": 40, **settings}))
    assert re.fullmatch(pattern, state["result"].value)


def test_a_length_below_the_minimum_is_refused(random: Plugin) -> None:
    failures = random.check(PASSWORD, {"length": 3, "minUpper": 4}).failures
    assert [(failure.property, failure.reason) for failure in failures] == [
        ("length", "length must be at least 4, not 3")
    ]


def test_a_password_stays_unless_an_input_changes(random: Plugin) -> None:
    old = random.inputs(PASSWORD, {"length": 20})
    assert not random.diff(PASSWORD, old, random.inputs(PASSWORD, {"length": 20, "special": True})).diffs
    response = random.diff(PASSWORD, old, random.inputs(PASSWORD, {"length": 21}))
    assert list(response.replaces) == ["length"]


def test_a_refresh_keeps_a_password_secret(random: Plugin) -> None:
    inputs = random.inputs(PASSWORD, {"length": 20})
    resource_id, state = random.create(PASSWORD, inputs)
    plain = {key: value.value if isinstance(value, Secret) else value for key, value in state.items()}
    response = random.read(PASSWORD, resource_id, plain, inputs)
    assert decode_properties(response.properties) == state


def test_an_id_is_spelled_in_every_way(random: Plugin) -> None:
    resource_id, state = random.create(ID, random.inputs(ID, {"byteLength": 4, "prefix": "p-"}))
    number = int(state["dec"].removeprefix("p-"))
    assert state["hex"] == f"p-{number:08x}"
    assert state["b64Url"] == f"p-{resource_id}"


def test_a_preview_knows_no_result(random: Plugin) -> None:
    resource_id, state = random.create(PASSWORD, random.inputs(PASSWORD, {"length": 20}), preview=True)
    assert resource_id == ""
    assert state["result"] is UNKNOWN


def test_another_type_is_refused_by_name(random: Plugin) -> None:
    refusal = error_text(lambda: random.check("random:index/randomPet:RandomPet", {}))
    assert "does not support random:index/randomPet:RandomPet" in refusal
