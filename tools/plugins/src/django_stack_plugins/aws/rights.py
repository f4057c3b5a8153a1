"""Roles and what they may do: aws.iam."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.aws import tags
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.calls import Call, words
from django_stack_plugins.resource import Operation
from django_stack_plugins.values import Properties


class Role(AWSResource):
    docs, token, service = "iam_role", "aws:iam/role:Role", "iam"
    required = words("assumeRolePolicy")
    replacing = words("name")
    in_place = words("assumeRolePolicy permissionsBoundary")
    auto_named = True
    names: ClassVar[Mapping[str, str]] = {"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"}
    creating, identity = Call("CreateRole"), "Role.RoleName"
    updating: ClassVar[Mapping[str, Call]] = {
        "assumeRolePolicy": Call("UpdateAssumeRolePolicy", {"RoleName": "id", "PolicyDocument": "assumeRolePolicy"}),
        "permissionsBoundary": Call(
            "PutRolePermissionsBoundary", {"RoleName": "id", "PermissionsBoundary": "permissionsBoundary"}
        ),
    }
    reading = Call("GetRole", {"RoleName": "id"}, gives="Role")
    outputs: ClassVar[Mapping[str, str]] = {"arn": "Arn", "uniqueId": "RoleId"}
    reads: ClassVar[Mapping[str, str]] = {"permissionsBoundary": "PermissionsBoundary.PermissionsBoundaryArn"}
    missing = words("NoSuchEntity")
    deleting, busy = Call("DeleteRole", {"RoleName": "id"}), words("DeleteConflict")
    tagging = tags.ROLES

    def change(self, operation: Operation, changed: set[str], scope: Properties, inputs: Properties) -> None:
        """One that has no boundary any more needs another call than one that has another."""
        if "permissionsBoundary" in changed and not inputs.get("permissionsBoundary"):
            self.call(operation, Call("DeleteRolePermissionsBoundary", {"RoleName": "id"}), scope, {})
            changed = changed - {"permissionsBoundary"}
        super().change(operation, changed, scope, inputs)


class RolePolicy(AWSResource):
    docs, token, service = "iam_role_policy", "aws:iam/rolePolicy:RolePolicy", "iam"
    required = words("policy role")
    replacing = words("name role")
    in_place = words("policy")
    auto_named = True
    names: ClassVar[Mapping[str, str]] = {"name": "PolicyName", "role": "RoleName", "policy": "PolicyDocument"}
    creating, puts = Call("PutRolePolicy"), True
    reading = Call("GetRolePolicy", {"RoleName": "role", "PolicyName": "name"})
    missing = words("NoSuchEntity")
    deleting = Call("DeleteRolePolicy", {"RoleName": "role", "PolicyName": "name"})

    def resource_id(self, answer: Any, inputs: Properties) -> str:
        return f"{inputs['role']}:{inputs['name']}"
