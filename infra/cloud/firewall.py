"""The setting `waf`: a web ACL in front of the distribution, with AWS's managed rules and a limit for each address."""

import pulumi
import pulumi_aws as aws
from pulumi_aws.wafv2 import WebAclRuleArgsDict, WebAclVisibilityConfigArgsDict

from infra.cloud.settings import GLOBAL_REGION, CloudSettings
from infra.cloud.tags import tags

WINDOW = 300  # seconds in which `waf-rate-limit` requests may come from one address
# AWS's groups in the order in which they are asked, each with its rules that only count here. Together they use 925 of
# the 1500 capacity units that the price of a web ACL includes.
# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
MANAGED: dict[str, list[str]] = {
    "AWSManagedRulesAmazonIpReputationList": [],
    "AWSManagedRulesKnownBadInputsRuleSet": [],
    # Uploads are larger than 8 KB, and what people write or draw may have `<script` in it.
    "AWSManagedRulesCommonRuleSet": ["SizeRestrictions_BODY", "CrossSiteScripting_BODY"],
}


def make_firewall(name: str, settings: CloudSettings, parent: pulumi.Resource) -> pulumi.Output[str]:
    """The ARN of the web ACL, a child of `parent`; CloudFront takes those of us-east-1 alone."""
    firewall = aws.wafv2.WebAcl(
        f"{name}-firewall",
        region=GLOBAL_REGION,
        name=settings.prefix,
        scope="CLOUDFRONT",
        default_action={"allow": {}},
        rules=[_limit(settings), *(_managed(place, group) for place, group in enumerate(MANAGED, start=1))],
        visibility_config=_measured(settings.prefix),
        tags=tags(settings),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    arn: pulumi.Output[str] = firewall.arn
    return arn


def _limit(settings: CloudSettings) -> WebAclRuleArgsDict:
    """Answers 403 to an address as long as it sends more than the limit."""
    return {
        "name": "rate-limit",
        "priority": 0,
        "action": {"block": {}},
        "statement": {
            "rate_based_statement": {
                "limit": settings.waf_rate_limit,
                "aggregate_key_type": "IP",
                "evaluation_window_sec": WINDOW,
            }
        },
        "visibility_config": _measured("rate-limit"),
    }


def _managed(place: int, group: str) -> WebAclRuleArgsDict:
    return {
        "name": group,
        "priority": place,
        "override_action": {"none": {}},
        "statement": {
            "managed_rule_group_statement": {
                "vendor_name": "AWS",
                "name": group,
                "rule_action_overrides": [{"name": rule, "action_to_use": {"count": {}}} for rule in MANAGED[group]]
                or None,
            }
        },
        "visibility_config": _measured(group),
    }


def _measured(name: str) -> WebAclVisibilityConfigArgsDict:
    """A metric in CloudWatch, and samples of the requests for three hours; both are included in the price."""
    return {"metric_name": name, "cloudwatch_metrics_enabled": True, "sampled_requests_enabled": True}
