"""A stand-in for Pulumi's aws plugin, for tests on the real engine: it makes ids and ARNs up, and makes nothing.

It takes every resource type with any inputs: the types are checked against the SDK elsewhere. Services leave the task
definition that they run in a file, where the scripted ECS finds it, and where a roll-back by ECS is found by `refresh`.
"""

import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any

import grpc
from django_stack_plugins.resource import Operation, Resource, Stop, without_notes
from django_stack_plugins.server import Configuration, Engine, Provider, serve
from django_stack_plugins.stubs import provider_pb2, provider_pb2_grpc
from django_stack_plugins.values import UNKNOWN, Change, Properties, encode_properties

from tests.infra.cloud import made_up

VERSION = "7.51.1"
SERVICE, TASK_DEFINITION = "aws:ecs/service:Service", "aws:ecs/taskDefinition:TaskDefinition"
# What AWS can't change, but only make anew.
REPLACED = {
    TASK_DEFINITION: None,
    "aws:secretsmanager/secretVersion:SecretVersion": None,
    "aws:s3/bucket:Bucket": {"bucketPrefix"},
    "aws:rds/instance:Instance": {"identifier", "engine", "username", "dbName"},
}


class Anything(Resource):
    """A resource of some type, with what AWS would compute for it."""

    def __init__(self, token: str) -> None:
        self.token = token  # type: ignore[misc]  # one class for all types
        self.drifting = frozenset({"taskDefinition"} if token == SERVICE else ())  # type: ignore[misc]

    def check(self, urn: str, olds: Properties, news: Properties, seed: bytes) -> tuple[Properties, list[Any]]:
        return without_notes(news), []

    def diff(self, old: Properties, new: Properties) -> list[Change]:
        keys = sorted(old.keys() | new.keys())
        return [
            Change(key, "add" if key not in old else "delete" if key not in new else "update")
            for key in keys
            if old.get(key) != new.get(key)
        ]

    def replaces(self, change: Change) -> bool:
        keys = REPLACED.get(self.token, set())
        return keys is None or change.path in keys

    def preview(self, inputs: Properties, state: Properties | None) -> Properties:
        if state is not None:
            return {**state, **inputs}
        return {**dict.fromkeys(" ".join(made_up.OUTPUTS).split(), UNKNOWN), **inputs}

    def create(self, operation: Operation, inputs: Properties) -> tuple[str, Properties]:
        end = str(secrets.randbelow(10**6))
        outputs = made_up.computed(self.token, operation.name, inputs, end)
        if "repositoryUrl" in outputs:
            outputs["repositoryUrl"] = f"{os.environ['MADE_UP_REGISTRY']}/{inputs['name']}"
        self._runs(inputs)
        return made_up.identity(self.token, operation.name, inputs, end), {**inputs, **outputs}

    def read(self, operation: Operation, resource_id: str, state: Properties, inputs: Properties) -> Properties | None:
        if self.token == SERVICE:
            return {**state, "taskDefinition": json.loads(_services().read_text())[inputs["name"]]}
        return state

    def update(self, operation: Operation, resource_id: str, old: Properties, inputs: Properties) -> Properties:
        self._runs(inputs)
        return {**old, **inputs}

    def _runs(self, inputs: Properties) -> None:
        if self.token == SERVICE:
            _services().write_text(json.dumps({inputs["name"]: inputs["taskDefinition"]}))


def _services() -> Path:
    return Path(os.environ["MADE_UP_SERVICES"])


class AWS(Provider):
    """The provider protocol over any type of resource, with the functions that infra/cloud calls."""

    def _resource(self, urn: str) -> Resource:
        return Anything(urn.split("::")[2].rsplit("$", maxsplit=1)[-1])

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802  # the protocol's name
        return provider_pb2.CheckResponse(inputs=request.news)

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802  # the protocol's name
        answer = made_up.answer(request.tok)
        return provider_pb2.InvokeResponse(**{"return": encode_properties(answer)})


def main() -> None:
    """Runs until the engine is gone."""

    def register(server: grpc.Server, engine_address: str | None) -> Stop:
        provider = AWS(VERSION, [], Engine(engine_address), Configuration())
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
        return provider.stop

    serve(register)


if __name__ == "__main__":
    sys.exit(main())
