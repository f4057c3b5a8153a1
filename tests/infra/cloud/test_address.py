"""Where the cloud's site answers: CloudFront, the internal load balancer behind it, TLS, DNS."""

from typing import Any

import pytest

from tests.infra.cloud.made_up import CLOUDFRONT
from tests.infra.cloud.variants import OWN_DOMAIN, ZONE, plain
from tests.infra.conftest import Run

BOTH = pytest.mark.parametrize("settings", [{}, OWN_DOMAIN], ids=["CloudFront's name", "own domain"])
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"


def admitted(run: Run) -> list[dict[str, Any]]:
    rules = run.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    return [rule.inputs for rule in rules if "load-balancer-id" in rule.inputs["securityGroupId"]]


@BOTH
def test_the_load_balancer_is_in_the_private_subnets_and_admits_cloudfront_only(
    cloud: Any, settings: dict[str, Any]
) -> None:
    run = cloud(settings)
    (balancer,) = run.of_type("aws:lb/loadBalancer:LoadBalancer")
    assert balancer.inputs["internal"] is True
    assert balancer.inputs["subnets"] == ["network-private-a-id", "network-private-b-id"]
    assert [(rule["prefixListId"], rule["fromPort"], rule.get("cidrIpv4")) for rule in admitted(run)] == [
        ("pl-3b927c52", 80, None)
    ]
    assert "10.0" not in str(admitted(run)), "nor the network's own addresses"


@BOTH
def test_cloudfront_reaches_it_by_a_vpc_origin(cloud: Any, settings: dict[str, Any]) -> None:
    run = cloud(settings)
    origin, bucket = run["address-cloudfront"].inputs["origins"]
    assert origin["vpcOriginConfig"]["vpcOriginId"] == "address-origin-id"
    assert origin["domainName"].endswith(".elb.amazonaws.com")
    assert "vpcOriginConfig" not in bucket
    config = run["address-origin"].inputs["vpcOriginEndpointConfig"]
    assert config["arn"] == "arn:aws:lb:us-east-1:123456789012:django-stack-cloud-i"
    assert (config["httpPort"], config["originProtocolPolicy"]) == (80, "http-only")
    assert run["address-http"].inputs["defaultActions"][0]["type"] == "forward"


def test_a_vpc_origin_is_never_changed_but_replaced_under_another_name(cloud: Any, monkeypatch: Any) -> None:
    """AWS answers 409 to a change or a deletion while a distribution uses it, and has no two of one name."""
    before = cloud()["address-origin"]
    assert set(before.request.replaceOnChanges) == {"vpcOriginEndpointConfig", "tags"}
    assert not before.request.deleteBeforeReplace
    config = before.inputs["vpcOriginEndpointConfig"]
    name = config["name"]
    assert name.startswith("django-stack-cloud-")
    assert len(name) <= 64
    monkeypatch.setattr("infra.cloud.load_balancer.HTTP", 8080)
    other = cloud({"platform": "cloud", "log-days": 60})["address-origin"].inputs["vpcOriginEndpointConfig"]
    assert other["httpPort"] == 8080
    assert other["name"] != name


def test_the_vpc_origin_waits_for_listener_and_internet_gateway(cloud: Any) -> None:
    waits = {urn.rpartition("::")[2] for urn in cloud()["address-origin"].request.dependencies}
    assert {"address-http", "network-gateway"} <= waits


