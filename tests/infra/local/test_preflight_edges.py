"""Preflight asks only for what the stack uses, and proposes only what is free. The engine here is scripted."""

from typing import Any

import pulumi
import pytest

from infra.local import preflight as module
from infra.local.labels import PROJECT, STACK, STATE, state
from infra.settings import Settings
from tests.infra.local.test_preflight import PORTS, Engine, container, refusal
from tests.ports import free_ports

pytestmark = pytest.mark.usefixtures("on_the_engines_machine")

S3 = "s3://KEY:SECRET@uploads.s3.eu-west-1.amazonaws.com/"


@pytest.fixture
def load(as_stack: Any, set_config: Any) -> Any:
    """Loads the settings of a local stack on free ports, with changes."""

    def settings(**changes: Any) -> Settings:
        as_stack()
        named = {key.replace("_", "-"): value for key, value in changes.items()}
        secrets = ("storage-dsn",) if "storage-dsn" in named else ()
        set_config({**dict(zip(PORTS, free_ports(3), strict=True)), **named}, secrets=secrets)
        return Settings.load()

    return settings


def test_containers_that_stand_still_are_asked_for_too(monkeypatch: pytest.MonkeyPatch, load: Any) -> None:
    """A stopped stack still has its names."""
    asked: list[dict[str, Any]] = []
    engine = Engine()
    engine.api.containers = lambda **options: asked.append(options) or []
    monkeypatch.setattr(module.docker, "from_env", lambda **_: engine)
    module.preflight(load())
    assert asked == [{"all": True}]


def test_a_container_that_is_being_removed_may_be_listed_in_part(monkeypatch: pytest.MonkeyPatch, load: Any) -> None:
    nothing = {"Names": ["/going"], "Labels": None, "Ports": None, "Mounts": None}
    engine = Engine([nothing, {**nothing, "Names": None}])
    monkeypatch.setattr(module.docker, "from_env", lambda **_: engine)
    module.preflight(load())


@pytest.mark.parametrize("media", [{"media": "filesystem", "debug": True}, {"storage_dsn": S3}], ids=str)
def test_a_stack_without_an_s3_server_needs_neither_its_port_nor_its_image(
    monkeypatch: pytest.MonkeyPatch, load: Any, media: dict[str, Any]
) -> None:
    settings = load(**media)
    images = {"python:3.13-slim-trixie", "postgres:17-trixie"}
    engine = Engine([container("somebodys", settings.media_port)], images=images)
    monkeypatch.setattr(module.docker, "from_env", lambda **_: engine)
    module.preflight(settings)
    other = load()
    message = refusal(monkeypatch, Engine([container("somebodys", other.media_port)], images=images), other)
    assert f"media-port is {other.media_port}" in message
    assert "s3-image is versity/versitygw" in message


@pytest.mark.parametrize(
    ("service", "port_key", "image_key"),
    [({"cache": "valkey"}, "cache-port", "cache-image"), ({"mail": "mailpit"}, "mail-port", "mail-image")],
    ids=str,
)
def test_a_services_port_and_image_count_only_where_the_stack_has_it(
    monkeypatch: pytest.MonkeyPatch, load: Any, service: dict[str, Any], port_key: str, image_key: str
) -> None:
    settings = load(**service)
    held = container("somebodys", settings.ports[port_key])
    message = refusal(monkeypatch, Engine([held]), settings)
    assert f"{port_key} is {settings.ports[port_key]}, and the container somebodys holds that port" in message
    assert f"{image_key} is {settings.images[image_key]}" in message
    monkeypatch.setattr(module.docker, "from_env", lambda **_: Engine([held]))
    module.preflight(load())


def test_the_port_that_is_proposed_is_no_others(monkeypatch: pytest.MonkeyPatch, load: Any) -> None:
    """Neither one of the stack's own, nor one that a container or a program holds."""
    settings = load(web_port=18500, database_port=18501)
    there = [container("one", 18500), container("two", 18502)]
    monkeypatch.setattr(module, "is_free_port", lambda port: port != 18503)
    message = refusal(monkeypatch, Engine(there), settings)
    assert "Fix: pulumi config set -s local web-port 18504" in message


@pytest.mark.parametrize(
    ("mounted", "source", "warns"),
    [
        (True, "{own}", False),
        (True, "/host_mnt{own}", False),
        (True, "/host_mnt/another/app", True),
        (False, "/another/app", False),
    ],
)
def test_the_same_folder_is_recognised_behind_docker_desktops_prefix(
    monkeypatch: pytest.MonkeyPatch, load: Any, mounted: bool, source: str, warns: bool
) -> None:
    settings = load(mount_source=mounted, debug=True)
    ours = {PROJECT: "django-stack", STACK: "local", STATE: state()}
    running = [
        container("django-stack-local-web", 1, source.format(own=settings.app_path), **ours),
        container("somebodys-web", 2, "/another/app"),
    ]
    logged: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", logged.append)
    monkeypatch.setattr(module.docker, "from_env", lambda **_: Engine(running))
    module.preflight(settings)
    assert ["runs the source in /another/app" in line for line in logged if "source in" in line] == [True] * warns
