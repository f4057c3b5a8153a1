"""A stack on AWS as the commands find it: by its names, so no state of Pulumi is read."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any, ParamSpec, TypeVar

from botocore.exceptions import ClientError

from infra.cloud.aws import AWSError, client, explain_errors
from infra.cloud.names import CloudNames
from infra.cloud.requests import OneOffTaskRequest
from infra.commands import stack

PAUSE = 1.0  # seconds between two looks at a task; its output is shown at most twice as late

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Account:
    """The region and the profile of a stack's settings."""

    region: str
    profile: str


def explained(function: Callable[P, R]) -> Callable[P, R]:
    """Ends the command with one line when AWS refuses something or can't be reached."""

    @wraps(function)
    def inner(*arguments: P.args, **named: P.kwargs) -> R:
        try:
            with explain_errors():
                return function(*arguments, **named)
        except AWSError as error:
            sys.exit(str(error))

    return inner


class CloudStack:
    """The stack's service of the web, and what is known by it. What isn't there ends the command with one line."""

    def __init__(self, name: str, settings: Mapping[str, object]) -> None:
        self.name = name
        self.names = CloudNames(stack.project_name(), name)
        region = str(settings.get("aws:region") or "")
        if not region:
            sys.exit(f"Pulumi.{name}.yaml has no aws:region. Fix: pulumi config set -s {name} aws:region us-east-1")
        self.account = Account(region, str(settings.get("aws:profile") or ""))

    @property
    def prefix(self) -> str:
        """What the names of the stack's resources begin with; the cluster has it alone."""
        return self.names.prefix

    def client(self, service: str, region: str = "") -> Any:
        """A client of one of AWS's services, in another region than the stack's if one is given."""
        return client(service, Account(region or self.account.region, self.account.profile))

    @cached_property
    def service(self) -> dict[str, Any]:
        name = f"{self.prefix}-web"
        try:
            found = self.client("ecs").describe_services(cluster=self.prefix, services=[name])
        except ClientError as error:
            if error.response["Error"].get("Code") != "ClusterNotFoundException":
                raise
            found = {"services": []}
        active = [one for one in found["services"] if one["status"] == "ACTIVE"]
        if not active:
            sys.exit(
                f"There is no service {name} in {self.account.region}. Fix: pulumi up -s {self.name}, if the stack "
                "isn't up; or the credentials of its account"
            )
        return dict(active[0])

    @cached_property
    def container(self) -> dict[str, Any]:
        """The definition of the web's container."""
        definition = self.client("ecs").describe_task_definition(taskDefinition=self.service["taskDefinition"])
        return self.container_of(definition["taskDefinition"])

    def container_of(self, definition: Mapping[str, Any]) -> dict[str, Any]:
        """The app's container in a task definition of the stack."""
        name = self.service["loadBalancers"][0]["containerName"]
        return dict(next(one for one in definition["containerDefinitions"] if one["name"] == name))

    @cached_property
    def log_group(self) -> str:
        return str(self.container["logConfiguration"]["options"]["awslogs-group"])

    @cached_property
    def secrets(self) -> dict[str, str]:
        """The secret variables by name, as the running version has them; without those that AWS refuses, which is said.

        After an update that failed, these are older than the newest.
        """
        found: dict[str, str] = {}
        for secret, version in self._references:
            found |= self._values(secret, version)
        return found

    @cached_property
    def newest_secrets(self) -> dict[str, str]:
        """The secret variables as Secrets Manager has them now."""
        found: dict[str, str] = {}
        for secret in sorted({secret for secret, _ in self._references} if self.secrets else ()):
            found |= self._values(secret)
        return found

    @property
    def _references(self) -> list[tuple[str, str]]:
        """The secrets (ARNs) that the container names, and the version of each, empty for the newest."""
        # ARN:KEY:STAGE:VERSION, and an ARN has seven parts.
        parts = [str(one["valueFrom"]).split(":") for one in self.container.get("secrets", [])]
        return sorted({(":".join(one[:7]), "".join(one[9:])) for one in parts})

    def _values(self, secret: str, version: str = "") -> dict[str, str]:
        client = self.client("secretsmanager")
        try:
            answer = client.get_secret_value(SecretId=secret, **({"VersionId": version} if version else {}))
        except ClientError as error:
            # Secrets Manager may delete a version that has no label any more.
            if version and error.response["Error"].get("Code") == "ResourceNotFoundException":
                return self._values(secret)
            print(f"The app's secrets can't be read, nor redacted: {error}", file=sys.stderr)
            return {}
        return {name: str(value) for name, value in json.loads(answer["SecretString"]).items()}

    @cached_property
    def environment(self) -> dict[str, str]:
        """The app's variables by name, secret ones as well."""
        return {one["name"]: one["value"] for one in self.container.get("environment", [])} | self.secrets

    def variable(self, name: str) -> str:
        """One of the app's variables. Raises RuntimeError when it isn't known."""
        if name not in self.environment:
            raise RuntimeError(f"the variable {name} of the tasks is not known")
        return self.environment[name]

    def request(self, started_by: str, task_definition: str = "") -> OneOffTaskRequest:
        """One-off tasks of the version that the service runs, or of a task definition (an ARN), where its tasks run."""
        network = self.service["networkConfiguration"]["awsvpcConfiguration"]
        return OneOffTaskRequest(
            region=self.account.region,
            profile=self.account.profile,
            cluster=self.prefix,
            task_definition=task_definition or self.service["taskDefinition"],
            container=self.container["name"],
            subnets=network["subnets"],
            security_groups=network["securityGroups"],
            public_address=network.get("assignPublicIp") == "ENABLED",
            platform_version=self.service.get("platformVersion", "LATEST"),
            started_by=started_by,
            log_group=self.log_group,
            stream_prefix=self.container["logConfiguration"]["options"]["awslogs-stream-prefix"],
            pause=PAUSE,
        )