@BOTH
def test_cloudfront_caches_static_files_and_no_pages(cloud: Any, settings: dict[str, Any]) -> None:
    distribution = cloud(settings)["address-cloudfront"].inputs
    assert distribution["defaultCacheBehavior"]["cachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert "POST" in distribution["defaultCacheBehavior"]["allowedMethods"]
    (static,) = distribution["orderedCacheBehaviors"]
    assert (static["pathPattern"], static["cachePolicyId"]) == ("/static/*", "658327ea-f89d-4fab-a63d-7e88639e58f6")
    assert distribution["defaultCacheBehavior"]["originRequestPolicyId"] == "33f36d7e-f396-46d9-90e0-52428a34d9dc"
    assert "originRequestPolicyId" not in static, "S3 refuses the visitor's Host"
    for behavior in (static, distribution["defaultCacheBehavior"]):
        assert behavior["viewerProtocolPolicy"] == "redirect-to-https"


@BOTH
def test_cloudfront_asks_the_bucket_for_static_files_and_then_the_tasks(cloud: Any, settings: dict[str, Any]) -> None:
    run = cloud(settings)
    distribution = run["address-cloudfront"].inputs
    (group,) = distribution["originGroups"]
    assert distribution["orderedCacheBehaviors"][0]["targetOriginId"] == group["originId"]
    assert {403, 404} <= set(group["failoverCriteria"]["statusCodes"]), "S3 says 403 to who may not list the bucket"
    by_id = {origin["originId"]: origin for origin in distribution["origins"]}
    first, second = (by_id[member["originId"]] for member in group["members"])
    assert first["domainName"].startswith(run["static-files"].inputs["bucketPrefix"])
    assert first["originAccessControlId"] == "static-files-access-id"
    assert second["vpcOriginConfig"]["vpcOriginId"] == "address-origin-id"


@BOTH
def test_django_goes_by_the_protocol_that_cloudfront_names(cloud: Any, settings: dict[str, Any]) -> None:
    """The load balancer's own header says http in both cases."""
    assert plain(cloud(settings))["SECURE_PROXY_SSL_HEADER"] == "CloudFront-Forwarded-Proto"


def test_an_own_domain_is_an_alias_of_the_distribution_with_a_certificate_of_its_own(cloud: Any) -> None:
    run = cloud(OWN_DOMAIN)
    distribution = run["address-cloudfront"].inputs
    assert distribution["aliases"] == ["www.example.com", "example.com", "example.org"]
    certificate = distribution["viewerCertificate"]
    assert certificate["acmCertificateArn"] == "arn:aws:acm:us-east-1:123456789012:address-certificate"
    assert certificate["sslSupportMethod"] == "sni-only"
    assert plain(run)["DOMAIN_REDIRECTS"] == "example.org", "the app answers it"
    assert run.outputs["url"] == "https://www.example.com"


def test_without_a_domain_the_site_has_cloudfronts_own_name_and_certificate(cloud: Any) -> None:
    run = cloud()
    distribution = run["address-cloudfront"].inputs
    assert "aliases" not in distribution
    assert distribution["viewerCertificate"] == {"cloudfrontDefaultCertificate": True}
    assert run.outputs["url"] == f"https://{CLOUDFRONT}"
    assert plain(run)["DOMAIN"] == CLOUDFRONT


def test_the_certificate_is_made_where_cloudfront_takes_it_from(cloud: Any) -> None:
    run = cloud({**OWN_DOMAIN, "aws:region": "eu-west-1"})
    assert run["address-certificate"].inputs["region"] == "us-east-1"
    assert run["address-issued"].inputs["region"] == "us-east-1"


def test_every_host_name_has_its_proof_and_its_records(cloud: Any) -> None:
    run = cloud(OWN_DOMAIN)
    records = {r.name: r.inputs for r in run.of_type("aws:route53/record:Record")}
    for host in ("www.example.com", "example.com", "example.org"):
        proof = records[f"address-proof-{host}"]
        assert (proof["name"], proof["type"], proof["records"]) == (
            f"_proof.{host}.",
            "CNAME",
            [f"_{host}.acm-validations.aws."],
        )
        for name, kind in ((f"address-{host}", "A"), (f"address-{host}-ipv6", "AAAA")):
            record = records[name]
            assert (record["name"], record["type"]) == (host, kind)
            assert record["aliases"] == [
                {"name": CLOUDFRONT, "zoneId": "Z2FDTNDATAQYW2", "evaluateTargetHealth": False}
            ]
    assert len(records) == 9


def test_an_own_certificate_leaves_dns_to_its_owner(cloud: Any) -> None:
    run = cloud({"domain": "www.example.com", "certificate": CERTIFICATE})
    assert run["address-cloudfront"].inputs["viewerCertificate"]["acmCertificateArn"] == CERTIFICATE
    assert not run.of_type("aws:route53/record:Record")
    assert not run.of_type("aws:acm/certificate:Certificate")


def test_a_certificate_for_one_name_states_no_others(cloud: Any) -> None:
    """AWS adds the name itself; an empty list would be a change in every update."""
    run = cloud({"domain": "www.example.com", "hosted-zone": ZONE})
    assert "subjectAlternativeNames" not in run["address-certificate"].inputs
    assert cloud(OWN_DOMAIN)["address-certificate"].inputs["subjectAlternativeNames"] == ["example.com", "example.org"]


def test_what_lasts_keeps_its_place_in_the_state_of_older_stacks(cloud: Any) -> None:
    """Another URN would make it anew: a new name for the site, a proof deleted after it was made again, and a rule that
    AWS refuses as a duplicate."""
    run = cloud(OWN_DOMAIN)
    for name in ("address-cloudfront", "address-admits-80", "address-www.example.com", "address-proof-www.example.com"):
        assert run[name].request.parent.endswith("django-stack:cloud:Address::address"), name
