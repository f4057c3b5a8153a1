"""Secrets that are replaced while the stack is up: nobody is logged out, and nobody keeps an old one."""

import http.client
from collections.abc import Iterator

import pytest

from tests.rehearsal.stacks import Stack, polling
from tests.rehearsal.tasks import service

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.rehearsal]

LOG_IN = """
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
user, _ = get_user_model().objects.get_or_create(username="visitor")
session = import_module(settings.SESSION_ENGINE).SessionStore()
session[SESSION_KEY] = str(user.pk)
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session[HASH_SESSION_KEY] = user.get_session_auth_hash()
session.save()
print(settings.SESSION_COOKIE_NAME, session.session_key)
"""


@pytest.fixture(scope="module")
def cookie(stack: Stack) -> str:
    """The cookie of a visitor who logged in before anything was replaced."""
    status, output = stack.web().exec_run(["python", "manage.py", "shell", "--verbosity", "0", "-c", LOG_IN])
    assert status == 0, output
    return output.decode().strip().replace(" ", "=")


@pytest.fixture(autouse=True)
def _settings(stack: Stack) -> Iterator[None]:
    """Each test leaves the settings of the first one."""
    settings = stack.config.read_text()
    yield
    stack.config.write_text(settings)


def is_logged_in(stack: Stack, cookie: str) -> bool:
    """Whether the page for those who are logged in is shown, and not the one for logging in."""
    answer: http.client.HTTPResponse = stack.get("/upload/", headers={"Cookie": cookie})
    answer.read()
    assert answer.status in {200, 302}
    return answer.status == 200


def replace(stack: Stack, name: str) -> tuple[str, str]:
    """A new random password in the place of one, as docs/operate.md says."""
    urns = [one["urn"] for one in stack.resources() if one["urn"].endswith(f"RandomPassword::{name}")]
    assert len(urns) == 1, name
    status, output = stack.update("--replace", urns[0])
    assert status == 0, output
    return urns[0], output


def test_a_new_secret_key_logs_nobody_out_while_the_old_one_is_a_fallback(stack: Stack, cookie: str) -> None:
    old = stack.outputs["SECRET_KEY"]
    assert is_logged_in(stack, cookie)
    assert not is_logged_in(stack, "sessionid=nobody")
    status, output = stack.run_pulumi("config", "set", "--secret", "--path", "env.SECRET_KEY_FALLBACKS", old)
    assert status == 0, output
    with polling(stack) as answers:
        replace(stack, "secret-key")
    assert set(answers) == {200}
    assert stack.outputs["SECRET_KEY"] != old
    assert is_logged_in(stack, cookie)
    assert old not in stack.config.read_text()
    status, output = stack.run_pulumi("config", "rm", "--path", "env.SECRET_KEY_FALLBACKS")
    assert status == 0, output
    status, output = stack.update()
    assert status == 0, output
    assert not is_logged_in(stack, cookie)


def test_a_secret_variable_is_a_new_roll_out_and_in_no_state_in_clear(stack: Stack) -> None:
    before = service(stack)["taskDefinition"]
    status, output = stack.run_pulumi("config", "set", "--secret", "--path", "env.API_TOKEN", "TOP+SECRET")
    assert status == 0, output
    status, output = stack.update()
    assert status == 0, output
    assert service(stack)["taskDefinition"] != before
    _, output = stack.web().exec_run(["printenv", "API_TOKEN"])
    assert output == b"TOP+SECRET\n"
    definition = stack.client("ecs").describe_task_definition(taskDefinition=service(stack)["taskDefinition"])
    for text in (str(stack.resources()), str(definition), stack.config.read_text()):
        assert "TOP+SECRET" not in text


def test_a_new_password_of_the_database_is_the_only_one_that_it_takes(stack: Stack) -> None:
    old = stack.outputs["DATABASE_URL"]
    replace(stack, "database-password")
    new = stack.outputs["DATABASE_URL"]
    assert new != old
    assert stack.get("/healthz/ready").status == 200
    program = "import psycopg, sys; psycopg.connect(sys.argv[1]).execute('SELECT 1')"
    for url, admitted in ((new, True), (old, False)):
        status, output = stack.web().exec_run(["python", "-c", program, url.replace("verify-full", "require")])
        assert (status == 0) is admitted, output
    status, output = stack.update("--refresh", "--expect-no-changes")
    assert status == 0, output
