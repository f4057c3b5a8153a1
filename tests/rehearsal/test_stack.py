"""The cloud stack, brought up by the real engine against the emulator: made, used, changed, not changed, and gone."""

import json
import re
import signal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.e2e import visitors
from tests.moments import moments
from tests.pictures import png
from tests.rehearsal.conftest import SEED
from tests.rehearsal.interruptions import UPDATE, assert_recovered, interrupt, recover
from tests.rehearsal.stacks import Stack, polling

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.browser]

# Ctrl-C in the first half of an update, SIGKILL in the second; tests/rehearsal/test_interruptions.py has more.
DRAWN = list(zip(moments(SEED, "some", 2, UPDATE), (signal.SIGINT, signal.SIGKILL), strict=True))
PASSWORD = "a long password of the tests"


def test_the_site_answers_under_its_own_name_by_https_alone(stack: Stack) -> None:
    page = stack.get("/")
    assert page.status == 200
    assert b"<title>Gallery</title>" in page.read()
    plain = stack.get("/", tls=False)
    assert (plain.status, plain.headers["Location"]) == (301, f"https://{stack.domain}/")


def test_a_browser_on_this_machine_logs_in_uploads_and_sees_the_picture_from_s3(stack: Stack) -> None:
    create = [
        "python",
        "manage.py",
        "createsuperuser",
        "--noinput",
        "--username",
        "admin",
        "--email",
        "admin@example.com",
    ]
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


def test_no_secret_stands_in_the_state_in_clear_or_is_shown_unasked(stack: Stack) -> None:
    shown = json.loads(stack.run_pulumi("stack", "output", "--json")[1])
    outputs = stack.outputs
    password = urlsplit(outputs["DATABASE_URL"]).password or ""
    state = json.dumps(stack.resources())
    assert len(password) == 32
    for secret in ("DATABASE_URL", "SECRET_KEY", "DEFAULT_STORAGE_DSN", "release_log"):
        assert shown[secret] == "[secret]"
    for value in (password, outputs["SECRET_KEY"], outputs["DATABASE_URL"]):
        assert value not in state
    assert shown["url"] == f"https://{stack.domain}"


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
    status, output = stack.update("--expect-no-changes")
    assert status == 0, output
    status, output = stack.update("--refresh", "--expect-no-changes")
    assert status == 0, output


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        pytest.param(*DRAWN[0], marks=pytest.mark.rehearsal, id="Ctrl-C"),
        pytest.param(*DRAWN[1], id="SIGKILL"),
    ],
)
def test_after_an_update_that_was_interrupted_the_next_one_goes_on(
    stack: Stack, moment: float, number: signal.Signals
) -> None:
    stack.change(env={"MOMENT": str(moment)})
    with polling(stack) as statuses:
        interrupt(stack, moment, number)
        recover(stack)
    assert set(statuses) == {200}
    assert_recovered(stack, str(moment))


def test_everything_that_listens_does_so_on_the_loopback(stack: Stack) -> None:
    filters = {"label": f"ministack.instance={stack.emulator.name}:4566"}
    containers = stack.engine.containers.list(filters=filters, ignore_removed=True)
    assert len(containers) >= 2  # a task and the database
    for container in [*containers, stack.engine.containers.get(stack.emulator.name)]:
        for bindings in container.ports.values():
            assert {binding["HostIp"] for binding in bindings or []} <= {"127.0.0.1"}


def test_nothing_stays_when_it_is_taken_down(stack: Stack) -> None:
    port = stack.ports.api
    stack.down()
    name = stack.emulator.name
    engine = stack.engine
    containers = engine.containers.list(all=True, ignore_removed=True)
    assert not [one.name for one in containers if one.name.startswith((name, "ministack-"))]
    assert not [one.name for one in engine.volumes.list() if one.name.startswith(name)]
    assert not [one.name for one in engine.networks.list() if one.name.startswith(name)]
    tags = [tag for image in engine.api.images() for tag in image["RepoTags"] or ()]
    assert not [tag for tag in tags if tag.startswith(f"127.0.0.1:{port}/")]
    assert not stack.data_folder.exists()
    assert not stack.config.exists()
    assert stack.emulator.ports is None
