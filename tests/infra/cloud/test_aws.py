"""Calls of AWS are tried again where that helps, and their errors become one sentence with what to do."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from infra.cloud.aws import AWSError, client, explain_errors


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "AccessDenied",
            "AWS refuses RunTask, your credentials lack a permission: no. docs/cloud.md lists those needed.",
        ),
        ("AccessDeniedException", "AWS refuses RunTask, your credentials lack a permission: no. docs/cloud.md lists"),
        ("UnauthorizedOperation", "AWS refuses RunTask, your credentials lack a permission: no. docs/cloud.md lists"),
        ("Throttling", "AWS still throttles RunTask after eight tries."),
        ("ThrottlingException", "AWS still throttles RunTask after eight tries."),
        ("RequestLimitExceeded", "AWS still throttles RunTask after eight tries."),
        ("TooManyRequestsException", "AWS still throttles RunTask after eight tries."),
        ("InvalidParameter", "AWS refuses RunTask (InvalidParameter): no."),
    ],
)
def test_an_error_of_a_call_says_which_call_and_what_to_do(code: str, message: str) -> None:
    answer: Any = {"Error": {"Code": code, "Message": "no."}}
    with pytest.raises(AWSError) as refused, explain_errors():
        raise ClientError(answer, "RunTask")
    assert str(refused.value).startswith(message)


def test_an_answer_without_words_is_still_an_error() -> None:
    with pytest.raises(AWSError, match=r"^AWS refuses RunTask \(\): $"), explain_errors():
        raise ClientError({"Error": {}}, "RunTask")


def test_an_address_that_does_not_answer_is_told() -> None:
    with pytest.raises(AWSError, match=r"^AWS can't be reached: .*https://ecs"), explain_errors():
        raise EndpointConnectionError(endpoint_url="https://ecs")


def test_a_client_is_one_of_the_stacks_region_and_tries_as_often_as_the_error_says() -> None:
    """Ten seconds are enough for a connection to any region, and a minute for any answer of these services."""
    config = client("ecs", SimpleNamespace(region="eu-west-1", profile="")).meta.config
    assert config.region_name == "eu-west-1"
    assert config.retries == {"mode": "standard", "total_max_attempts": 8}
    assert (config.connect_timeout, config.read_timeout) == (10, 60)
