"""What the local platform's components pass to its steps."""

from dataclasses import dataclass, field

from infra.steps import SECRET, StepRequest


@dataclass(frozen=True, kw_only=True)
class SetPasswordRequest(StepRequest):
    """`container` is the id of the server on the published `port`. User, database, password are letters and digits.

    `version` is the setting postgres-version, `volume` the name of the volume of the data.
    """

    container: str
    port: int
    user: str
    database: str
    password: str = field(repr=False, metadata=SECRET)
    version: int
    volume: str
    stack: str


@dataclass(frozen=True, kw_only=True)
class MakeBucketRequest(StepRequest):
    """`container` is the S3 server's id; pages of `origins` may read its files."""

    container: str
    endpoint_url: str
    region: str
    access_key: str = field(repr=False, metadata=SECRET)
    secret_key: str = field(repr=False, metadata=SECRET)
    bucket: str
    public: bool
    origins: list[str]


@dataclass(frozen=True, kw_only=True)
class MakeWritableRequest(StepRequest):
    """`volume` is a name, `image` any image with chmod. When `mounted` (mount-source) changes, the step runs again."""

    volume: str
    image: str
    mounted: bool
    labels: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class AnswerRequest(StepRequest):
    """`container` is the id of a server on the published `port`, `what` its name in messages.

    Asked `question`, it answers something that begins with `answer`.
    """

    container: str
    what: str
    port: int
    question: str = field(repr=False)
    answer: str
    secrets: list[str] = field(repr=False, metadata=SECRET)


@dataclass(frozen=True, kw_only=True)
class ReleaseRequest(StepRequest):
    """The containers of a release: `image` is an id, `commands` are command lines, `name` is the containers' name.

    `web` is the name of the web container, `volumes` maps names of volumes to paths, `timeout` is in seconds for all
    commands together. `secret_names` are the names of the secret variables in `environment`.
    """

    image: str
    environment: dict[str, str] = field(repr=False)
    secret_names: list[str]
    commands: list[str]
    name: str
    web: str
    network: str
    volumes: dict[str, str]
    labels: dict[str, str]
    timeout: int

    def secret_values(self) -> list[str]:
        return [self.environment[name] for name in self.secret_names]


@dataclass(frozen=True, kw_only=True)
class RolloutRequest(StepRequest):
    """`container` is the web's id, `port` its published port, `domain` its host name; `timeout` is in seconds."""

    container: str
    port: int
    domain: str
    timeout: float
    secrets: list[str] = field(repr=False, metadata=SECRET)


@dataclass(frozen=True, kw_only=True)
class StartRequest(StepRequest):
    """The start of all processes: `containers` are ids, `timeout` is in seconds for all of them together."""

    containers: list[str]
    timeout: float
    secrets: list[str] = field(repr=False, metadata=SECRET)


@dataclass(frozen=True, kw_only=True)
class SchedulerRequest(StepRequest):
    """`container` is the scheduler's id, `folder` where it notes what it did; `timeout` is in seconds."""

    container: str
    folder: str
    timeout: float
    secrets: list[str] = field(repr=False, metadata=SECRET)
