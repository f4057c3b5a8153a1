"""`django-stack` on real stacks: what a new user does with --help alone, and what the doctor says of a good stack."""

import json
import secrets
from functools import partial
from typing import Any

import pytest
import requests

from tests.e2e.stacks import Stack
from tests.operations import COMPARISON, MAINTENANCE, Page, check
from tests.waiting import allowed, quickest, wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]


def django_stack(stack: Stack, command: str, *arguments: str, check: bool = True) -> tuple[int, str]:
    done = stack.run("django-stack", command, "-s", stack.name, *arguments, check=check)
    return done.returncode, done.stdout


def findings(stack: Stack) -> dict[str, tuple[str, str]]:
    """What the doctor says that isn't good, by check."""
    _, text = django_stack(stack, "doctor", "--json", check=False)
    document: dict[str, Any] = json.loads(text[text.index("{") :])
    return {one["check"]: (one["level"], one["text"]) for one in document["findings"] if one["level"] != "ok"}


def test_the_doctor_finds_nothing_wrong_with_a_good_stack_and_can_make_every_check(stack: Stack) -> None:
    assert findings(stack) == {}


def test_the_doctor_finds_a_page_that_fails_and_leads_to_its_traceback(development: Stack) -> None:
    code = "class Index(ListView):\n"

    def broken(text: str) -> str:
        return text.replace(code, f"{code}    def get_queryset(self): raise RuntimeError('on purpose')\n", 1)

    def answers() -> int:
        try:
            return development.get().status_code
        except requests.RequestException:  # it starts again
            return 0

    with development.reloads(), development.edited("gallery/views.py", broken):
        wait_until(lambda: answers() == 500, "the page fails", 60)
        found = findings(development)
        assert found.keys() == {"home-page"}
        identity = development.get().headers["X-Request-ID"]
        _, log = django_stack(development, "logs", "--request-id", identity)
    assert "RuntimeError: on purpose" in log
    assert "Traceback" in log


def test_the_status_of_a_stack_has_all_its_parts_within_two_seconds(stack: Stack) -> None:
    shown = partial(django_stack, stack, "status", "--json", check=False)
    (code, text), seconds = quickest(shown, enough=2)
    status = json.loads(text)
    assert code == 0, text
    web = status["processes"]["web"]
    assert (web["running"], web["wanted"]) == (1, 1)
    assert web["health"] in {"healthy", "starting"}, "Docker asks a new container's health some seconds later"
    assert status["database"]["version"].startswith("17")
    assert status["database"]["connections"] < status["database"]["max_connections"]
    assert status["media"]["objects"] >= 0
    assert status["release"]["succeeded"]
    assert not [name for name, part in status.items() if isinstance(part, dict) and "error" in part]
    assert seconds < allowed(2)


def test_the_status_names_the_version_by_the_stacks_own_tag(stack: Stack) -> None:
    tag = secrets.token_hex(4)
    stack.container("web").image.tag("another/stack", tag)  # as a push to a registry leaves one
    try:
        assert json.loads(django_stack(stack, "status", "--json")[1])["image"] == stack.outputs()["image"]
    finally:
        stack.engine.images.remove(f"another/stack:{tag}")


def test_the_log_of_the_release_is_there_although_its_container_is_not(stack: Stack) -> None:
    shown = django_stack(stack, "logs", "--release")[1]
    assert "$ python manage.py migrate --noinput" in shown
    assert "Running migrations:" in shown


def test_the_databases_prompt_sees_what_the_site_has(development: Stack) -> None:
    name, _ = development.admin()
    _, shown = django_stack(
        development, "psql", "-XAtc", f"select is_superuser from auth_user where username = '{name}'"
    )
    assert shown == "t\n"


def page(stack: Stack, path: str) -> Page:
    answer = stack.get(path)
    return Page(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.text)


def test_maintenance_is_on_at_once_for_all_but_those_who_are_let_through(serving: Stack) -> None:
    before = serving.ids()
    for case in MAINTENANCE:

        def run(command: str, *arguments: str) -> tuple[int, str]:
            verb, rest = ((arguments[0],), arguments[1:]) if command == "maintenance" else ((), arguments)
            done = serving.run("django-stack", command, *verb, "-s", serving.name, *rest, check=False)
            return done.returncode, done.stdout  # both streams

        check(case, run, lambda path: page(serving, path), own="127.0.0.1")
    assert serving.ids() == before, "no container was replaced or started again"


def test_a_stack_does_not_differ_from_itself(serving: Stack) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        done = serving.run("django-stack", *arguments, check=False)
        return done.returncode, done.stdout

    check(COMPARISON[0], run, lambda path: page(serving, path), name=serving.name)
