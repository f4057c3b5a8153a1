"""The versions of a stack on AWS: the images in its repository, and the task definitions that had them."""

import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra.cloud import versions as registry
from infra.cloud.aws import AWSError
from infra.cloud.one_off_tasks import OneOffTasks, TaskError, judge
from infra.cloud.push import PushError
from infra.cloud.registry import RegistryError
from infra.cloud.requests import CopyImageRequest
from infra.cloud.steps.logs import Log
from infra.commands.operations.cloud_stack import CloudStack, explained
from infra.commands.operations.versions import CLOCKS, HASH, Update, Version, in_order, updates
from infra.pinned import neighbours

REVISIONS = 40  # of the task definition that are looked at, the newest
LINES = 5  # of a failed program
# What a task definition is registered with, of what ECS describes:
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
REGISTERED = (
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "containerDefinitions",
    "volumes",
    "requiresCompatibilities",
    "cpu",
    "memory",
    "runtimePlatform",
)


class StackVersions:
    """Those of a stack on AWS."""

    made_by = "pushed"

    def __init__(self, name: str, settings: Mapping[str, object]) -> None:
        self._stack = CloudStack(name, settings)
        self._project = self._stack.names.project

    @property
    def repository(self) -> str:
        """The name of the stack's repository in ECR."""
        return f"{self._project}/{self._stack.name}"

    @explained
    def is_up(self) -> bool:
        try:
            answer = self._stack.client("ecs").describe_services(
                cluster=self._stack.prefix, services=[f"{self._stack.prefix}-web"]
            )
        except ClientError as error:
            if error.response["Error"].get("Code") != "ClusterNotFoundException":
                raise
            return False
        return any(one["status"] == "ACTIVE" for one in answer["services"])

    @explained
    def all(self) -> list[Version]:
        pushed = registry.pushed(self._stack.client("ecr"), self.repository)
        tags = {one.digest: one.tag for one in pushed}
        began = [(moment, tags[digest]) for moment, digest in self._registered() if digest in tags]
        when = ran(updates(self._stack.name), began) if began else {}
        runs = _digest(self._stack.container["image"]) if self.is_up() else ""
        # The one that runs may be older than all that are looked at.
        if moments := [moment for moment, tag in began if tag == tags.get(runs)]:
            when.setdefault(tags[runs], max(moments))
        return in_order(
            [
                Version(one.tag, one.digest, one.pushed, one.size, when.get(one.tag), one.digest == runs)
                for one in pushed
            ]
        )

    @explained
    def bring(self, version: str) -> str:
        """Gets a version that another stack or this machine has into the stack's repository; its digest."""
        found = neighbours(Path.cwd(), self._project)
        request = CopyImageRequest(
            region=self._stack.account.region,
            profile=self._stack.account.profile,
            repository=self.repository,
            tag=version,
            others=registry.others(self._project, self._stack.name, found),
        )
        try:
            return registry.bring(request)
        except (PushError, RegistryError) as error:
            raise AWSError(str(error)) from None

    def _registered(self) -> list[tuple[datetime, str]]:
        """When the web's task definitions were registered, and the digest of the image of each."""
        ecs, family = self._stack.client("ecs"), self._stack.prefix
        answer = ecs.list_task_definitions(familyPrefix=family, sort="DESC", maxResults=REVISIONS)
        found = []
        for arn in map(str, answer["taskDefinitionArns"]):
            if arn.rpartition("/")[2].rpartition(":")[0] == family:
                known = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
                found.append((known["registeredAt"], _digest(self._stack.container_of(known)["image"])))
        return found

    @explained
    def ask(self, version: Version, program: str) -> str:
        with self._definition(version) as definition:
            request = self._stack.request(f"versions-{uuid.uuid4().hex[:8]}", definition)
            tasks = OneOffTasks(request)
            try:
                task = tasks.start(["python", "manage.py", "shell", "-c", program])
                while (state := tasks.look(task))["lastStatus"] != "STOPPED":
                    time.sleep(request.pause)
                tasks.running.discard(task)
            except TaskError as error:
                raise RuntimeError(str(error)) from None
            finally:
                tasks.stop_all("The command ended")
            log = Log(self._stack.client("logs"), request, task)
            time.sleep(request.pause)  # the last lines arrive a moment after the end
            lines = list(log.read())
            if how := judge(state, request.container):
                raise RuntimeError("\n".join([f"The task {how}.", *lines[-LINES:]]))
            return "\n".join(lines)

    @contextmanager
    def _definition(self, version: Version) -> Iterator[str]:
        """A task definition (ARN) like the one that the service runs, but of that version; it is gone in the end."""
        ecs, running = self._stack.client("ecs"), self._stack.service["taskDefinition"]
        known: dict[str, Any] = ecs.describe_task_definition(taskDefinition=running)["taskDefinition"]
        wanted = {key: known[key] for key in REGISTERED if known.get(key)}
        image = self._stack.container["image"]
        name = f"{image.partition('@')[0]}@{version.id}"
        wanted["containerDefinitions"] = [
            {**one, "image": name if one["image"] == image else one["image"]} for one in wanted["containerDefinitions"]
        ]
        answer = ecs.register_task_definition(family=f"{self._stack.prefix}-versions", **wanted)
        arn = str(answer["taskDefinition"]["taskDefinitionArn"])
        try:
            yield arn
        finally:
            ecs.deregister_task_definition(taskDefinition=arn)


def _digest(image: str) -> str:
    return image.partition("@")[2]


def ran(done: Collection[Update] | None, began: Collection[tuple[datetime, str]]) -> dict[str, datetime]:
    """When a version last was what an update brought up or left, by its hash.

    `began` says when versions began to be the newest ones, as far as that is known: an update runs the last one before
    its end, or the one that it was told.
    """
    found: dict[str, datetime] = {}
    for update in done or ():
        if not update.succeeded:
            continue
        before = [version for moment, version in sorted(began) if moment <= update.end]
        # The next update may begin within the clocks' difference, so that counts only where nothing was before.
        soon = [version for moment, version in sorted(began) if moment <= update.end + CLOCKS]
        version = update.image if HASH.fullmatch(update.image) else [*soon[:1], *before][-1] if soon else ""
        if version:
            found[version] = update.end
    return found
