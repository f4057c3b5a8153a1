"""Web ACLs: aws.wafv2. Each is a whole, changed and deleted with the token (LockToken) it was read with."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.aws import tags
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.calls import Call, words
from django_stack_plugins.resource import Operation
from django_stack_plugins.values import Properties

_WHICH = {"Id": "id", "Name": "name", "Scope": "scope"}


class WebAcl(AWSResource):
    docs, token, service = "wafv2_web_acl", "aws:wafv2/webAcl:WebAcl", "wafv2"
    required = words("defaultAction scope visibilityConfig")
    replacing = words("name region scope")
    in_place = words("defaultAction rules visibilityConfig")
    unordered = words("rules")
    auto_named = True
    creating, identity = Call("CreateWebACL"), "Summary.Id"
    updating: ClassVar[Mapping[str, Call]] = {
        " ".join(sorted(in_place)): Call("UpdateWebACL", {**_WHICH, "LockToken": "lockToken"}, rest="all")
    }
    reading = Call("GetWebACL", _WHICH, gives="merge(WebACL, {LockToken: LockToken})")
    outputs: ClassVar[Mapping[str, str]] = {"arn": "ARN", "lockToken": "LockToken"}
    unread = words("region scope")
    missing = words("WAFNonexistentItemException")
    deleting = Call("DeleteWebACL", {**_WHICH, "LockToken": "lockToken"})
    busy = words("WAFAssociatedItemException WAFOptimisticLockException WAFUnavailableEntityException")
    tagging = tags.FIREWALL

    def change(self, operation: Operation, changed: set[str], scope: Properties, inputs: Properties) -> None:
        super().change(operation, changed, self._with_token(operation, scope), inputs)

    def remove(self, operation: Operation, scope: Properties) -> None:
        super().remove(operation, self._with_token(operation, scope))

    def _with_token(self, operation: Operation, scope: Properties) -> Any:
        found = self.find(operation, scope["id"], scope) or {}
        return {**scope, "lockToken": found.get("LockToken")}
