"""Image, setting and volume of PostgreSQL fit together, or it is said before anything is made. Real 17 and 18."""

import re
import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import docker
import pytest

from infra.local import image_answers, image_check, server_warnings
from infra.local.labels import PROJECT
from infra.local.postgres import data_version, folders
from infra.local.requests import SetPasswordRequest
from infra.local.steps import set_password
from infra.local.steps.postgres_ping import takes_connections
from tests.e2e.conftest import MakeStack
from tests.e2e.postgres18 import POSTGRES_18, build_postgres_18
from tests.e2e.stacks import SERVING, Stack
from tests.waiting import wait_until
from tools.setup.images import POSTGRES, PYTHON, S3

pytestmark = pytest.mark.docker
IMAGES = {17: POSTGRES, 18: POSTGRES_18}
Check = Callable[..., str]
OWN = f"test-{uuid4().hex[:8]}"  # the project in the labels of what the program makes here


@pytest.fixture(scope="module", autouse=True)
def postgres_18() -> str:
    return build_postgres_18()


@dataclass(frozen=True)
class Server:
    """One as the local stack has it, with its data in a volume."""

    version: int
    container: Any
    volume: str

    @property
    def image(self) -> str:
        return IMAGES[self.version]

    @property
    def port(self) -> int:
        return int(self.container.ports["5432/tcp"][0]["HostPort"])

    @property
    def other(self) -> int:
        return next(version for version in IMAGES if version != self.version)

    def psql(self, statement: str) -> str:
        status, output = self.container.exec_run(["psql", "-U", "app", "-Atc", statement])
        assert status == 0, output
        return str(output.decode().strip())

    def warnings(self, database: str = "app") -> list[str]:
        return server_warnings.ask(self.container, self.version, "app", database)

    def set_password(self, **asked: Any) -> None:
        """As the local stack's step."""
        request = {"user": "app", "database": "app", "password": "new", "version": self.version, "volume": self.volume}
        request |= {"container": self.container.id, "port": self.port, "stack": "local"} | asked
        set_password.set_password(self.container, SetPasswordRequest(**request))


@pytest.fixture(scope="module", params=IMAGES)
def server(engine: docker.DockerClient, request: pytest.FixtureRequest) -> Iterator[Server]:
    name = f"django-stack-test-{uuid4().hex[:8]}"
    engine.volumes.create(name)
    mount, data = folders(request.param)
    container = engine.containers.run(
        IMAGES[request.param],
        name=name,
        volumes={name: {"bind": mount}},
        environment={"PGDATA": data, "POSTGRES_USER": "app", "POSTGRES_PASSWORD": "old", "POSTGRES_DB": "app"},
        ports={"5432/tcp": ("127.0.0.1", None)},
        detach=True,
    )
    try:
        container.reload()
        server = Server(request.param, container, name)
        wait_until(lambda: takes_connections(server.port, "app"), f"PostgreSQL {request.param}", 60)
        assert set_password.unready(container) == "", "pg_isready says the same"
        yield server
    finally:
        container.remove(force=True, v=True)
        engine.volumes.get(name).remove()


@pytest.fixture
def check(engine: docker.DockerClient) -> Check:
    """The error that the program gives before volume and container are made; "" for none."""

    def misfit(image: str, version: int, volume: str = "django-stack-test-none") -> str:
        settings: Any = SimpleNamespace(project=OWN, stack="local", postgres_image=image, postgres_version=version)
        return image_check.misfit(engine, str(engine.images.get(image).id), settings, volume)

    return misfit


