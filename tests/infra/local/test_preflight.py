"""What stands in a local stack's way on this machine is said before anything is made. The engine here is scripted."""

import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from infra.engine import connect
from infra.local import preflight as module
from infra.local.labels import PROJECT, STACK, STATE, state
from infra.settings import Settings
from tests.ports import free_ports

pytestmark = pytest.mark.usefixtures("on_the_engines_machine")

PORTS = ("web-port", "database-port", "media-port")


class Engine:
    """A Docker engine that has the given containers, images and volumes."""

    def __init__(
        self,
        containers: list[Any] | None = None,
        images: set[str] | None = None,
        volumes: Any = None,
        postgres: tuple[str, ...] = ("PG_MAJOR=17",),
    ) -> None:
        self.postgres = list(postgres)
        have = (
            {"python:3.13-slim-trixie", "postgres:17-trixie", "versity/versitygw:v1.8.0"} if images is None else images
        )
        self.api = SimpleNamespace(containers=lambda **_: containers or [], networks=list)
        self.info: Callable[[], dict[str, Any]] = dict  # it says no pools unless its daemon.json does
        self.images = SimpleNamespace(get=lambda name: self._image(name, have), get_registry_data=self._no_registry)
        have_volumes = {
            name: SimpleNamespace(name=name, attrs={"Labels": has}) for name, has in (volumes or {}).items()
        }
        self.volumes = SimpleNamespace(
            get=lambda name: self._volume(name, have_volumes),
            list=lambda filters: [volume for name, volume in have_volumes.items() if filters["name"] in name],
        )

    def ping(self) -> bool:
        return True

    def _image(self, name: str, have: set[str]) -> Any:
        if name not in have:
            raise ImageNotFound(name)
        return SimpleNamespace(id=name, attrs={"Config": {"Env": self.postgres if "postgres" in name else None}})

    @staticmethod
    def _no_registry(name: str) -> None:
        raise APIError("500", explanation="no such host")

    @staticmethod
    def _volume(name: str, volumes: dict[str, Any]) -> Any:
        if name not in volumes:
            raise NotFound(name)
        return volumes[name]


@pytest.fixture
def settings(as_stack: Any, set_config: Any) -> Settings:
    as_stack()
    set_config(dict(zip(PORTS, free_ports(3), strict=True)))
    return Settings.load()


def container(name: str, port: int, source: str = "", **labels: str) -> dict[str, Any]:
    """A container as the engine lists it: https://docs.docker.com/reference/api/engine/version/v1.41/."""
    return {
        "Names": [f"/{name}"],
        "Labels": labels or None,
        "Ports": [
            {"IP": "127.0.0.1", "PrivatePort": 8000, "PublicPort": port, "Type": "tcp"},
            {"PrivatePort": 9000, "Type": "tcp"},  # exposed by its image, not published
        ],
        "Mounts": [{"Type": "volume", "Name": "data", "Source": "", "Destination": "/data"}]
        + ([{"Type": "bind", "Source": source, "Destination": "/app"}] if source else []),
    }


def refusal(monkeypatch: pytest.MonkeyPatch, engine: Any, settings: Settings) -> str:
    monkeypatch.setattr(module.docker, "from_env", lambda **_: engine)
    with pytest.raises(pulumi.RunError) as refused:
        module.preflight(settings)
    assert "nothing was changed" in str(refused.value)
    return str(refused.value)


