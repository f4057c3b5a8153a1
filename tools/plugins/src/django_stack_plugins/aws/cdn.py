"""CloudFront: aws.cloudfront. Each type is a whole configuration, changed with the version (ETag) it was read in."""

import copy
import secrets
from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.aws import tags
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.calls import Call, Wait, words
from django_stack_plugins.aws.shapes import to_api
from django_stack_plugins.resource import Operation
from django_stack_plugins.values import Properties


class _Configured(AWSResource):
    """`kind` is the API's name of the type: `CreateX` takes `XConfig`, `GetX` answers with an `X` and its ETag."""

    kind: ClassVar[str]
    service = "cloudfront"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.creating = Call(f"Create{cls.kind}", {f"{cls.kind}Config": "config"})
        cls.identity = f"{cls.kind}.Id"
        cls.reading = Call(f"Get{cls.kind}", {"Id": "id"})
        cls.deleting = Call(f"Delete{cls.kind}", {"Id": "id", "IfMatch": "etag"})

    def config(self, inputs: Properties) -> dict[str, Any]:
        """The configuration that the inputs say."""
        shape = self.session.input_shape(self.service, f"Create{self.kind}").members[f"{self.kind}Config"]
        wanted = {key: value for key, value in inputs.items() if key in self.inputs - {"tags"} - self.unread}
        config: dict[str, Any] = to_api(shape, wanted, self.names)
        return config

    def make(self, operation: Operation, inputs: Properties) -> Any:
        request = {f"{self.kind}Config": self.config(inputs)}
        return self._ask(operation, self.creating.operation, request)

    def change(self, operation: Operation, changed: set[str], scope: Properties, inputs: Properties) -> None:
        if changed - self.unread:
            self.put(operation, scope["id"], self.config(inputs))

    def put(self, operation: Operation, resource_id: str, config: dict[str, Any]) -> None:
        """Change the configuration; what the program leaves to AWS stays."""
        answer = self._ask(operation, self.reading.operation, {"Id": resource_id})
        whole = {**answer[self.kind][f"{self.kind}Config"], **config}
        request = {"Id": resource_id, "IfMatch": answer["ETag"], f"{self.kind}Config": whole}
        self._ask(operation, f"Update{self.kind}", request)

    def find(self, operation: Operation, resource_id: str, scope: Properties) -> Any:
        answer = super().find(operation, resource_id, scope)
        if not answer:
            return None
        found = answer[self.kind]
        return {**found[f"{self.kind}Config"], **found, "ETag": answer["ETag"]}

    def remove(self, operation: Operation, scope: Properties) -> None:
        etag = self._ask(operation, self.reading.operation, {"Id": scope["id"]})["ETag"]
        super().remove(operation, {**scope, "etag": etag})

    def _ask(self, operation: Operation, name: str, request: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self.call(operation, Call(name, {key: key for key in request}), request, {})
        return answer


class OriginAccessControl(_Configured):
    docs, kind = "cloudfront_origin_access_control", "OriginAccessControl"
    token = "aws:cloudfront/originAccessControl:OriginAccessControl"
    required = words("originAccessControlOriginType signingBehavior signingProtocol")
    replacing = words("name")
    in_place = words("description originAccessControlOriginType signingBehavior signingProtocol")
    auto_named = True
    defaults: ClassVar[Mapping[str, Any]] = {"description": "Managed by Pulumi"}
    outputs: ClassVar[Mapping[str, str]] = {"etag": "ETag"}
    missing = words("NoSuchOriginAccessControl")
    busy = words("OriginAccessControlInUse")


class ResponseHeadersPolicy(_Configured):
    docs, kind = "cloudfront_response_headers_policy", "ResponseHeadersPolicy"
    token = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
    in_place = words("name corsConfig")
    auto_named = True
    outputs: ClassVar[Mapping[str, str]] = {"etag": "ETag"}
    missing = words("NoSuchResponseHeadersPolicy")
    busy = words("ResponseHeadersPolicyInUse")


class VpcOrigin(AWSResource):
    """The provider changes one in place, which AWS refuses as long as a distribution uses it.

    `timeouts` are not read: it waits for an hour, as django-stack says there.
    """

    docs, token, service = "cloudfront_vpc_origin", "aws:cloudfront/vpcOrigin:VpcOrigin", "cloudfront"
    required, unread = words("vpcOriginEndpointConfig"), words("timeouts")
    in_place = required | unread
    creating, identity = Call("CreateVpcOrigin"), "VpcOrigin.Id"
    updating: ClassVar[Mapping[str, Call]] = {
        "vpcOriginEndpointConfig": Call("UpdateVpcOrigin", {"Id": "id", "IfMatch": "etag"}, rest="changed")
    }
    reading = Call("GetVpcOrigin", {"Id": "id"}, gives="merge(VpcOrigin, {ETag: ETag})")
    outputs: ClassVar[Mapping[str, str]] = {"arn": "Arn", "etag": "ETag"}
    missing = words("EntityNotFound")
    deleting, waits_for_end = Call("DeleteVpcOrigin", {"Id": "id", "IfMatch": "etag"}), 3600
    ready = Wait("Status", words("Deployed"), seconds=3600)
    tagging = tags.VPC_ORIGINS

    def remove(self, operation: Operation, scope: Properties) -> None:
        found = self.find(operation, scope["id"], scope)
        if found:
            super().remove(operation, {**scope, "etag": found["ETag"]})


class Distribution(_Configured):
    docs, kind, token = "cloudfront_distribution", "Distribution", "aws:cloudfront/distribution:Distribution"
    required = words("defaultCacheBehavior enabled origins restrictions viewerCertificate")
    in_place = words(
        "aliases comment defaultCacheBehavior enabled httpVersion isIpv6Enabled orderedCacheBehaviors originGroups"
        " origins priceClass restrictions viewerCertificate waitForDeployment webAclId"
    )
    unordered = words("aliases origins defaultCacheBehavior.allowedMethods defaultCacheBehavior.cachedMethods")
    defaults: ClassVar[Mapping[str, Any]] = {
        "comment": "",
        "httpVersion": "http2",
        "isIpv6Enabled": False,
        "orderedCacheBehaviors": [],
        "priceClass": "PriceClass_All",
        "waitForDeployment": True,
        "webAclId": "",
    }
    names: ClassVar[Mapping[str, str]] = {
        "orderedCacheBehaviors": "CacheBehaviors",
        "origins.originId": "Id",
        "originGroups.originId": "Id",
        "origins.customHeaders.name": "HeaderName",
        "origins.customHeaders.value": "HeaderValue",
    }
    unread = words("waitForDeployment")
    outputs: ClassVar[Mapping[str, str]] = {
        "arn": "ARN",
        "domainName": "DomainName",
        "etag": "ETag",
        "hostedZoneId": "'Z2FDTNDATAQYW2'",  # everybody's
        "status": "Status",
    }
    missing = words("NoSuchDistribution")
    busy = words("DistributionNotDisabled")
    ready = Wait("Status", words("Deployed"), seconds=90 * 60)
    tagging = tags.CLOUDFRONT

    def config(self, inputs: Properties) -> dict[str, Any]:
        behaviors = [_nested(behavior) for behavior in inputs["orderedCacheBehaviors"]]
        default = _nested(inputs["defaultCacheBehavior"])
        config = super().config({**inputs, "defaultCacheBehavior": default, "orderedCacheBehaviors": behaviors})
        for origin in config["Origins"]["Items"]:
            if not {"CustomOriginConfig", "VpcOriginConfig"} & origin.keys():
                # One by a control has an empty old-style identity.
                origin.setdefault("S3OriginConfig", {"OriginAccessIdentity": ""})
        return config

    def make(self, operation: Operation, inputs: Properties) -> Any:
        config = {**self.config(inputs), "CallerReference": secrets.token_hex(16)}
        return self._ask(operation, "CreateDistribution", {"DistributionConfig": config})

    def settle(self, operation: Operation, resource_id: str, scope: Properties) -> None:
        if scope.get("waitForDeployment", True):
            super().settle(operation, resource_id, scope)

    def find(self, operation: Operation, resource_id: str, scope: Properties) -> Any:
        found = copy.deepcopy(super().find(operation, resource_id, scope))
        if found:
            for behavior in (found["DefaultCacheBehavior"], *(found.get("CacheBehaviors") or {}).get("Items", [])):
                # Beside the allowed ones, where the provider has them.
                behavior["CachedMethods"] = (behavior.get("AllowedMethods") or {}).get("CachedMethods")
        return found

    def remove(self, operation: Operation, scope: Properties) -> None:
        found = self.find(operation, scope["id"], scope)
        if found and found["Enabled"]:
            self.put(operation, scope["id"], {"Enabled": False})
        if found:
            super().settle(operation, scope["id"], scope)
        super().remove(operation, scope)


def _nested(behavior: dict[str, Any]) -> dict[str, Any]:
    """The API has the cached methods among the allowed ones."""
    methods = {"items": behavior["allowedMethods"], "cachedMethods": behavior["cachedMethods"]}
    return {**{key: value for key, value in behavior.items() if key != "cachedMethods"}, "allowedMethods": methods}
