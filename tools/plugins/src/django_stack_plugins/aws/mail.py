"""Mail: aws.sesv2."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.aws import tags
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.calls import Call, words
from django_stack_plugins.resource import Operation
from django_stack_plugins.values import UNKNOWN, Properties

_DKIM = "dkimSigningAttributes"


class EmailIdentity(AWSResource):
    docs, token, service = "sesv2_email_identity", "aws:sesv2/emailIdentity:EmailIdentity", "sesv2"
    required = words("emailIdentity")
    replacing = words("emailIdentity")
    in_place = words(_DKIM)
    creating, id_input = Call("CreateEmailIdentity"), "emailIdentity"
    updating: ClassVar[Mapping[str, Call]] = {
        _DKIM: Call(
            "PutEmailIdentityDkimSigningAttributes",
            {"EmailIdentity": "id", "SigningAttributes": _DKIM},
            constants={"SigningAttributesOrigin": "AWS_SES"},
        )
    }
    reading = Call("GetEmailIdentity", {"EmailIdentity": "id"})
    outputs: ClassVar[Mapping[str, str]] = {"arn": "Arn", "identityType": "IdentityType"}
    missing = words("NotFoundException")
    deleting = Call("DeleteEmailIdentity", {"EmailIdentity": "id"})
    tagging = tags.SES

    def find(self, operation: Operation, resource_id: str, scope: Properties) -> Any:
        document = super().find(operation, resource_id, scope)
        if document is None:
            return None
        # The answer has neither name nor ARN.
        account = self.session.call("sts", "GetCallerIdentity", {})["Account"]
        arn = f"arn:aws:ses:{self.session.region}:{account}:identity/{resource_id}"
        return {**document, "EmailIdentity": resource_id, "Arn": arn}

    def properties(
        self, operation: Operation, resource_id: str, document: Any, state: Properties, inputs: Properties
    ) -> Properties:
        """The tokens are an output beside the inputs, in one property."""
        result = super().properties(operation, resource_id, document, state, {**inputs, _DKIM: None})
        found = document.get("DkimAttributes") or {}
        computed = {"status": found.get("Status"), "tokens": found.get("Tokens") or []}
        # What AWS tells of the key is the one that is in use, and another one comes into use in days.
        return {**result, _DKIM: {**(inputs.get(_DKIM) or {}), **computed}}

    def preview(self, inputs: Properties, state: Properties | None) -> Properties:
        """The tokens are known once it is there; they stay when something else changes."""
        shown = super().preview(inputs, state)
        known = {key: value for key, value in ((state or {}).get(_DKIM) or {}).items() if key in {"status", "tokens"}}
        return {**shown, _DKIM: {**(shown.get(_DKIM) or {}), **known} if state else UNKNOWN}

    def diff(self, old: Properties, new: Properties) -> list[Any]:
        return super().diff(_without_tokens(old), _without_tokens(new))

    def change(self, operation: Operation, changed: set[str], scope: Properties, inputs: Properties) -> None:
        before, after = (_without_tokens(one).get(_DKIM) for one in (scope["before"], inputs))
        super().change(operation, changed - ({_DKIM} if before == after else set()), scope, inputs)


def _without_tokens(properties: Properties) -> Properties:
    own = properties.get(_DKIM)
    if not isinstance(own, dict):
        return properties
    return {**properties, _DKIM: {key: value for key, value in own.items() if key not in {"status", "tokens"}}}
