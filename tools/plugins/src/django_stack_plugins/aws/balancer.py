"""The load balancer: aws.lb."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.aws import tags
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.calls import Call, Wait, lookup, words
from django_stack_plugins.resource import Operation
from django_stack_plugins.values import Properties


class _Attributes(AWSResource):
    """A type some of whose inputs are attributes: names and texts that a call of its own sets."""

    service = "elbv2"
    attributes: ClassVar[Mapping[str, str]]
    tagging = tags.LOAD_BALANCING

    def change(self, operation: Operation, changed: set[str], scope: Properties, inputs: Properties) -> None:
        super().change(operation, changed, _with_attributes(self.attributes, scope), inputs)

    def call(self, operation: Operation, call: Call, scope: Properties, rest: Properties) -> Any:
        return super().call(operation, call, _with_attributes(self.attributes, scope), rest)


def _with_attributes(attributes: Mapping[str, str], scope: Properties) -> Properties:
    values = {name: lookup(key, scope) for key, name in attributes.items()}
    pairs = [{"Key": name, "Value": value} for name, value in values.items() if value is not None]
    return {**scope, "attributes": pairs}


def _reads(attributes: Mapping[str, str]) -> dict[str, str]:
    return {key: f"Attributes[?Key=='{name}'].Value | [0]" for key, name in attributes.items()}


_LOGS = {
    "accessLogs.bucket": "access_logs.s3.bucket",
    "accessLogs.enabled": "access_logs.s3.enabled",
    "accessLogs.prefix": "access_logs.s3.prefix",
}
_BALANCER = {
    "dropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
    "enableDeletionProtection": "deletion_protection.enabled",
    "enableHttp2": "routing.http2.enabled",
    "idleTimeout": "idle_timeout.timeout_seconds",
}


class LoadBalancer(_Attributes):
    docs, token = "lb", "aws:lb/loadBalancer:LoadBalancer"
    replacing = words("name internal loadBalancerType")
    in_place = words("accessLogs securityGroups subnets") | frozenset(_BALANCER)
    unordered = words("securityGroups subnets")
    auto_named = True
    defaults: ClassVar[Mapping[str, Any]] = {
        "dropInvalidHeaderFields": False,
        "enableDeletionProtection": False,
        "enableHttp2": True,
        "idleTimeout": 60,
        "loadBalancerType": "application",
    }
    attributes: ClassVar[Mapping[str, str]] = _BALANCER | _LOGS
    names: ClassVar[Mapping[str, str]] = {"loadBalancerType": "Type"}
    creating, identity = Call("CreateLoadBalancer", {"Scheme": "scheme"}), "LoadBalancers[0].LoadBalancerArn"
    after = frozenset(_BALANCER) | {"accessLogs"}
    updating: ClassVar[Mapping[str, Call]] = {
        " ".join(after): Call("ModifyLoadBalancerAttributes", {"LoadBalancerArn": "id", "Attributes": "attributes"}),
        "securityGroups": Call("SetSecurityGroups", {"LoadBalancerArn": "id", "SecurityGroups": "securityGroups"}),
        "subnets": Call("SetSubnets", {"LoadBalancerArn": "id", "Subnets": "subnets"}),
    }
    reading = Call("DescribeLoadBalancers", {"LoadBalancerArns": "id"}, gives="LoadBalancers[0]")
    more = (Call("DescribeLoadBalancerAttributes", {"LoadBalancerArn": "id"}, gives="{Attributes: Attributes}"),)
    reads: ClassVar[Mapping[str, str]] = {
        **_reads(_BALANCER),
        "accessLogs": f"{{{', '.join(f'{key[11:]}: {path}' for key, path in _reads(_LOGS).items())}}}",
        "internal": "Scheme == 'internal'",
        "name": "LoadBalancerName",
        "subnets": "AvailabilityZones[].SubnetId",
    }
    outputs: ClassVar[Mapping[str, str]] = {
        "arn": "LoadBalancerArn",
        "arnSuffix": "Suffix",
        "dnsName": "DNSName",
        "vpcId": "VpcId",
        "zoneId": "CanonicalHostedZoneId",
    }
    missing = words("LoadBalancerNotFound LoadBalancerNotFoundException")
    deleting, waits_for_end = Call("DeleteLoadBalancer", {"LoadBalancerArn": "id"}), 600
    ready = Wait("State.Code", words("active active_impaired"), words("failed"), "State.Reason")

    def make(self, operation: Operation, inputs: Properties) -> Any:
        return super().make(
            operation, {**inputs, "scheme": "internal" if inputs.get("internal") else "internet-facing"}
        )

    def change(self, operation: Operation, changed: set[str], scope: Properties, inputs: Properties) -> None:
        if "accessLogs" in changed and not inputs.get("accessLogs"):
            scope = {**scope, "accessLogs": {"enabled": False}}
        super().change(operation, changed, scope, inputs)

    def find(self, operation: Operation, resource_id: str, scope: Properties) -> Any:
        found = super().find(operation, resource_id, scope)
        return found and {**found, "Suffix": resource_id.partition(":loadbalancer/")[2]}


_TARGETS = {
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "slowStart": "slow_start.duration_seconds",
}
_CHECK = {
    "healthCheck.enabled": "HealthCheckEnabled",
    "healthCheck.healthyThreshold": "HealthyThresholdCount",
    "healthCheck.interval": "HealthCheckIntervalSeconds",
    "healthCheck.matcher": "Matcher.HttpCode",
    "healthCheck.path": "HealthCheckPath",
    "healthCheck.port": "HealthCheckPort",
    "healthCheck.protocol": "HealthCheckProtocol",
    "healthCheck.timeout": "HealthCheckTimeoutSeconds",
    "healthCheck.unhealthyThreshold": "UnhealthyThresholdCount",
}


class TargetGroup(_Attributes):
    docs, token = "lb_target_group", "aws:lb/targetGroup:TargetGroup"
    replacing = words("name port protocol targetType vpcId")
    in_place = words("healthCheck") | frozenset(_TARGETS)
    auto_named = True
    defaults: ClassVar[Mapping[str, Any]] = {"deregistrationDelay": 300, "slowStart": 0, "targetType": "instance"}
    attributes = _TARGETS
    creating = Call("CreateTargetGroup", {target: source for source, target in _CHECK.items()})
    identity = "TargetGroups[0].TargetGroupArn"
    after = frozenset(_TARGETS)
    updating: ClassVar[Mapping[str, Call]] = {
        "healthCheck": Call(
            "ModifyTargetGroup", {"TargetGroupArn": "id"} | {target: source for source, target in _CHECK.items()}
        ),
        " ".join(_TARGETS): Call("ModifyTargetGroupAttributes", {"TargetGroupArn": "id", "Attributes": "attributes"}),
    }
    reading = Call("DescribeTargetGroups", {"TargetGroupArns": "id"}, gives="TargetGroups[0]")
    more = (Call("DescribeTargetGroupAttributes", {"TargetGroupArn": "id"}, gives="{Attributes: Attributes}"),)
    reads: ClassVar[Mapping[str, str]] = {
        **_reads(_TARGETS),
        "name": "TargetGroupName",
        "healthCheck": "{" + ", ".join(f"{key.partition('.')[2]}: {path}" for key, path in _CHECK.items()) + "}",
    }
    outputs: ClassVar[Mapping[str, str]] = {
        "arn": "TargetGroupArn",
        "arnSuffix": "Suffix",
        "loadBalancerArns": "LoadBalancerArns",
    }
    missing = words("TargetGroupNotFound TargetGroupNotFoundException")
    deleting, busy = Call("DeleteTargetGroup", {"TargetGroupArn": "id"}), words("ResourceInUse")

    def complete(self, inputs: Properties) -> Properties:
        result = super().complete(inputs)
        if isinstance(check := result.get("healthCheck"), dict):
            defaults = {"enabled": True, "healthyThreshold": 3, "interval": 30, "port": "traffic-port"}
            result["healthCheck"] = {**defaults, "protocol": "HTTP", "unhealthyThreshold": 3, **check}
        return result

    def find(self, operation: Operation, resource_id: str, scope: Properties) -> Any:
        found = super().find(operation, resource_id, scope)
        return found and {**found, "Suffix": resource_id.rpartition(":")[2]}


# What the API has below `RedirectConfig` and the like; the redirect's defaults keep what the visitor asked for.
_ACTIONS = {
    "redirect": "RedirectConfig",
    "redirect.statusCode": "StatusCode",
    "fixedResponse": "FixedResponseConfig",
    "forward": "ForwardConfig",
}
_REDIRECT = {"host": "#{host}", "path": "/#{path}", "port": "#{port}", "protocol": "#{protocol}", "query": "#{query}"}


def _complete_actions(actions: Any) -> Any:
    if not isinstance(actions, list):
        return actions
    return [
        {**action, "redirect": {**_REDIRECT, **action["redirect"]}} if action.get("redirect") else action
        for action in actions
    ]


class Listener(AWSResource):
    docs, token, service = "lb_listener", "aws:lb/listener:Listener", "elbv2"
    required = words("defaultActions loadBalancerArn")
    replacing = words("loadBalancerArn")
    in_place = words("defaultActions port protocol")
    names: ClassVar[Mapping[str, str]] = {f"defaultActions.{key}": name for key, name in _ACTIONS.items()}
    creating, identity = Call("CreateListener"), "Listeners[0].ListenerArn"
    updating: ClassVar[Mapping[str, Call]] = {
        " ".join(sorted(in_place)): Call("ModifyListener", {"ListenerArn": "id"}, rest="all")
    }
    reading = Call("DescribeListeners", {"ListenerArns": "id"}, gives="Listeners[0]")
    outputs: ClassVar[Mapping[str, str]] = {"arn": "ListenerArn"}
    missing = words("ListenerNotFound ListenerNotFoundException")
    deleting = Call("DeleteListener", {"ListenerArn": "id"})
    tagging = tags.LOAD_BALANCING

    def complete(self, inputs: Properties) -> Properties:
        result = super().complete(inputs)
        return {**result, "defaultActions": _complete_actions(result.get("defaultActions"))}
