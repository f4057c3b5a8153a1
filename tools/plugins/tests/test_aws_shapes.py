"""Pulumi's properties in the shapes of AWS's API, and back."""

from typing import Any

import pytest
from aws_account import Account

from django_stack_plugins.aws.shapes import from_api, simple, to_api


def shape(account: Account, service: str, call: str) -> Any:
    return account.session.input_shape(service, call)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("vpcSecurityGroupIds", "VpcSecurityGroupId"),
        ("isIpv6Enabled", "IsIPV6Enabled"),
        ("policies", "Policy"),
        ("okActions", "OKActions"),
    ],
)
def test_names_differ_in_case_and_plural_only(one: str, other: str) -> None:
    assert simple(one) == simple(other)


def test_different_names_are_told_apart() -> None:
    assert len({simple(name) for name in ("subnetId", "subnets", "vpcId", "id", "policy", "port")}) == 6


def test_numbers_texts_and_truths_have_the_api_s_types(account: Account) -> None:
    sent = to_api(shape(account, "cloudwatch", "PutMetricAlarm"), {"period": "300", "threshold": 80}, {})
    assert sent == {"Period": 300, "Threshold": 80.0}
    assert isinstance(sent["Threshold"], float)


def test_a_map_becomes_names_and_values_where_the_api_wants_them(account: Account) -> None:
    dimensions = {"dimensions": {"b": "2", "a": "1"}}
    sent = to_api(shape(account, "cloudwatch", "PutMetricAlarm"), dimensions, {})
    assert sent == {"Dimensions": [{"Name": "a", "Value": "1"}, {"Name": "b", "Value": "2"}]}
    assert from_api(dimensions, {"Dimensions": sent["Dimensions"][::-1]}, {}) == dimensions


def test_cloudfront_is_told_how_long_a_list_is(account: Account) -> None:
    wanted = {"restrictions": {"geoRestriction": {"restrictionType": "whitelist", "locations": ["DE", "FR"]}}}
    config = shape(account, "cloudfront", "CreateDistribution").members["DistributionConfig"]
    names = {"restrictions.geoRestriction.locations": "Items"}
    sent = to_api(config, wanted, names)
    assert sent["Restrictions"]["GeoRestriction"] == {
        "RestrictionType": "whitelist",
        "Quantity": 2,
        "Items": ["DE", "FR"],
    }
    assert from_api(wanted, sent, names) == wanted


@pytest.mark.parametrize(
    ("wanted", "found", "shown"),
    [
        ("30", 30, "30"),
        (80, 80.0, 80),
        (True, "true", True),
        (True, "false", "false"),
        ('{"a": [1]}', '{ "a":[1] }', '{"a": [1]}'),
        ('{"a": [1]}', {"a": [1]}, '{"a": [1]}'),
        ('{"a": [1]}', {"a": [2]}, '{"a": [2]}'),
        (["a", "b"], ["b", "a"], ["a", "b"]),
        (["a", "b"], ["b", "c"], ["b", "c"]),
        (["a"], [], []),
        (["a"], ["a", "b"], ["a", "b"]),
        ({"a": 1}, {"A": 1, "B": 2}, {"a": 1}),
        ({"a": False}, {}, {"a": False}),
        ({"a": True}, {}, {}),
        ([{"a": 1}], {"A": 2}, [{"a": 2}]),
    ],
)
def test_what_aws_has_is_shown_as_the_program_says_it(wanted: Any, found: Any, shown: Any) -> None:
    assert from_api(wanted, found, {}) == shown
