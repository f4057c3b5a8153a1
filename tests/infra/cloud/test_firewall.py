"""The setting `waf`: a firewall before the distribution that blocks attacks and lets uploads through."""

from typing import Any

from tests.infra.cloud.variants import OTHER


def test_without_the_setting_there_is_no_firewall_to_pay_for(cloud: Any) -> None:
    run = cloud()
    assert not run.of_type("aws:wafv2/webAcl:WebAcl")
    assert "webAclId" not in run["address-cloudfront"].inputs


def test_the_firewall_stands_before_the_distribution_where_cloudfront_takes_it_from(cloud: Any) -> None:
    run = cloud(OTHER)
    firewall = run["address-firewall"].inputs
    assert (firewall["scope"], firewall["region"]) == ("CLOUDFRONT", "us-east-1")
    assert run["address-cloudfront"].inputs["webAclId"] == "arn:aws:wafv2:us-east-1:123456789012:django-stack-cloud"
    assert "webAclId" not in run["media-cloudfront"].inputs, "nothing of the visitors' runs there"


def test_an_address_is_limited_first_of_all(cloud: Any) -> None:
    rules = cloud(OTHER)["address-firewall"].inputs["rules"]
    first = min(rules, key=lambda rule: rule["priority"])
    assert first["action"] == {"block": {}}
    rate = first["statement"]["rateBasedStatement"]
    assert rate == {"limit": 500, "aggregateKeyType": "IP", "evaluationWindowSec": 300}
    assert [rule["priority"] for rule in rules] == [0, 1, 2, 3]


def test_uploads_and_what_people_write_are_counted_only(cloud: Any) -> None:
    """A body of more than 8 KB is refused by the common rules as they are: no picture would come through."""
    groups = {
        group["name"]: {rule["name"]: rule["actionToUse"] for rule in group.get("ruleActionOverrides", [])}
        for rule in cloud(OTHER)["address-firewall"].inputs["rules"]
        if (group := rule["statement"].get("managedRuleGroupStatement"))
    }
    assert groups.keys() == {
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesCommonRuleSet",
    }
    counted = groups["AWSManagedRulesCommonRuleSet"]
    assert counted == {"SizeRestrictions_BODY": {"count": {}}, "CrossSiteScripting_BODY": {"count": {}}}
