"""What the commands ask of a stack on AWS. All is found by the stack's names, so no state of Pulumi is read."""

import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any, ParamSpec, TypeVar

from botocore.exceptions import ClientError

from infra.cloud.aws import AWSError, client, explain_errors
from infra.cloud.names import CloudNames
from infra.cloud.one_off_tasks import OneOffTasks, TaskError, exit_status, judge
from infra.cloud.requests import OneOffTaskRequest
from infra.cloud.steps.logs import Log
from infra.commands import stack
from infra.commands.operations import LogLine, LogQuery, ProcessStatus, Status
from infra.commands.operations.cloud_logs import CloudLogs
from infra.plain import without_escapes

PAUSE = 2.0  # seconds between two looks at a task

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


class StackOperations:
    """Those of a stack on AWS."""

    has_terminal = False

    def __init__(self, name: str, settings: Mapping[str, object]) -> None:
        self._name = name
        self._names = CloudNames(stack.project_name(), name)
        region = str(settings.get("aws:region") or "")
        if not region:
            sys.exit(f"Pulumi.{name}.yaml has no aws:region. Fix: pulumi config set -s {name} aws:region us-east-1")
        self._account = Account(region, str(settings.get("aws:profile") or ""))

    # One-off tasks

    @explained
    def run(
        self, command: Sequence[str], environment: Mapping[str, str], *, timeout: float | None, detach: bool
    ) -> int:
        tasks = OneOffTasks(self._request(f"run-{uuid.uuid4().hex[:8]}"))
        try:
            task = tasks.start(command, environment)
        except TaskError as error:
            sys.exit(f"The command can't be started: {error}")
        run = task.rpartition("/")[2]
        if detach:
            print(f"{run}\nIts output and end: django-stack run -s {self._name} --attach {run}")
            return 0
        print(f"Task {run} starts; on Fargate that takes a minute.", file=sys.stderr)
        return self._follow(tasks, task, timeout)

    @explained
    def attach(self, run: str) -> int:
        request = self._request("")
        tasks = OneOffTasks(request)
        found = client("ecs", self._account).describe_tasks(cluster=request.cluster, tasks=[run])["tasks"]
        if not found:
            sys.exit(f"There is no run {run} of the stack {self._name}. ECS knows ended tasks for about an hour.")
        return self._follow(tasks, str(found[0]["taskArn"]), None)

    def manage(self, arguments: Sequence[str], environment: Mapping[str, str]) -> int:
        return self.run(["python", "manage.py", *arguments], environment, timeout=None, detach=False)

    def _follow(self, tasks: OneOffTasks, task: str, timeout: float | None) -> int:
        """Shows the output of a task as it comes; the command's exit status."""
        request = tasks.request
        log = Log(client("logs", self._account), request, task)
        until = time.monotonic() + timeout if timeout else None
        ended = False
        try:
            while (state := tasks.look(task))["lastStatus"] != "STOPPED":
                _show(log)
                if until and time.monotonic() > until and not ended:
                    ended = True
                    tasks.stop(task, f"It took longer than {timeout:g} seconds")
                time.sleep(request.pause)
        except KeyboardInterrupt:
            if request.started_by:  # what was detached goes on
                tasks.stop(task, "Ctrl-C")
            return 130
        except TaskError as error:
            sys.exit(str(error))
        time.sleep(request.pause)  # the last lines arrive a moment after the end
        _show(log)
        if ended:
            print(f"The command was ended after {timeout:g} seconds.", file=sys.stderr)
            return 124
        how, status = judge(state, request.container), exit_status(state, request.container)
        if how and (status is None or "memory" in how or "was stopped" in how):
            print(f"The command {how}.", file=sys.stderr)
        return 1 if status is None else status

    def _request(self, started_by: str) -> OneOffTaskRequest:
        """One-off tasks of the version that the service runs, where its tasks run."""
        service = self._service
        network = service["networkConfiguration"]["awsvpcConfiguration"]
        container = self._container
        options = container["logConfiguration"]["options"]
        return OneOffTaskRequest(
            region=self._account.region,
            profile=self._account.profile,
            cluster=self._names.prefix,
            task_definition=service["taskDefinition"],
            container=container["name"],
            subnets=network["subnets"],
            security_groups=network["securityGroups"],
            public_address=network.get("assignPublicIp") == "ENABLED",
            platform_version=service.get("platformVersion", "LATEST"),
            started_by=started_by,
            log_group=options["awslogs-group"],
            stream_prefix=options["awslogs-stream-prefix"],
            pause=PAUSE,
        )

    # What there is to be seen

    @explained
    def secrets(self) -> list[str]:
        # ARN:KEY::VERSION, and an ARN has seven parts.
        arns = {":".join(str(one["valueFrom"]).split(":")[:7]) for one in self._container.get("secrets", [])}
        found: list[str] = []
        for secret in sorted(arns):
            try:
                answer = client("secretsmanager", self._account).get_secret_value(SecretId=secret)
            except ClientError as error:
                print(f"Secrets can't be redacted: {error}", file=sys.stderr)
                continue
            found += map(str, json.loads(answer["SecretString"]).values())
        return found

    def logs(self, query: LogQuery) -> Iterator[LogLine]:
        try:
            with explain_errors():
                group = self._container["logConfiguration"]["options"]["awslogs-group"]
                yield from CloudLogs(client("logs", self._account), group, self._process_of).lines(query)
        except AWSError as error:
            sys.exit(str(error))

    @explained
    def status(self) -> Status:
        service, container = self._service, self._container
        environment = {one["name"]: one["value"] for one in container.get("environment", [])}
        primary: dict[str, Any] = next((one for one in service["deployments"] if one["status"] == "PRIMARY"), {})
        return Status(
            url=f"https://{environment.get('DOMAIN', '')}/",
            image=str(container["image"]),
            since=primary.get("updatedAt") or primary.get("createdAt"),
            processes=[
                ProcessStatus("web", service["runningCount"], service["desiredCount"], self._health(service, primary))
            ],
            details={**self._database(), **self._alarms()},
        )

    def _health(self, service: Mapping[str, Any], deployment: Mapping[str, Any]) -> str:
        groups = [one["targetGroupArn"] for one in service.get("loadBalancers", [])]
        states: list[str] = []
        for group in groups:
            answer = client("elbv2", self._account).describe_target_health(TargetGroupArn=group)
            states += [one["TargetHealth"]["State"] for one in answer["TargetHealthDescriptions"]]
        if deployment.get("rolloutState") == "IN_PROGRESS":
            return "rolling out"
        return "healthy" if "healthy" in states else "unhealthy"

    def _database(self) -> dict[str, str]:
        """Version, size and last backup of the instance whose address is in one of the app's secrets."""
        instances = client("rds", self._account).describe_db_instances()["DBInstances"]
        secrets = self.secrets()
        for one in instances:
            address = one.get("Endpoint", {}).get("Address")
            if address and any(address in secret for secret in secrets):
                size = f"{one['DBInstanceClass']}, {one['AllocatedStorage']} GiB"
                latest = one.get("LatestRestorableTime")
                restorable = f", can be restored up to {latest:%F %R}" if latest else ""
                return {"postgresql": f"{one['EngineVersion']}, {size}, {one['DBInstanceStatus']}{restorable}"}
        return {}

    def _alarms(self) -> dict[str, str]:
        answer = client("cloudwatch", self._account).describe_alarms(
            AlarmNamePrefix=f"{self._names.prefix}-", StateValue="ALARM"
        )
        # The names of another stack may begin in the same way; what an alarm notifies is this stack's own.
        topic = f":{self._names.prefix}-alarms"
        ringing = [
            str(alarm["AlarmName"])
            for alarm in answer["MetricAlarms"]
            if any(str(action).endswith(topic) for action in alarm["AlarmActions"])
        ]
        return {"alarms": ", ".join(ringing) or "none rings"}

    @cached_property
    def _service(self) -> dict[str, Any]:
        name = f"{self._names.prefix}-web"
        try:
            found = client("ecs", self._account).describe_services(cluster=self._names.prefix, services=[name])
        except ClientError as error:
            if error.response["Error"].get("Code") != "ClusterNotFoundException":
                raise
            found = {"services": []}
        active = [one for one in found["services"] if one["status"] == "ACTIVE"]
        if not active:
            sys.exit(
                f"There is no service {name} in {self._account.region}. Fix: pulumi up -s {self._name}, if the stack "
                "isn't up; or the credentials of its account"
            )
        return dict(active[0])

    @cached_property
    def _container(self) -> dict[str, Any]:
        """The definition of the web's container."""
        definition = client("ecs", self._account).describe_task_definition(
            taskDefinition=self._service["taskDefinition"]
        )["taskDefinition"]
        name = self._service["loadBalancers"][0]["containerName"]
        return dict(next(one for one in definition["containerDefinitions"] if one["name"] == name))

    def _process_of(self, task: str) -> str:
        """What the task is for; ECS knows ended tasks for about an hour, and of older ones only the web is likely."""
        if task not in self._processes:
            found = client("ecs", self._account).describe_tasks(cluster=self._names.prefix, tasks=[task])["tasks"]
            started_by = str(found[0].get("startedBy", "")) if found else ""
            group = str(found[0].get("group", "")) if found else ""
            one_off = started_by.partition("-")[0] if started_by and not group.startswith("service:") else ""
            self._processes[task] = one_off or "web"
        return self._processes[task]

    @cached_property
    def _processes(self) -> dict[str, str]:
        return {}


def _show(log: Log) -> None:
    for line in log.read():
        print(without_escapes(line), flush=True)