def test_what_fits_passes_and_leaves_nothing(
    engine: docker.DockerClient, server: Server, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    def anonymous() -> set[str]:
        volumes = engine.volumes.list(filters={"dangling": True})
        return {str(volume.name) for volume in volumes if re.fullmatch("[0-9a-f]{64}", str(volume.name))}

    monkeypatch.setattr(image_answers, "recall", lambda _: None)  # so that the image is asked
    before, labels = anonymous(), {PROJECT: OWN}
    assert check(server.image, server.version, server.volume) == ""
    assert check(server.image, server.version) == ""
    assert data_version(engine, server.volume, server.image, labels) == server.version
    empty = engine.volumes.create(f"django-stack-{OWN}")
    try:
        assert data_version(engine, str(empty.name), server.image, labels) is None
    finally:
        empty.remove()
    assert engine.containers.list(all=True, filters={"label": f"{PROJECT}={OWN}"}, ignore_removed=True) == []
    # Those of other tests are there for moments, while their containers are removed.
    wait_until(lambda: not anonymous() - before, "an end of the volumes that were made meanwhile")


@pytest.mark.report("postgis/docker-postgis#362")
@pytest.mark.parametrize(
    ("image", "version", "text"),
    [
        (POSTGRES_18, 17, "which has PostgreSQL 18, and postgres-version is 17. Fix: pulumi config set -s local "
         "postgres-version 18"),
        (POSTGRES, 18, "which has PostgreSQL 17, and postgres-version is 18. Fix: pulumi config set -s local "
         "postgres-version 17"),
        (PYTHON, 17, "which has no program postgres."),
        (S3, 17, "which has no program postgres."),
    ],
)  # fmt: skip
def test_an_image_of_something_else_is_refused(check: Check, image: str, version: int, text: str) -> None:
    assert check(image, version).startswith(f"postgres-image is {image}, {text}")


def test_an_image_for_another_processor_is_refused(engine: docker.DockerClient, check: Check, tmp_path: Path) -> None:
    """A header alone is enough for the kernel to see that a program is for 64-bit ARM."""
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 183, 1, 0, 64, 0, 0, 64, 56, 0, 0, 0, 0)
    (tmp_path / "sh").write_bytes(header)
    (tmp_path / "sh").chmod(0o755)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY sh /bin/sh\n")
    tag = f"django-stack/test-arm:{uuid4().hex[:8]}"
    engine.images.build(rm=True, path=str(tmp_path), platform="linux/arm64", tag=tag)
    try:
        error = check(tag, 17)
    finally:
        engine.images.remove(tag, force=True)
    assert "which is made for arm64 and doesn't run on this machine's amd64" in error


def test_data_of_another_version_are_left_alone(server: Server, check: Check) -> None:
    error = check(IMAGES[server.other], server.other, server.volume)
    assert f"the volume {server.volume} holds data of PostgreSQL {server.version}" in error
    fix = f"Fix: pulumi config set -s local postgres-version {server.version}, or move the data "
    newer = f"by django-stack upgrade-database {server.other} -s local"
    assert error.endswith(fix + (newer if server.other > server.version else "(docs/data.md)"))
    wrong = check(IMAGES[server.other], server.version, server.volume)
    assert wrong.endswith("Fix: pulumi config rm -s local postgres-image"), "the volume is right, the image isn't"


def test_a_server_that_is_not_what_was_said_keeps_its_password(server: Server) -> None:
    """The last look, for an image that changed its mind: at the server itself."""
    password = "select rolpassword from pg_authid where rolname = 'app'"
    before = server.psql(password)
    with pytest.raises(SystemExit) as refused:
        server.set_password(database="new", version=server.other)
    differ = f"The image's PostgreSQL is {server.version}, and postgres-version is {server.other}"
    assert differ in str(refused.value)
    with pytest.raises(SystemExit, match="they would be lost with the container"):
        server.set_password(database="new", volume="another")
    assert server.psql(password) == before
    assert server.psql("select count(*) from pg_database where datname = 'new'") == "0"


def test_other_collations_than_those_of_the_indexes_are_said_with_a_fix_that_works(server: Server) -> None:
    assert server.warnings() == []
    server.psql("update pg_database set datcollversion = '2.36' where datname <> 'template0'")
    (text,) = server.warnings()
    assert "built with version 2.36 of the C library's collations" in text
    subprocess.run(text.partition("Fix: ")[2], shell=True, check=True, capture_output=True)
    assert server.warnings() == []
    server.psql("create database made_from_template1")


def test_an_encoding_that_a_managed_postgresql_does_not_have_is_said(server: Server) -> None:
    server.psql("create database plain template template0 encoding 'SQL_ASCII' locale 'C'")
    (text,) = server.warnings("plain")
    assert "The database's encoding is SQL_ASCII and its collation C;" in text


@pytest.fixture(scope="module")
def upgraded(make_stack: MakeStack) -> Iterator[Stack]:
    stack = make_stack("postgres", SERVING)
    yield stack
    stack.remove_all()


@pytest.mark.pulumi
@pytest.mark.report("postgis/docker-postgis#362")
def test_an_image_that_says_nothing_of_its_version_is_asked_before_there_is_a_volume(
    upgraded: Stack, engine: docker.DockerClient, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(f'FROM {POSTGRES_18}\nENV PG_MAJOR=""\n')
    tag = f"django-stack/test-postgres:{uuid4().hex[:8]}"
    engine.images.build(rm=True, path=str(tmp_path), tag=tag)
    try:
        upgraded.configure(postgres_image=tag)
        failed = upgraded.up(check=False)
    finally:
        engine.images.remove(tag, force=True)
    assert failed.returncode != 0
    assert f"{tag}, which has PostgreSQL 18, and postgres-version is 17. Fix:" in failed.stdout
    assert "database-data" not in failed.stdout
    assert upgraded.container("database") is None
    assert f"{upgraded.prefix}-database" not in {volume.name for volume in upgraded.volumes()}
