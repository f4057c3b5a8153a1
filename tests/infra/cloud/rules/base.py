"""What a rule is, the types of resources that rules look at, and the changes by which they are broken.

A rule yields a sentence for each way in which a run of the program breaks it; the sentence says why it matters.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.infra.conftest import Registered, Run

INSTANCE = "aws:rds/instance:Instance"
BUCKET = "aws:s3/bucket:Bucket"
REPOSITORY = "aws:ecr/repository:Repository"
SERVICE = "aws:ecs/service:Service"
DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
TARGETS = "aws:lb/targetGroup:TargetGroup"
SECRET = "aws:secretsmanager/secret:Secret"
ROLE = "aws:iam/role:Role"
RIGHTS = "aws:iam/rolePolicy:RolePolicy"

Rule = Callable[[Run], Iterator[str]]
Edit = Callable[[Registered], None]


@dataclass(frozen=True)
class Break:
    """A resource, what somebody changes in it, and what a rule then says; in a run of a variant of the settings."""

    name: str
    edit: Edit
    message: str
    variant: str = "shipped"


def change(**inputs: Any) -> Edit:
    return lambda resource: resource.inputs.update(inputs)


def change_json(key: str, edit: Callable[[Any], None]) -> Edit:
    def apply(resource: Registered) -> None:
        document = json.loads(resource.inputs[key])
        edit(document)
        resource.inputs[key] = json.dumps(document)

    return apply


def unprotect(resource: Registered) -> None:
    resource.request.protect = False


def delete_when_replaced(resource: Registered) -> None:
    resource.request.retainOnDelete = False


def gone(resource: Registered) -> None:
    """Somebody takes the resource out of the program."""
