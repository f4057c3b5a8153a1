"""What the cloud platform's components ask of its steps."""

from dataclasses import dataclass, field

from infra.steps import SECRET, StepRequest


@dataclass(frozen=True, kw_only=True)
class CloudRequest(StepRequest):
    """Which part of AWS is asked, and as whom: `profile` is a name in AWS's configuration, or nothing."""

    region: str
    profile: str


@dataclass(frozen=True, kw_only=True)
class PushImageRequest(CloudRequest):
    """`image` is the id on this machine's engine, `built_by` the URN of the resource that built it.

    `repository` is the name, `url` the address of the repository in ECR.
    """

    image: str
    built_by: str
    repository: str
    url: str
    tag: str


@dataclass(frozen=True, kw_only=True)
class ReleaseRequest(CloudRequest):
    """The tasks of a release: `cluster` and `container` are names, `task_definition` is an ARN, `commands` are command
    lines; `service` is the name of the web's.

    `subnets` and `security_groups` are ids, `platform_version` is Fargate's, `log_group` is a name. In seconds:
    `timeout` for all commands together, `pause` between two looks at a task. `secrets` are values that its log
    may have.
    """

    cluster: str
    service: str
    task_definition: str
    container: str
    commands: list[str]
    subnets: list[str]
    security_groups: list[str]
    platform_version: str
    started_by: str
    log_group: str
    stream_prefix: str
    timeout: float
    pause: float
    secrets: list[str] = field(repr=False, metadata=SECRET)


@dataclass(frozen=True, kw_only=True)
class RolloutRequest(CloudRequest):
    """The roll-out of `task_definition` (an ARN) by a service of `stack`; at least so many `tasks` of it must run.

    `domain` is the site's host name, `connect_to` the host (and port) that answers for it. In seconds: `timeout`,
    `tolerance` for what the version before still answers, `pause` between two looks. `secrets` are values that the
    tasks' logs may have.
    """

    stack: str
    cluster: str
    service: str
    container: str
    task_definition: str
    tasks: int
    domain: str
    connect_to: str
    log_group: str
    stream_prefix: str
    timeout: float
    tolerance: float
    pause: float
    secrets: list[str] = field(repr=False, metadata=SECRET)
