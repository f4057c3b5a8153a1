"""Security groups and their rules: aws.ec2 and aws.vpc."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.aws import tags
from django_stack_plugins.aws.calls import Call, words
from django_stack_plugins.aws.network import EC2Resource
from django_stack_plugins.aws.session import CallError
from django_stack_plugins.resource import Operation, PluginError
from django_stack_plugins.values import Properties


class SecurityGroup(EC2Resource):
    docs, token, kind = "security_group", "aws:ec2/securityGroup:SecurityGroup", "security-group"
    replacing = words("name description vpcId")
    auto_named = True
    defaults: ClassVar[Mapping[str, Any]] = {"description": "Managed by Pulumi"}
    names: ClassVar[Mapping[str, str]] = {"name": "GroupName"}
    creating, identity = Call("CreateSecurityGroup"), "GroupId"
    reading = Call("DescribeSecurityGroups", {"GroupIds": "id"}, gives="SecurityGroups[0]")
    outputs: ClassVar[Mapping[str, str]] = {"ownerId": "OwnerId"}
    missing = words("InvalidGroup.NotFound InvalidGroupId.Malformed")
    deleting, busy = Call("DeleteSecurityGroup", {"GroupId": "id"}), words("DependencyViolation")
    tagging = tags.EC2

    def make(self, operation: Operation, inputs: Properties) -> Any:
        answer = super().make(operation, inputs)
        # The provider takes away the rule that AWS gives a new group: that all may go out.
        everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        call = Call("RevokeSecurityGroupEgress", {"GroupId": "GroupId"}, constants={"IpPermissions": [everything]})
        try:
            self.call(operation, call, answer, {})
        except CallError as error:
            if error.code != "InvalidPermission.NotFound":
                raise
        return answer


class DefaultSecurityGroup(EC2Resource):
    """The group that AWS makes with each network: found and emptied, and left when a program drops it."""

    docs, token = "default_security_group", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
    replacing = words("vpcId")
    in_place = words("ingress egress")
    names: ClassVar[Mapping[str, str]] = {"ingress": "IpPermissions", "egress": "IpPermissionsEgress"}
    creating = Call(
        "DescribeSecurityGroups",
        {"Filters": "[{Name: 'group-name', Values: ['default']}, {Name: 'vpc-id', Values: [vpcId]}]"},
        gives="SecurityGroups[0]",
    )
    identity = "GroupId"
    reading = Call("DescribeSecurityGroups", {"GroupIds": "id"}, gives="SecurityGroups[0]")
    outputs: ClassVar[Mapping[str, str]] = {"ownerId": "OwnerId"}
    missing = words("InvalidGroup.NotFound InvalidGroupId.Malformed")

    def make(self, operation: Operation, inputs: Properties) -> Any:
        found = self.call(operation, self.creating, inputs, {})
        self._empty(operation, found, inputs)
        return found

    def change(self, operation: Operation, changed: set[str], scope: Properties, inputs: Properties) -> None:
        self._empty(operation, self.find(operation, scope["id"], scope), inputs)

    def _empty(self, operation: Operation, found: Any, inputs: Properties) -> None:
        if inputs.get("ingress") or inputs.get("egress"):
            raise PluginError(f"{operation.name}: django-stack's plugin supports a default group without rules only")
        for direction, rules in (("Ingress", "IpPermissions"), ("Egress", "IpPermissionsEgress")):
            if found[rules]:
                takes = {"GroupId": "GroupId", "IpPermissions": rules}
                self.call(operation, Call(f"RevokeSecurityGroup{direction}", takes), found, {})


class _Rule(EC2Resource):
    """One rule of a security group, by the address, the group or the prefix list that it admits."""

    kind = "security-group-rule"
    required = words("securityGroupId ipProtocol")
    replacing = words("securityGroupId")
    in_place = words("ipProtocol fromPort toPort referencedSecurityGroupId")
    names: ClassVar[Mapping[str, str]] = {"securityGroupId": "GroupId"}
    identity = "SecurityGroupRules[0].SecurityGroupRuleId"
    reading = Call("DescribeSecurityGroupRules", {"SecurityGroupRuleIds": "id"}, gives="SecurityGroupRules[0]")
    reads: ClassVar[Mapping[str, str]] = {"referencedSecurityGroupId": "ReferencedGroupInfo.GroupId"}
    outputs: ClassVar[Mapping[str, str]] = {"securityGroupRuleId": "SecurityGroupRuleId"}
    missing = words("InvalidSecurityGroupRuleId.NotFound InvalidGroup.NotFound")
    tagging = tags.EC2
    updating: ClassVar[Mapping[str, Call]] = {
        "ipProtocol fromPort toPort cidrIpv4 prefixListId referencedSecurityGroupId": Call(
            "ModifySecurityGroupRules", {"GroupId": "securityGroupId", "SecurityGroupRules": "rules"}
        )
    }

    def make(self, operation: Operation, inputs: Properties) -> Any:
        group = inputs.get("referencedSecurityGroupId")
        everything = inputs["ipProtocol"] == "-1"
        permission = {
            "IpProtocol": inputs["ipProtocol"],
            "FromPort": None if everything else inputs.get("fromPort"),
            "ToPort": None if everything else inputs.get("toPort"),
            "IpRanges": [{"CidrIp": inputs["cidrIpv4"]}] if inputs.get("cidrIpv4") else None,
            "PrefixListIds": [{"PrefixListId": inputs["prefixListId"]}] if inputs.get("prefixListId") else None,
            "UserIdGroupPairs": [{"GroupId": group}] if group else None,
        }
        takes = {"GroupId": "securityGroupId", "IpPermissions": "permissions"}
        if inputs.get("tags"):
            takes["TagSpecifications"] = "tags"
        scope = {**inputs, "permissions": [permission], "tags": self.tag_argument(inputs.get("tags") or {})}
        return self.call(operation, Call(self.creating.operation, takes), scope, {})

    def change(self, operation: Operation, changed: set[str], scope: Properties, inputs: Properties) -> None:
        everything = inputs["ipProtocol"] == "-1"
        rule = {
            "IpProtocol": inputs["ipProtocol"],
            "FromPort": -1 if everything else inputs.get("fromPort"),
            "ToPort": -1 if everything else inputs.get("toPort"),
            "CidrIpv4": inputs.get("cidrIpv4"),
            "PrefixListId": inputs.get("prefixListId"),
            "ReferencedGroupId": inputs.get("referencedSecurityGroupId"),
        }
        rules = [{"SecurityGroupRuleId": scope["id"], "SecurityGroupRule": rule}]
        super().change(operation, changed, {**scope, "rules": rules}, inputs)


class IngressRule(_Rule):
    docs = "vpc_security_group_ingress_rule"
    token = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    in_place = _Rule.in_place | words("prefixListId")
    creating = Call("AuthorizeSecurityGroupIngress")
    deleting = Call("RevokeSecurityGroupIngress", {"GroupId": "securityGroupId", "SecurityGroupRuleIds": "id"})


class EgressRule(_Rule):
    docs = "vpc_security_group_egress_rule"
    token = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
    in_place = _Rule.in_place | words("cidrIpv4")
    creating = Call("AuthorizeSecurityGroupEgress")
    deleting = Call("RevokeSecurityGroupEgress", {"GroupId": "securityGroupId", "SecurityGroupRuleIds": "id"})
