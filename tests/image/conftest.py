"""The image, and what stands around it: built and started once for all tests of this folder, removed at the end."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import docker
import psycopg
import pytest
import yaml

from infra import endpoint
from tests import ROOT
from tests.bare_stacks import BareStacks, bare_stacks
from tests.image.services import ADMIN, PASSWORD, Proxy, Services, Site
from tests.waiting import wait_until


@pytest.fixture(scope="session")
def engine() -> docker.DockerClient:
    return endpoint.client(timeout=900)


@pytest.fixture(scope="session")
def defaults() -> dict[str, str]:
    """The project's default settings: which images there are."""
    config = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    version = str(config["postgres-version"]["default"])
    return {key: str(entry["default"]).replace("{postgres-version}", version) for key, entry in config.items()}


@pytest.fixture(scope="session")
def image(engine: docker.DockerClient, defaults: dict[str, str]) -> Iterator[str]:
    """The app's image, built by the engine's classic builder.

    The e2e tests build as Pulumi's plugin does, which is with BuildKit where the plugin is the official one.

    At the end its name goes and what the builder has kept stays, so that the next run is quick.
    """
    name = f"django-stack-test-image:{secrets.token_hex(4)}"
    engine.images.build(path=str(ROOT / "app"), tag=name, rm=True, buildargs={"PYTHON_IMAGE": defaults["python-image"]})
    yield name
    engine.images.remove(name, force=True, noprune=True)


@pytest.fixture(scope="module")
def stacks(
    tmp_path_factory: pytest.TempPathFactory, engine: docker.DockerClient, image: str, defaults: dict[str, str]
) -> Iterator[BareStacks]:
    """Makes stacks of that image without Pulumi, each with a database, and runs commands in their folder."""
    with bare_stacks(tmp_path_factory.mktemp("stacks"), engine, image, defaults["postgres-image"]) as made:
        yield made


@pytest.fixture(scope="session")
def services(engine: docker.DockerClient, defaults: dict[str, str], image: str) -> Iterator[Services]:
    """PostgreSQL and an S3 server on a network of their own, the database migrated, an administrator in it."""
    name = f"django-stack-test-image-{secrets.token_hex(4)}"
    network = engine.networks.create(name, driver="bridge")
    network.reload()
    key, secret = secrets.token_hex(10), secrets.token_hex(20)
    made = []
    try:
        database = engine.containers.create(
            defaults["postgres-image"],
            environment={"POSTGRES_USER": "app", "POSTGRES_PASSWORD": "password", "POSTGRES_DB": "app"},
            name=f"{name}-database",
            network=name,
            networking_config={name: engine.api.create_endpoint_config(aliases=["database"])},
        )
        made.append(database)
        media = engine.containers.create(
            defaults["s3-image"],
            ["--port", ":9000", "--region", "us-east-1", "--health", "/health", "posix", "/data"],
            environment={"ROOT_ACCESS_KEY": key, "ROOT_SECRET_KEY": secret},
            name=f"{name}-media",
            network=name,
            volumes=["/data"],
        )
        made.append(media)
        database.start()
        media.start()
        with Proxy(lambda: (services.address(media), 9000)) as proxy:
            services = Services(engine, name, image, network, database, media, key, secret, proxy, made)
            wait_until(lambda: reachable(services), "a database")
            wait_until(services.make_bucket, "a bucket")
            status, out, err = services.run("python", "manage.py", "migrate", "--noinput")
            assert status == 0, out + err
            status, out, err = services.run(
                *("python", "manage.py", "createsuperuser", "--noinput", "--username", ADMIN, "--email", "a@b.org"),
                environment=services.environment(DJANGO_SUPERUSER_PASSWORD=PASSWORD),
            )
            assert status == 0, out + err
            yield services
            proxy.shutdown()
    finally:
        for container in reversed(made):
            container.remove(force=True, v=True)
        network.remove()


def reachable(services: Services) -> bool:
    try:
        return bool(services.query("SELECT 1"))
    except psycopg.OperationalError:
        return False


@pytest.fixture(scope="session")
def site(services: Services) -> Iterator[Site]:
    """A server that tests share: what one breaks it mends."""
    with services.serving() as site:
        yield site
