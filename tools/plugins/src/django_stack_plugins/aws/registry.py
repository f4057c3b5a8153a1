"""The image registry: aws.ecr."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.aws import tags
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.calls import Call, words


class Repository(AWSResource):
    docs, token, service = "ecr_repository", "aws:ecr/repository:Repository", "ecr"
    replacing = words("name encryptionConfigurations")
    in_place = words("imageTagMutability imageScanningConfiguration forceDelete")
    auto_named = True
    defaults: ClassVar[Mapping[str, Any]] = {"imageTagMutability": "MUTABLE"}
    names: ClassVar[Mapping[str, str]] = {"name": "repositoryName"}
    creating, identity = Call("CreateRepository"), "repository.repositoryName"
    updating: ClassVar[Mapping[str, Call]] = {
        "imageTagMutability": Call(
            "PutImageTagMutability", {"repositoryName": "id", "imageTagMutability": "imageTagMutability"}
        ),
        "imageScanningConfiguration": Call(
            "PutImageScanningConfiguration",
            {"repositoryName": "id", "imageScanningConfiguration": "imageScanningConfiguration"},
        ),
    }
    reading = Call("DescribeRepositories", {"repositoryNames": "id"}, gives="repositories[0]")
    outputs: ClassVar[Mapping[str, str]] = {
        "arn": "repositoryArn",
        "registryId": "registryId",
        "repositoryUrl": "repositoryUri",
    }
    unread = words("forceDelete")
    missing = words("RepositoryNotFoundException")
    deleting = Call("DeleteRepository", {"repositoryName": "id", "force": "forceDelete"})
    tagging = tags.ECR


class LifecyclePolicy(AWSResource):
    docs, token, service = "ecr_lifecycle_policy", "aws:ecr/lifecyclePolicy:LifecyclePolicy", "ecr"
    required = words("repository policy")
    replacing = words("repository")
    in_place = words("policy")
    names: ClassVar[Mapping[str, str]] = {"repository": "repositoryName", "policy": "lifecyclePolicyText"}
    creating, identity, puts = Call("PutLifecyclePolicy"), "repositoryName", True
    reading = Call("GetLifecyclePolicy", {"repositoryName": "id"})
    outputs: ClassVar[Mapping[str, str]] = {"registryId": "registryId"}
    missing = words("LifecyclePolicyNotFoundException RepositoryNotFoundException")
    deleting = Call("DeleteLifecyclePolicy", {"repositoryName": "id"})
