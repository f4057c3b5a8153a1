"""The bucket for logs that services of AWS deliver: made when a setting asks for it, and for what it asks."""

import json
from typing import Any

import pytest

from tests.infra.conftest import Run

BUCKET = "django-stack-cloud-logs-20260101000000"


def writers(run: Run) -> dict[str, str]:
    """The services that may write into the bucket, and below which path."""
    statements = json.loads(run["logs-policy"].inputs["policy"])["Statement"]
    return {
        statement["Principal"]["Service"].partition(".")[0]: statement["Resource"].partition(":::")[2]
        for statement in statements
        if statement["Action"] == "s3:PutObject"
    }


def test_without_a_setting_there_is_no_bucket_and_nothing_writes(cloud: Any) -> None:
    run = cloud()
    assert "logs" not in run.resources
    assert "accessLogs" not in run["address-load-balancer"].inputs
    assert not run.of_type("aws:s3/bucketLogging:BucketLogging")
    assert not run.of_type("aws:ec2/flowLog:FlowLog")
    assert not run.of_type("aws:cloudwatch/logDelivery:LogDelivery")


def test_access_logs_are_those_of_cloudfront_of_the_load_balancer_and_of_the_uploads(cloud: Any) -> None:
    run = cloud({"access-logs": True})
    assert writers(run) == {
        "delivery": f"{BUCKET}/cloudfront/AWSLogs/123456789012/*",
        "logdelivery": f"{BUCKET}/load-balancer/AWSLogs/123456789012/*",
        "logging": f"{BUCKET}/media/*",
    }
    assert run["address-load-balancer"].inputs["accessLogs"] == {
        "bucket": BUCKET,
        "prefix": "load-balancer",
        "enabled": True,
    }
    assert run["media-access-log"].inputs["targetPrefix"] == "media/"
    assert not run.of_type("aws:ec2/flowLog:FlowLog")


def test_cloudfront_delivers_by_way_of_the_one_region_that_it_knows(cloud: Any) -> None:
    run = cloud({"access-logs": True, "aws:region": "eu-west-1"})
    source, target, both = (run[f"address-log-{part}"].inputs for part in ("source", "destination", "delivery"))
    assert {one["region"] for one in (source, target, both)} == {"us-east-1"}
    assert (source["logType"], source["resourceArn"]) == (
        "ACCESS_LOGS",
        "arn:aws:cloudfront::123456789012:distribution/EADDRESS-CLOUDFRONT",
    )
    arn = target["deliveryDestinationConfiguration"]["destinationResourceArn"]
    assert arn == f"arn:aws:s3:::{BUCKET}/cloudfront"
    assert both["deliverySourceName"] == source["name"]


def test_flow_logs_are_those_of_the_network(cloud: Any) -> None:
    run = cloud({"flow-logs": True})
    assert writers(run) == {"delivery": f"{BUCKET}/network/AWSLogs/123456789012/*"}
    assert run["network-flow-log"].inputs["logDestination"] == f"arn:aws:s3:::{BUCKET}/network"
    assert "accessLogs" not in run["address-load-balancer"].inputs
    assert not run.of_type("aws:s3/bucketLogging:BucketLogging")


def test_logs_of_a_bucket_that_is_not_the_stacks_are_its_owners_affair(cloud: Any) -> None:
    dsn = "s3://somebody-elses.s3.eu-west-1.amazonaws.com/"
    run = cloud({"access-logs": True, "storage-dsn": dsn}, secrets=("storage-dsn",))
    assert not run.of_type("aws:s3/bucketLogging:BucketLogging")
    assert run["address-load-balancer"].inputs["accessLogs"]["bucket"] == BUCKET


@pytest.mark.parametrize("keep", [True, False])
def test_a_stack_that_keeps_its_data_leaves_the_bucket_with_all_its_settings(cloud: Any, keep: bool) -> None:
    """A bucket that is left without its settings would keep logs for ever."""
    run = cloud({"access-logs": True, "keep-data": keep})
    parts = [resource for resource in run.resources.values() if resource.name.split("-")[0] == "logs"]
    assert len(parts) == 7
    assert {part.request.retainOnDelete for part in parts if part.type.startswith("aws:")} == {keep}
    assert run["logs"].inputs["forceDestroy"] is not keep


def test_logs_in_the_bucket_are_kept_as_long_as_the_sites_own(cloud: Any) -> None:
    run = cloud({"flow-logs": True, "log-days": 365})
    (rule,) = run["logs-lifecycle"].inputs["rules"]
    assert rule["expiration"] == {"days": run["task-logs"].inputs["retentionInDays"]} == {"days": 365}