def test_a_machine_with_all_that_is_needed_passes(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(module.docker, "from_env", lambda **_: Engine())
    module.preflight(settings)


def test_ports_of_the_stack_itself_are_no_obstacle(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    ours = container(
        "django-stack-local-web", settings.web_port, **{PROJECT: "django-stack", STACK: "local", STATE: state()}
    )
    monkeypatch.setattr(module.docker, "from_env", lambda **_: Engine([ours]))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", settings.web_port))
        listener.listen()
        module.preflight(settings)


def test_a_port_of_another_stacks_container_is_named_with_that_container(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    other = container("django-stack-pr-12-web", settings.web_port, **{PROJECT: "django-stack", STACK: "pr-12"})
    message = refusal(monkeypatch, Engine([other]), settings)
    assert f"web-port is {settings.web_port}, and the container django-stack-pr-12-web holds that port" in message
    assert f"pulumi config set -s local web-port {settings.web_port + 1}" in message


def test_a_port_of_another_program_is_named(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", settings.database_port))
        listener.listen()
        message = refusal(monkeypatch, Engine(), settings)
    assert f"database-port is {settings.database_port}, and another program on this machine holds that port" in message


def test_an_image_that_can_not_be_had_is_named_with_its_key_and_reason(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    message = refusal(monkeypatch, Engine(images={"python:3.13-slim-trixie", "versity/versitygw:v1.8.0"}), settings)
    assert "postgres-image is postgres:17-trixie" in message
    assert "no such host" in message
    assert "make setup" in message


@pytest.mark.report("postgis/docker-postgis#362")
def test_an_image_of_another_postgres_is_refused_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    message = refusal(monkeypatch, Engine(postgres=("PATH=/bin", "PG_MAJOR=16")), settings)
    assert "postgres-image is postgres:17-trixie, which has PostgreSQL 16, and postgres-version is 17. Fix: " in message


def test_an_image_that_keeps_its_data_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    message = refusal(monkeypatch, Engine(postgres=("PG_MAJOR=17", "PGDATA=/home/postgres/pgdata/data")), settings)
    assert "would be lost with its container: PGDATA is /home/postgres/pgdata/data" in message
    inside = Engine(postgres=("PGDATA=/var/lib/postgresql/data/pgdata",))
    monkeypatch.setattr(module.docker, "from_env", lambda **_: inside)
    module.preflight(settings)


def test_data_of_another_postgres_is_not_touched(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """With an image at hand the data themselves are asked: tests/e2e/test_postgres.py."""
    old = {"django-stack-local-database": {"django-stack.postgres-version": "16"}}
    message = refusal(monkeypatch, Engine(images=set(), volumes=old), settings)
    assert "holds data of PostgreSQL 16" in message
    assert "pulumi config set -s local postgres-version 16" in message


def test_an_engine_that_does_not_answer_is_one_error(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    def unreachable(**_: Any) -> None:
        raise DockerException("Connection refused")

    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    monkeypatch.setattr(module.docker, "from_env", unreachable)
    with pytest.raises(pulumi.RunError) as refused:
        module.preflight(settings)
    assert "No Docker engine answers at unix:///nowhere.sock, nothing was changed. Fix: start Docker" in str(
        refused.value
    )


HELPER_MISSING = (
    "Credentials store error: StoreError('docker-credential-desktop not installed or not available in PATH')"
)


def test_a_missing_credential_helper_is_one_error_with_its_own_fix(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> None:
    def no_helper(name: str) -> None:
        raise DockerException(HELPER_MISSING)

    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    engine = Engine(images={"postgres:17-trixie", "versity/versitygw:v1.8.0"})
    engine.images.get_registry_data = no_helper
    message = refusal(monkeypatch, engine, settings)
    assert f"available from its registry ({HELPER_MISSING})" in message
    assert f"Fix: remove `credsStore`, or the registry's entry in `credHelpers`, from {tmp_path}/config.json" in message
    assert "docker login" not in message


def test_an_engine_by_ssh_is_refused_before_one_connects(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://me@box")
    monkeypatch.setattr(module, "connect", lambda: pytest.fail("it connects"))
    with pytest.raises(pulumi.RunError) as refused:
        module.preflight(settings)
    assert "  - the Docker engine is on another machine (ssh://me@box, by DOCKER_HOST)" in str(refused.value)
    assert "unset DOCKER_HOST" in str(refused.value)


def test_an_engine_by_ssh_that_a_cloud_stack_builds_on_needs_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://me@box")
    monkeypatch.setitem(sys.modules, "paramiko", None)
    with pytest.raises(pulumi.RunError) as refused:
        connect()
    assert str(refused.value) == (
        "The Docker engine is at ssh://me@box, and Docker's SDK reaches none by ssh without the package paramiko, "
        "nothing was changed. Fix: .venv/bin/pip install paramiko"
    )


def test_all_obstacles_are_listed_together(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    other = container("somebody-else", settings.web_port)
    message = refusal(monkeypatch, Engine([other], images=set()), settings)
    assert message.count("Fix:") == 4


def test_a_stack_of_the_same_name_whose_state_is_elsewhere_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    theirs = container(
        "django-stack-local-web", settings.web_port, **{PROJECT: "django-stack", STACK: "local", STATE: "another"}
    )
    message = refusal(monkeypatch, Engine([theirs]), settings)
    assert "django-stack-local-web belongs to a stack of the same name whose state is elsewhere" in message
    assert "pulumi stack init NAME --copy-config-from local" in message
    assert message.count("Fix:") == 1


@pytest.mark.parametrize(("checkout", "warns"), [("this", False), ("another", True)])
def test_a_stack_that_runs_another_checkouts_source_is_said_to_move(
    monkeypatch: pytest.MonkeyPatch,
    as_stack: Any,
    set_config: Any,
    checkout: str,
    warns: bool,
) -> None:
    as_stack()
    ports = dict(zip(PORTS, free_ports(3), strict=True))
    set_config({"mount-source": True, "debug": True, **ports})
    settings = Settings.load()
    source = str(settings.app_path) if checkout == "this" else "/another/app"
    ours = container("django-stack-local-web", 1, source, **{PROJECT: "django-stack", STACK: "local", STATE: state()})
    logged: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", logged.append)
    monkeypatch.setattr(module.docker, "from_env", lambda **_: Engine([ours]))
    module.preflight(settings)
    assert bool([line for line in logged if "runs the source in /another/app" in line]) is warns


# The project `django-stack` with the stack `local`, and `django` with `stack-local`, have the same names on an engine.
OURS = {PROJECT: "django-stack", STACK: "local"}
NAMESAKES = {PROJECT: "django", STACK: "stack-local"}


@pytest.mark.report("kubefirst#771")
@pytest.mark.parametrize("part", ["database", "media", "media-files"])
def test_the_volume_of_a_namesake_is_not_taken(part: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = f"django-stack-local-{part}"
    message = refusal(monkeypatch, Engine(volumes={volume: NAMESAKES}), settings)
    assert re.search(f"{volume} already belongs to the stack stack-local of .* django,", message)
    assert "Fix: pulumi stack rename -s local local-2" in message


@pytest.mark.report("kubefirst#771")
def test_the_container_of_a_namesake_is_not_taken(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    theirs = container("django-stack-local-web", 1, **NAMESAKES)
    assert "django-stack-local-web already belongs to the stack" in refusal(monkeypatch, Engine([theirs]), settings)


def test_the_container_of_a_namesakes_process_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, as_stack: Any, set_config: Any
) -> None:
    """The process x-y of one stack, and y of another whose name ends in x."""
    as_stack()
    set_config({"processes": {"worker": {"command": "x", "count": 2}}})
    theirs = container("django-stack-local-worker-2", 1, **NAMESAKES)
    message = refusal(monkeypatch, Engine([theirs]), Settings.load())
    assert "django-stack-local-worker-2 already belongs to the stack" in message


@pytest.mark.parametrize("media", ["s3", "filesystem"])
def test_everything_that_a_stack_makes_under_a_name_is_looked_for(media: str, program: Any) -> None:
    every_part = {
        "processes": {"worker": {"command": "x", "count": 2}},
        "schedules": {"sweep": {"command": "x", "cron": "0 3 * * *"}},
        "cache": "valkey",
        "mail": "mailpit",
        "media": media,
    }
    run = program(every_part)
    kinds = {"docker:index/container:Container", "docker:index/volume:Volume"}
    made = {one.inputs["name"] for one in run.resources.values() if one.type in kinds}
    assert {"django-stack-local-worker-2", "django-stack-local-scheduler", "django-stack-local-schedules"} <= made
    assert made <= module.physical_names(Settings.load())


@pytest.mark.parametrize("has", [OURS, {}, None, {PROJECT: "django-stack"}], ids=["ours", "none", "null", "half"])
def test_own_volumes_and_those_made_by_hand_are_taken(
    has: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(volumes={"django-stack-local-media": has})
    monkeypatch.setattr(module.docker, "from_env", lambda **_: engine)
    module.preflight(settings)
