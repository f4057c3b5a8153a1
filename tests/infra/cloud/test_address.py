"""Where the cloud's site answers: load balancer, CloudFront, TLS, DNS."""

from typing import Any

from tests.infra.cloud.variants import OWN_DOMAIN, ZONE, plain


def test_without_a_domain_only_cloudfront_reaches_the_load_balancer(cloud: Any) -> None:
    run = cloud()
    admitted = [
        rule.inputs
        for rule in run.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        if "load-balancer-id" in rule.inputs["securityGroupId"]
    ]
    assert [(rule["prefixListId"], rule["fromPort"], rule.get("cidrIpv4")) for rule in admitted] == [
        ("pl-3b927c52", 80, None)
    ]
    assert run["address-http"].inputs["defaultActions"][0]["type"] == "fixed-response"
    (condition,) = run["address-from-cloudfront"].inputs["conditions"]
    header = run["address-cloudfront"].inputs["origins"][0]["customHeaders"][0]
    assert condition["httpHeader"] == {"httpHeaderName": header["name"], "values": [header["value"]]}


def test_cloudfront_caches_static_files_and_no_pages(cloud: Any) -> None:
    distribution = cloud()["address-cloudfront"].inputs
    assert distribution["defaultCacheBehavior"]["cachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert "POST" in distribution["defaultCacheBehavior"]["allowedMethods"]
    (static,) = distribution["orderedCacheBehaviors"]
    assert (static["pathPattern"], static["cachePolicyId"]) == ("/static/*", "658327ea-f89d-4fab-a63d-7e88639e58f6")
    for behavior in (static, distribution["defaultCacheBehavior"]):
        assert behavior["originRequestPolicyId"] == "33f36d7e-f396-46d9-90e0-52428a34d9dc"


def test_an_own_domain_has_tls_at_the_load_balancer_and_no_cloudfront(cloud: Any) -> None:
    run = cloud(OWN_DOMAIN)
    assert not run.of_type("aws:cloudfront/distribution:Distribution")
    assert run["address-http"].inputs["defaultActions"][0]["redirect"]["protocol"] == "HTTPS"
    assert run["address-https"].inputs["certificateArn"].startswith("arn:aws:acm")
    assert plain(run)["SECURE_PROXY_SSL_HEADER"] == "X-Forwarded-Proto"
    assert plain(run)["DOMAIN_REDIRECTS"] == "example.org"
    assert run.outputs["url"] == "https://www.example.com"


def test_every_host_name_has_its_proof_and_its_record(cloud: Any) -> None:
    run = cloud(OWN_DOMAIN)
    records = {r.name: r.inputs for r in run.of_type("aws:route53/record:Record")}
    for host in ("www.example.com", "example.com", "example.org"):
        proof = records[f"address-proof-{host}"]
        assert (proof["name"], proof["type"], proof["records"]) == (
            f"_proof.{host}.",
            "CNAME",
            [f"_{host}.acm-validations.aws."],
        )
        assert records[f"address-{host}"]["aliases"][0]["name"].endswith(".elb.amazonaws.com")
    assert len(records) == 6


def test_an_own_certificate_leaves_dns_to_its_owner(cloud: Any) -> None:
    arn = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
    run = cloud({"domain": "www.example.com", "certificate": arn})
    assert run["address-https"].inputs["certificateArn"] == arn
    assert not run.of_type("aws:route53/record:Record")
    assert not run.of_type("aws:acm/certificate:Certificate")


def test_a_certificate_for_one_name_states_no_others(cloud: Any) -> None:
    """AWS adds the name itself; an empty list would be a change in every update."""
    run = cloud({"domain": "www.example.com", "hosted-zone": ZONE})
    assert "subjectAlternativeNames" not in run["address-certificate"].inputs
    assert cloud(OWN_DOMAIN)["address-certificate"].inputs["subjectAlternativeNames"] == ["example.com", "example.org"]
