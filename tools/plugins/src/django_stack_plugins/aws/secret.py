"""Secrets: aws.secretsmanager."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.aws import tags
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.calls import Call, lookup, words
from django_stack_plugins.resource import Operation
from django_stack_plugins.values import Properties


class Secret(AWSResource):
    docs, token, service = "secretsmanager_secret", "aws:secretsmanager/secret:Secret", "secretsmanager"
    replacing = words("namePrefix")
    in_place = words("description recoveryWindowInDays")
    prefixed = ("namePrefix", "name")
    defaults: ClassVar[Mapping[str, Any]] = {"recoveryWindowInDays": 30}
    creating, identity = Call("CreateSecret"), "ARN"
    updating: ClassVar[Mapping[str, Call]] = {
        "description": Call("UpdateSecret", {"SecretId": "id", "Description": "description"})
    }
    reading = Call("DescribeSecret", {"SecretId": "id"})
    outputs: ClassVar[Mapping[str, str]] = {"arn": "ARN", "name": "Name"}
    unread = words("namePrefix recoveryWindowInDays")
    gone = "DeletedDate"
    missing = words("ResourceNotFoundException")
    deleting = Call("DeleteSecret", {"SecretId": "id", "RecoveryWindowInDays": "recoveryWindowInDays"})
    tagging = tags.SECRETS

    def remove(self, operation: Operation, scope: Properties) -> None:
        if self.find(operation, scope["id"], scope) is None:
            return
        if scope["recoveryWindowInDays"]:
            super().remove(operation, scope)
        else:
            at_once = Call("DeleteSecret", {"SecretId": "id"}, constants={"ForceDeleteWithoutRecovery": True})
            self.call(operation, at_once, scope, {})


class SecretVersion(AWSResource):
    docs, token = "secretsmanager_secret_version", "aws:secretsmanager/secretVersion:SecretVersion"
    service = "secretsmanager"
    required = words("secretId")
    replacing = words("secretId secretString")
    private = words("secretString")
    creating = Call("PutSecretValue")
    reading = Call("GetSecretValue", {"SecretId": "secretId", "VersionId": "versionId"})
    outputs: ClassVar[Mapping[str, str]] = {"arn": "ARN", "versionId": "VersionId", "versionStages": "VersionStages"}
    names: ClassVar[Mapping[str, str]] = {"secretId": "ARN"}
    # InvalidRequestException: of a secret that is being deleted.
    missing = words("ResourceNotFoundException InvalidRequestException")

    def resource_id(self, answer: Any, inputs: Properties) -> str:
        return f"{inputs['secretId']}|{answer['VersionId']}"

    def find(self, operation: Operation, resource_id: str, scope: Properties) -> Any:
        return super().find(operation, resource_id, {**scope, "versionId": resource_id.rpartition("|")[2]})

    def make(self, operation: Operation, inputs: Properties) -> Any:
        takes = {"SecretId": "secretId", "SecretString": "secretString"}
        return self.call(operation, Call(self.creating.operation, takes), inputs, {})

    def delete(self, operation: Operation, resource_id: str, state: Properties) -> None:
        """Take its labels, so that AWS forgets it in time; the last one goes with the secret."""
        document = self.find(operation, resource_id, state) or {}
        for stage in lookup("VersionStages", document) or []:
            if stage != "AWSCURRENT":
                takes = {"SecretId": "secretId", "VersionStage": "stage", "RemoveFromVersionId": "version"}
                scope = {**state, "stage": stage, "version": document["VersionId"]}
                self.call(operation, Call("UpdateSecretVersionStage", takes), scope, {})
