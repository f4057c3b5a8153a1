"""Samples of what is at CloudFront's edge: a firewall, access to buckets, headers; and parts of a distribution."""

from collections.abc import Callable
from typing import Any

from aws_monitoring_samples import TAGS

from django_stack_plugins.values import Properties


def group(*statuses: int) -> dict[str, Any]:
    members = [{"originId": "bucket"}, {"originId": "site"}]
    return {"originId": "both", "failoverCriteria": {"statusCodes": [*statuses]}, "members": members}


def cors(origin: str) -> dict[str, Any]:
    return {
        "accessControlAllowCredentials": False,
        "accessControlAllowHeaders": {"items": ["*"]},
        "accessControlAllowMethods": {"items": ["GET", "HEAD"]},
        "accessControlAllowOrigins": {"items": [origin]},
        "accessControlExposeHeaders": {"items": ["ETag"]},
        "accessControlMaxAgeSec": 600,
        "originOverride": True,
    }


def measured(name: str) -> dict[str, Any]:
    return {"metricName": name, "cloudwatchMetricsEnabled": True, "sampledRequestsEnabled": True}


def limit(requests: int) -> dict[str, Any]:
    rate = {"limit": requests, "aggregateKeyType": "IP", "evaluationWindowSec": 300}
    return {
        "name": "rate-limit",
        "priority": 0,
        "action": {"block": {}},
        "statement": {"rateBasedStatement": rate},
        "visibilityConfig": measured("rate-limit"),
    }


MANAGED = {
    "name": "common",
    "priority": 1,
    "overrideAction": {"none": {}},
    "statement": {
        "managedRuleGroupStatement": {
            "vendorName": "AWS",
            "name": "AWSManagedRulesCommonRuleSet",
            "ruleActionOverrides": [{"name": "SizeRestrictions_BODY", "actionToUse": {"count": {}}}],
        }
    },
    "visibilityConfig": measured("common"),
}


EDGE: dict[str, Callable[[Any], Properties]] = {
    "WebAcl": lambda _: {
        "name": "app",
        "region": "us-east-1",
        "scope": "CLOUDFRONT",
        "defaultAction": {"allow": {}},
        "rules": [limit(2000), MANAGED],
        "visibilityConfig": measured("app"),
        "tags": TAGS,
    },
    "OriginAccessControl": lambda _: {
        "name": "app-media",
        "originAccessControlOriginType": "s3",
        "signingBehavior": "always",
        "signingProtocol": "sigv4",
    },
    "KeyValueStore": lambda _: {"name": "app-state", "comment": "a"},
    "Function": lambda account: {
        "name": "app-maintenance",
        "comment": "a",
        "runtime": "cloudfront-js-2.0",
        "code": "function handler(event) { return event.request; }",
        "keyValueStoreAssociations": [account.sample("KeyValueStore").outputs["arn"]],
        "publish": True,
    },
    "ResponseHeadersPolicy": lambda _: {"name": "app-media", "corsConfig": cors("https://www.example.com")},
}
