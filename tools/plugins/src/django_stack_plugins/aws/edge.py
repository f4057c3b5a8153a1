"""CloudFront's functions and what they read: aws.cloudfront.Function and aws.cloudfront.KeyValueStore."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.calls import Call, Wait, words
from django_stack_plugins.resource import Operation
from django_stack_plugins.values import Properties


class KeyValueStore(AWSResource):
    """Its keys are another service's, and no part of it."""

    docs, token = "cloudfront_key_value_store", "aws:cloudfront/keyValueStore:KeyValueStore"
    service = "cloudfront"
    replacing = words("name")
    in_place = words("comment")
    auto_named = True
    creating, id_input = Call("CreateKeyValueStore"), "name"
    reading = Call("DescribeKeyValueStore", {"Name": "id"}, gives="merge(KeyValueStore, {ETag: ETag})")
    updating: ClassVar[Mapping[str, Call]] = {
        "comment": Call("UpdateKeyValueStore", {"Name": "id", "Comment": "comment", "IfMatch": "etag"})
    }
    outputs: ClassVar[Mapping[str, str]] = {"arn": "ARN", "etag": "ETag"}
    missing = words("EntityNotFound")
    busy = words("CannotDeleteEntityWhileInUse")
    deleting = Call("DeleteKeyValueStore", {"Name": "id", "IfMatch": "etag"})
    ready = Wait("Status", words("READY"), seconds=300)

    def remove(self, operation: Operation, scope: Properties) -> None:
        found = self.find(operation, scope["id"], scope)
        if found:
            super().remove(operation, {**scope, "etag": found["ETag"]})


class Function(AWSResource):
    """One is changed in a stage of its own, and serves after it was published."""

    docs, token, service = "cloudfront_function", "aws:cloudfront/function:Function", "cloudfront"
    required = words("code runtime")
    replacing = words("name")
    in_place = words("code comment keyValueStoreAssociations publish runtime")
    auto_named = True
    defaults: ClassVar[Mapping[str, Any]] = {"publish": True}
    creating, id_input = Call("CreateFunction"), "name"
    reading = Call(
        "DescribeFunction",
        {"Name": "id"},
        constants={"Stage": "DEVELOPMENT"},
        gives="merge(FunctionSummary.FunctionConfig, {ETag: ETag, ARN: FunctionSummary.FunctionMetadata.FunctionARN})",
    )
    more = (Call("GetFunction", {"Name": "id"}, constants={"Stage": "DEVELOPMENT"}, gives="{Code: FunctionCode}"),)
    outputs: ClassVar[Mapping[str, str]] = {"arn": "ARN", "etag": "ETag"}
    unread = words("publish")
    missing = words("NoSuchFunctionExists")
    busy = words("FunctionInUse")
    deleting = Call("DeleteFunction", {"Name": "id", "IfMatch": "etag"})

    def make(self, operation: Operation, inputs: Properties) -> Any:
        answer = self._ask(operation, "CreateFunction", self._request(inputs))
        self._publish(operation, inputs, answer["ETag"])
        return answer

    def change(self, operation: Operation, changed: set[str], scope: Properties, inputs: Properties) -> None:
        etag = self.find(operation, scope["id"], scope)["ETag"]
        if changed - self.unread:
            request = {**self._request({**inputs, "name": scope["id"]}), "IfMatch": etag}
            etag = self._ask(operation, "UpdateFunction", request)["ETag"]
        self._publish(operation, {**inputs, "name": scope["id"]}, etag)

    def find(self, operation: Operation, resource_id: str, scope: Properties) -> Any:
        found = super().find(operation, resource_id, scope)
        if found is None:
            return None
        stores = [one["KeyValueStoreARN"] for one in found.get("KeyValueStoreAssociations", {}).get("Items", [])]
        code = found["Code"].read() if hasattr(found["Code"], "read") else found["Code"]
        return {**found, "Code": code.decode(), "KeyValueStoreAssociations": stores}

    def remove(self, operation: Operation, scope: Properties) -> None:
        found = self.find(operation, scope["id"], scope)
        if found:
            super().remove(operation, {**scope, "etag": found["ETag"]})

    def _publish(self, operation: Operation, inputs: Properties, etag: str) -> None:
        if inputs.get("publish", True):
            self._ask(operation, "PublishFunction", {"Name": inputs["name"], "IfMatch": etag})

    def _request(self, inputs: Properties) -> dict[str, Any]:
        config = {"Comment": inputs.get("comment") or "", "Runtime": inputs["runtime"]}
        if stores := inputs.get("keyValueStoreAssociations"):
            items = [{"KeyValueStoreARN": store} for store in stores]
            config["KeyValueStoreAssociations"] = {"Quantity": len(items), "Items": items}
        return {"Name": inputs["name"], "FunctionConfig": config, "FunctionCode": inputs["code"].encode()}

    def _ask(self, operation: Operation, name: str, request: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self.call(operation, Call(name, {key: key for key in request}), request, {})
        return answer
