"""The cloud stack, brought up by the real engine against the emulator: made, used, changed, not changed, and gone."""

import http.client
import re
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from playwright.sync_api import expect

from tests import ROOT
from tests.e2e import visitors
from tests.pictures import png
from tools.rehearsal.stack import Rehearsal

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.browser]

PASSWORD = "a long password of the tests"
MANAGE = ("python", "manage.py")


class Stack(Rehearsal):
    """A rehearsal in a sandbox, with a copy of the app to change at will."""

    def __init__(self, folder: Path, engine: docker.DockerClient) -> None:
        for entry in ("infra", "tools", "requirements", ".venv", "Makefile", "pyproject.toml"):
            (folder / entry).symlink_to(ROOT / entry)
        for file in ("Pulumi.yaml", "Pulumi.cloud.yaml"):
            shutil.copy(ROOT / file, folder)
        shutil.copytree(ROOT / "app", folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
        super().__init__(engine, folder)
        self.engine = engine

    def update(self, *options: str) -> tuple[int, str]:
        """`pulumi up`: its exit status and what it said."""
        done = self.pulumi("up", "--yes", "--skip-preview", *options, capture_output=True)
        return done.returncode, done.stdout + done.stderr

    def web(self) -> Any:
        """The container of a task of the site."""
        return self.engine.containers.get(self.emulator.find("com.amazonaws.ecs.container-name=web"))

    @property
    def domain(self) -> str:
        return str(self.outputs["DOMAIN"])

    def ask(self, path: str, *, tls: bool = True) -> http.client.HTTPResponse:
        """What CloudFront answers under the site's own name, its certificate checked."""
        context = ssl.create_default_context(cafile=str(self.kept / "bundle.pem"))
        if tls:
            connection: http.client.HTTPConnection = Named(self.domain, self.doors.tls, context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.doors.api, timeout=20)
        connection.request("GET", path, headers={"Host": self.domain})
        return connection.getresponse()


class Named(http.client.HTTPSConnection):
    """A connection to the emulator's TLS under a name of AWS's."""

    def __init__(self, name: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__("127.0.0.1", port, timeout=20, context=context)
        self._name, self._tls = name, context

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, engine: docker.DockerClient, turn: None) -> Iterator[Stack]:
    """The stack, up."""
    stack = Stack(tmp_path_factory.mktemp("rehearsal"), engine)
    try:
        stack.up(print)
        yield stack
    finally:
        stack.down()


def test_the_site_answers_under_its_own_name_by_https_alone(stack: Stack) -> None:
    page = stack.ask("/")
    assert page.status == 200
    assert b"<title>Gallery</title>" in page.read()
    plain = stack.ask("/", tls=False)
    assert (plain.status, plain.headers["Location"]) == (301, f"https://{stack.domain}/")


def test_a_browser_on_this_machine_logs_in_uploads_and_sees_the_picture_from_s3(stack: Stack) -> None:
    create = [*MANAGE, "createsuperuser", "--noinput", "--username", "admin", "--email", "admin@example.com"]
    status, output = stack.web().exec_run(create, environment={"DJANGO_SUPERUSER_PASSWORD": PASSWORD})
    assert status == 0, output
    with visitors.chromium() as browser, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{stack.browser_url(stack.domain)}upload/")
        page.get_by_label("Username").fill("admin")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        picture = {"name": "sea.png", "mimeType": "image/png", "buffer": png(240, 160)}
        page.get_by_label("Picture").set_input_files(picture)  # type: ignore[arg-type]
        page.get_by_label("Title").fill("The sea")
        page.get_by_role("button", name="Upload").click()
        page.wait_for_url(re.compile(r"/pictures/\d+/$"))
        image = page.get_by_role("img", name="The sea")
        expect(image).to_be_visible()
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 240
        address = image.evaluate("image => image.src")
    assert ".s3.us-east-1.amazonaws.com.localhost:" in address
    assert "X-Amz-Signature=" in address


def test_the_media_were_stored_with_the_tasks_role(stack: Stack) -> None:
    program = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    status, output = stack.web().exec_run(["python", "-c", program])
    assert status == 0, output
    assert b":assumed-role/django-stack-rehearsal-app/" in output


def test_the_database_is_reached_by_a_certificate_that_is_verified(stack: Stack) -> None:
    program = (
        "import os, psycopg; connection = psycopg.connect(os.environ['DATABASE_URL']); "
        "print(connection.pgconn.ssl_in_use, os.environ['DATABASE_URL'].partition('?')[2])"
    )
    status, output = stack.web().exec_run(["python", "-c", program])
    assert status == 0, output
    assert output.startswith(b"True ")
    assert b"sslmode=verify-full" in output


def test_a_second_update_changes_nothing_after_a_refresh_either(stack: Stack) -> None:
    status, said = stack.update("--expect-no-changes")
    assert status == 0, said
    status, said = stack.update("--refresh", "--expect-no-changes")
    assert status == 0, said


def test_everything_that_listens_does_so_on_the_loopback(stack: Stack) -> None:
    containers = stack.engine.containers.list(filters={"label": f"ministack.instance={stack.emulator.name}:4566"})
    assert len(containers) >= 2  # a task and the database
    for container in [*containers, stack.engine.containers.get(stack.emulator.name)]:
        for bindings in container.ports.values():
            assert {binding["HostIp"] for binding in bindings or []} <= {"127.0.0.1"}


def test_nothing_stays_when_it_is_taken_down(stack: Stack) -> None:
    port = stack.doors.api
    stack.down()
    name = stack.emulator.name
    engine = stack.engine
    assert not [one.name for one in engine.containers.list(all=True) if one.name.startswith((name, "ministack-"))]
    assert not [one.name for one in engine.volumes.list() if one.name.startswith(name)]
    assert not [one.name for one in engine.networks.list() if one.name.startswith(name)]
    assert not [tag for image in engine.images.list() for tag in image.tags if tag.startswith(f"127.0.0.1:{port}/")]
    assert not stack.kept.exists()
    assert not stack.config.exists()
    assert stack.emulator.doors is None
