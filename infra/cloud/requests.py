"""What the cloud platform's components pass to its steps."""

from dataclasses import dataclass, field

from infra.steps import SECRET, StepRequest


@dataclass(frozen=True, kw_only=True)
class CloudRequest(StepRequest):
    """The region and the profile for calls of AWS; `profile` is a name in AWS's configuration, or nothing."""

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
class CopyImageRequest(CloudRequest):
    """The version `tag` for a repository (a name). `others` are repositories where it may be: objects of repository,
    region and profile.
    """

    repository: str
    tag: str
    others: list[dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class OneOffTaskRequest(CloudRequest):
    """How one-off tasks are started: `cluster` and `container` are names, `task_definition` is an ARN.

    `subnets` and `security_groups` are ids, `public_address` says whether a task gets one, `platform_version` is
    Fargate's, `log_group` is a name. `pause` between two checks of a task is in seconds.
    """

    cluster: str
    task_definition: str
    container: str
    subnets: list[str]
    security_groups: list[str]
    public_address: bool
    platform_version: str
    started_by: str
    log_group: str
    stream_prefix: str
    pause: float


@dataclass(frozen=True, kw_only=True)
class ReleaseRequest(OneOffTaskRequest):
    """The tasks of a release: `commands` are command lines, `service` is the name of the web's service.

    `static_files` is where the image's static files go, in the form of DEFAULT_STORAGE_DSN (nothing to publish none),
    and `publisher` the ARN of the role that may write there.

    `timeout` for all commands together is in seconds. `secrets` are values that the log may contain.
    """

    service: str
    commands: list[str]
    static_files: str
    publisher: str
    timeout: float
    secrets: list[str] = field(repr=False, metadata=SECRET)


@dataclass(frozen=True, kw_only=True)
class ServiceRequest(CloudRequest):
    """The roll-out of `task_definition` (an ARN) by a service of `stack`; at least `tasks` tasks of it must run.

    In seconds are `timeout`, `tolerance` for answers of the previous version, and `pause` between two checks. `secrets`
    are values that the logs of tasks may contain.
    """

    stack: str
    cluster: str
    service: str
    container: str
    task_definition: str
    tasks: int
    log_group: str
    stream_prefix: str
    timeout: float
    tolerance: float
    pause: float
    secrets: list[str] = field(repr=False, metadata=SECRET)


@dataclass(frozen=True, kw_only=True)
class RolloutRequest(ServiceRequest):
    """The roll-out of the site. `domain` is its host name, `connect_to` the host (and port) that answers for it."""

    domain: str
    connect_to: str


@dataclass(frozen=True, kw_only=True)
class ProcessRolloutRequest(ServiceRequest):
    """The roll-out of a process, whose tasks must go on running for `steady` seconds.

    `single` says that there are never two tasks, and `most` is the number up to which autoscaling may go.
    """

    single: bool
    most: int
    steady: float
