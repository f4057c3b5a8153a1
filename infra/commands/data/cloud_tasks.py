"""One-off tasks of a stack on AWS in which PostgreSQL's programs run: its database is reached from tasks only.

A first container is of PostgreSQL's image, of the database's major version, and puts its programs into a volume that
the task's containers share; the app's own container runs them, with the app's address of the database, by `in_task`.
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.cloud.one_off_tasks import OneOffTasks, TaskError, judge
from infra.cloud.steps.logs import Log
from infra.commands.data import in_task
from infra.commands.data.ends import DataError
from infra.commands.operations.cloud_stack import CloudStack
from infra.commands.operations.cloud_versions import REGISTERED
from infra.commands.together import pause

# AWS's mirror of Docker's official images, which asks nobody for a login: https://gallery.ecr.aws/docker/library/postgres
IMAGE = "public.ecr.aws/docker/library/postgres:{version}-trixie"
STARTED_BY = "data"  # all tasks of copies have it: the next copy ends those of a killed one
FAMILY = "data"  # the end of the task definition's family
COLLECT = r"""
set -eu
mkdir -p /tmp/postgres/lib
for program in psql pg_dump pg_restore; do
    found=$(ls /usr/lib/postgresql/*/bin/$program 2>/dev/null || command -v $program)
    cp -L "$found" /tmp/postgres/
    ldd "$found" | awk '/=> \//{print $3}' | while read -r library; do cp -L "$library" /tmp/postgres/lib/; done
    ldd "$found" | awk '$1 ~ /^\/.*ld-/{print $1}' | while read -r loader; do cp -L "$loader" /tmp/postgres/loader; done
done
"""


class CloudTasks:
    """The tasks of one stack for copies."""

    def __init__(self, stack: CloudStack, version: int) -> None:
        self._stack, self._version = stack, version

    @cached_property
    def _known(self) -> dict[str, Any]:
        ecs = self._stack.client("ecs")
        found: dict[str, Any] = ecs.describe_task_definition(taskDefinition=self._stack.service["taskDefinition"])
        return dict(found["taskDefinition"])

    @property
    def role(self) -> str:
        """The ARN of the role that the app's tasks have, and these."""
        return str(self._known["taskRoleArn"])

    @property
    def _family(self) -> str:
        return f"{self._stack.prefix}-{FAMILY}"

    def stop(self) -> None:
        """Ends the tasks that a killed copy left, and removes the task definition that it made for them."""
        OneOffTasks(self._stack.request(STARTED_BY)).stop_all("Another copy begins")
        ecs = self._stack.client("ecs")
        for arn in ecs.list_task_definitions(familyPrefix=self._family, status="ACTIVE")["taskDefinitionArns"]:
            if str(arn).rpartition("/")[2].rpartition(":")[0] == self._family:
                ecs.deregister_task_definition(taskDefinition=arn)

    def do(self, action: str, **work: Any) -> Any:
        """What `in_task` finds in a task of its own. Raises DataError with the reason when that fails."""
        with self._definition() as definition:
            request = self._stack.request(STARTED_BY, definition)
            tasks = OneOffTasks(request)
            try:
                variables = {"WORK": json.dumps({"action": action, **work}), "WORK_REGION": self._stack.account.region}
                task = tasks.start([], variables)
                while (state := tasks.look(task))["lastStatus"] != "STOPPED":
                    pause(request.pause)
                tasks.running.discard(task)
            except TaskError as error:
                raise DataError(f"The task of {self._stack.name} can't be run: {error}") from None
            except BaseException:
                tasks.stop_all("The copy was ended", wait=False)  # also one whose start was not confirmed yet
                raise
            log = Log(self._stack.client("logs"), request, task)
            time.sleep(request.pause)  # the last lines arrive a moment after the end
            return self._found(log.read(), judge(state, request.container))

    def _found(self, lines: list[str], failure: str) -> Any:
        for line in reversed(lines):
            if line.startswith(in_task.MARK):
                answer = json.loads(line.removeprefix(in_task.MARK))
                if "error" in answer:
                    raise DataError(f"The database of {self._stack.name}: {answer['error']}")
                return answer["found"]
        # Lines that we don't know may have anything in them, so only the kind of an exception is shown.
        said = re.match(r"[\w.]+(Error|Exception)\b", lines[-1]) if lines else None
        raise DataError(
            f"The task of {self._stack.name} {failure or 'says nothing'}{f' ({said[0]})' if said else ''}. To see its "
            f"output: django-stack logs -s {self._stack.name}"
        )

    @contextmanager
    def _definition(self) -> Iterator[str]:
        """A task definition (ARN) like the one that the service runs, with PostgreSQL's programs; gone in the end."""
        ecs, name = self._stack.client("ecs"), self._stack.container["name"]
        wanted = {key: self._known[key] for key in REGISTERED if self._known.get(key)}
        app = next(one for one in wanted["containerDefinitions"] if one["name"] == name)
        others = [one for one in wanted["containerDefinitions"] if one["name"] != name]
        tools = {
            "name": "postgres",
            "image": IMAGE.format(version=self._version),
            "essential": False,
            "user": app["user"],
            "readonlyRootFilesystem": True,
            "entryPoint": ["sh", "-c", COLLECT],
            "dependsOn": app["dependsOn"],
            "mountPoints": [one for one in app["mountPoints"] if one["containerPath"] == "/tmp"],  # noqa: S108
            "logConfiguration": app["logConfiguration"],
        }
        app = {
            **app,
            "command": ["python", "-c", Path(in_task.__file__).read_text()],
            "dependsOn": [*app["dependsOn"], {"containerName": "postgres", "condition": "SUCCESS"}],
            "portMappings": [],
        }
        wanted["containerDefinitions"] = [*others, tools, app]
        answer = ecs.register_task_definition(family=self._family, **wanted)
        arn = str(answer["taskDefinition"]["taskDefinitionArn"])
        try:
            yield arn
        finally:
            ecs.deregister_task_definition(taskDefinition=arn)
