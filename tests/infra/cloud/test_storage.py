"""The bucket for uploaded files: who reads it, and how the app is told of it."""

import json
from typing import Any

import pytest

from infra.dsn import S3DSN
from tests.infra.cloud.variants import OTHER


def test_public_media_go_through_cloudfront_and_the_bucket_stays_private(cloud: Any) -> None:
    run = cloud(OTHER)
    dsn = S3DSN.parse(run.outputs["DEFAULT_STORAGE_DSN"])
    assert (dsn.signed, dsn.options) == (False, {"domain": "d111111abcdef8.cloudfront.net"})
    read = json.loads(run["media-policy"].inputs["policy"])["Statement"][1]
    assert read["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert read["Condition"]["StringEquals"]["AWS:SourceArn"].startswith("arn:aws:cloudfront::")


@pytest.mark.report("django-cors-headers#819")
def test_pages_of_the_site_may_read_media_and_no_others(cloud: Any) -> None:
    """The bucket's own rule, and for public media CloudFront's headers; of an own domain or of CloudFront's name."""
    hosts = {"domain": "www.example.com", "domain-aliases": "example.net"}
    for settings, origins in (
        ({**OTHER, **hosts}, ["https://www.example.com", "https://example.net"]),
        ({"media-access": "public"}, ["https://d111111abcdef8.cloudfront.net"]),
    ):
        run = cloud(settings)
        [rule] = run["media-cors"].inputs["corsRules"]
        assert rule["allowedOrigins"] == origins
        assert (rule["allowedMethods"], rule["allowedHeaders"], rule["maxAgeSeconds"]) == (["GET", "HEAD"], ["*"], 3600)
        headers = run["media-cors-headers"].inputs["corsConfig"]
        assert headers["accessControlAllowOrigins"]["items"] == origins
        assert headers["accessControlAllowMethods"]["items"] == ["GET", "HEAD"]
        assert headers["accessControlAllowCredentials"] is False
        behaviour = run["media-cloudfront"].inputs["defaultCacheBehavior"]
        assert behaviour["responseHeadersPolicyId"] == "media-cors-headers-id"
        assert "OPTIONS" in behaviour["allowedMethods"]
        assert behaviour["originRequestPolicyId"] == "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf"
    assert "media-cors" in cloud().resources
    assert "media-cors-headers" not in cloud().resources


def test_the_app_reads_the_dsns_that_the_cloud_hands_it(cloud: Any) -> None:
    from django_stack import storage_dsn
    from django_stack.variables import database

    for settings, domain, region in (({}, "", "us-east-1"), (OTHER, "d111111abcdef8.cloudfront.net", "eu-west-1")):
        run = cloud(settings)
        location = storage_dsn.parse(run.outputs["DEFAULT_STORAGE_DSN"])
        assert isinstance(location, storage_dsn.S3)
        assert (location.bucket, location.region) == ("django-stack-cloud-media-20260101000000", region)
        assert (location.domain, location.signed) == (domain, not domain)
        options = database(run.outputs["DATABASE_URL"])["OPTIONS"]
        assert (options["sslmode"], options["sslrootcert"]) == ("verify-full", "/certificates/rds.pem")
