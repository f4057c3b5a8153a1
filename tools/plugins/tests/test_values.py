"""The wire format of property values, and differences between them."""

import pytest

from django_stack_plugins.values import (
    UNKNOWN,
    Change,
    Secret,
    changes,
    decode,
    decode_properties,
    encode,
    encode_properties,
    has_unknown,
    reveal,
)


@pytest.mark.parametrize(
    "value", [None, True, 0, 1.5, "text", [1, ["a"], {}], {"a": {"b": [None]}}, Secret({"password": "x"}), UNKNOWN]
)
def test_every_kind_of_value_survives_the_round_trip(value: object) -> None:
    assert decode(encode(value)) == value


def test_null_properties_count_as_not_set() -> None:
    assert decode_properties(encode_properties({"a": None, "b": 1})) == {"b": 1}


def test_secrets_are_revealed_at_any_depth() -> None:
    assert reveal({"a": [Secret({"b": Secret(1)})]}) == {"a": [{"b": 1}]}


def test_an_unknown_is_found_at_any_depth() -> None:
    assert has_unknown({"a": [Secret({"b": UNKNOWN})]})
    assert not has_unknown({"a": [Secret("b")]})


def test_a_difference_is_named_by_its_path() -> None:
    old = {"ports": [{"external": 1}], "labels": {"a.b": "1"}, "gone": True}
    new = {"ports": [{"external": 2}], "labels": {"a.b": "2"}, "added": True}
    assert changes(old, new) == [
        Change("added", "add"),
        Change("gone", "delete"),
        Change('labels["a.b"]', "update"),
        Change("ports[0].external", "update"),
    ]


def test_an_unknown_new_value_is_a_difference() -> None:
    assert changes({"image": "a"}, {"image": UNKNOWN}) == [Change("image", "update")]


def test_true_and_one_differ() -> None:
    assert changes({"a": 1}, {"a": True}) == [Change("a", "update")]


def test_the_order_of_a_set_does_not_matter() -> None:
    def is_set(path: str) -> bool:
        return path == "envs"

    assert changes({"envs": ["a", "b"]}, {"envs": ["b", "a"]}, unordered=is_set) == []
    assert changes({"envs": ["a", "b"]}, {"envs": ["b", "c"]}, unordered=is_set) == [Change("envs[1]", "update")]
    assert changes({"command": ["a", "b"]}, {"command": ["b", "a"]}, unordered=is_set) != []
