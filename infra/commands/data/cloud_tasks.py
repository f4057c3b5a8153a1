"""One-off tasks of a stack on AWS in which PostgreSQL's programs run: its database is reached from tasks only.

A first container is of PostgreSQL's image, of the database's major version, and puts its programs into a volume that
the task's containers share; the app's own container runs them, with the app's address of the database, by `in_task`.
"""

import json
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.cloud.one_off_tasks import OneOffTasks, TaskError, judge
from infra.cloud.steps.logs import Log
from infra.commands.data import cloud_bucket, cloud_session, in_task
from infra.commands.data.cloud_bucket import CopyBucket
from infra.commands.data.cloud_session import CloudSession
from infra.commands.data.ends import BusyError, DataError
from infra.commands.operations.cloud_stack import CloudStack, explained
from infra.commands.operations.cloud_versions import REGISTERED
from infra.together import pause

# AWS's mirror of Docker's official images, which asks nobody for a login: https://gallery.ecr.aws/docker/library/postgres
IMAGE = "public.ecr.aws/docker/library/postgres:{version}-trixie"
STARTED_BY = "data"  # what is in the names of the tasks of copies, with random digits of the command's
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
        self._started_by = f"{STARTED_BY}-{secrets.token_hex(6)}"

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

    def clear(self) -> None:
        """Removes the task definitions that killed copies left. Their tasks end by themselves."""
        ecs = self._stack.client("ecs")
        for arn in ecs.list_task_definitions(familyPrefix=self._family, status="ACTIVE")["taskDefinitionArns"]:
            if str(arn).rpartition("/")[2].rpartition(":")[0] == self._family:
                made = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]["registeredAt"]
                if datetime.now(UTC) - made > cloud_bucket.OLD:
                    ecs.deregister_task_definition(taskDefinition=arn)

    def do(self, action: str, **work: Any) -> Any:
        """What `in_task` finds in a task of its own. Raises DataError with the reason when that fails."""
        with self._definition() as definition, self._started(definition, action, work) as (tasks, task):
            while (state := tasks.look(task))["lastStatus"] != "STOPPED":
                pause(tasks.request.pause)
            tasks.running.discard(task)
            return self._said(tasks, task, state)

    @contextmanager
    def session(self, bucket: CopyBucket, lock: str = "") -> Iterator[CloudSession]:
        """A task that does what is asked of it, with the bucket in between, until the context ends, or this process.

        With `lock`, a query that says whether it was had, it holds that lock from its begin to its end. Raises
        DataError, BusyError when another command holds it.
        """
        with ExitStack() as entered:
            session, tasks = self._opened(entered, bucket, lock)
            yield session
            _stop(tasks)

    @explained
    def _opened(self, entered: ExitStack, bucket: CopyBucket, lock: str) -> tuple[CloudSession, OneOffTasks]:
        def failure() -> DataError | None:
            state = tasks.look(task)
            if state["lastStatus"] != "STOPPED":
                return None
            tasks.running.discard(task)
            try:
                self._said(tasks, task, state)
            except DataError as error:
                return error
            return DataError(f"The task of {self._stack.name} was ended")

        session = CloudSession(self._stack.name, bucket, failure, self._stack.request(self._started_by).pause)
        with self._definition() as definition:
            session.write()
            entered.enter_context(session.kept())
            work = {"bucket": bucket.name, "lock": lock, "seconds": cloud_session.SILENCE}
            tasks, task = entered.enter_context(self._started(definition, "serve", work))
            session.wait()
        return session, tasks

    @contextmanager
    def _started(self, definition: str, action: str, work: dict[str, Any]) -> Iterator[tuple[OneOffTasks, str]]:
        """A task that was started; after an error it is stopped."""
        tasks = OneOffTasks(self._stack.request(self._started_by, definition))
        try:
            variables = {
                "WORK": json.dumps({"action": action, **work}),
                "WORK_REGION": self._stack.account.region,
                "WORK_POSTGRES": str(self._version),
            }
            yield tasks, tasks.start([], variables)
        except TaskError as error:
            raise DataError(f"The task of {self._stack.name} can't be run: {error}") from None
        except BaseException:
            _stop(tasks)  # also one whose start was not confirmed yet
            raise

    def _said(self, tasks: OneOffTasks, task: str, state: dict[str, Any]) -> Any:
        """What a task that stopped has found. Raises DataError."""
        log = Log(self._stack.client("logs"), tasks.request, task)
        time.sleep(tasks.request.pause)  # the last lines arrive a moment after the end
        return self._found(log.read(), judge(state, tasks.request.container))

    def _found(self, lines: list[str], failure: str) -> Any:
        for line in reversed(lines):
            if line.startswith(in_task.MARK):
                answer = json.loads(line.removeprefix(in_task.MARK))
                if answer.get("busy"):
                    raise BusyError(f"Another copy into the stack {self._stack.name} runs. Fix: wait for its end")
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


def _stop(tasks: OneOffTasks) -> None:
    """Ends a task, without waiting for that. One that can't be told ends by itself."""
    with suppress(BotoCoreError, ClientError):
        tasks.stop_all("The copy has ended", wait=False)
