"""The facts are what a browser would see, and what the app says of itself."""

import json
import time
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from infra.commands import doctor
from infra.commands.diagnosis import Answer, facts
from infra.commands.diagnosis.facts import Site, collect, resolve
from infra.commands.diagnosis.inside import MARK
from infra.commands.operations.status import ProcessStatus, Status
from tests.http_server import Reply, Request, serving
from tests.infra.commands.diagnosis import healthy

FORM = "<input type='hidden' name='csrfmiddlewaretoken' value='t&amp;k'>"


class Browser:
    """A site that writes down who asked for what; it takes logins with a token and its cookie, and no others."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None]] = []

    def __call__(self, request: Request) -> Reply:
        self.asked.append((request.method, request.path, request.headers["Host"]))
        if request.method == "POST":
            # Somebody's name would count as a failed login, and lock this address out some day.
            assert b"username=&password=" in request.body
            good = b"csrfmiddlewaretoken=t%26k" in request.body and request.headers["Cookie"] == "csrftoken=c"
            right = request.headers["Origin"] == f"http://{request.headers['Host']}"
            return Reply(200 if good and right else 403, "text/html", "")
        if request.path == "/accounts/login/":
            return Reply(200, "text/html", FORM, {"Set-Cookie": "csrftoken=c; Path=/"})
        if request.path == "/":
            known = (request.headers["Host"] or "").startswith("pr-12.localhost")
            return Reply(200 if known else 400, "text/html", "<title>Home</title>", {"X-Request-ID": "abc"})
        return Reply(500 if request.path == "/broken/" else 404, "text/html", "")


class Stack:
    """Operations of the stack at a port, whose app prints `text`."""

    def __init__(self, port: int, text: str = "", code: int = 0) -> None:
        self.port, self.text, self.code = port, text, code
        self.commands: list[list[str]] = []

    def status(self, *, cost: bool, patient: bool) -> Status:
        assert (cost, patient) == (False, True)
        return Status(f"http://pr-12.localhost:{self.port}/", "shop", None, [ProcessStatus("web", 1, 1, "healthy")])

    def environment(self) -> dict[str, str]:
        return {"DOMAIN": "pr-12.localhost", "DOMAIN_REDIRECTS": "old.localhost"}

    def output(self, command: list[str]) -> tuple[int, str]:
        self.commands.append(command)
        return self.code, self.text


def collected(text: str, code: int = 0) -> tuple[Any, Browser]:
    browser = Browser()
    with serving(browser) as port:
        return collect("pr-12", "local", Stack(port, text, code)), browser  # type: ignore[arg-type]


def said(**more: Any) -> str:
    return f"a line of the app\n{MARK}{json.dumps({'login': '/accounts/login/', 'time': time.time(), **more})}\n"


def test_the_site_is_asked_on_this_machine_under_its_own_name_and_a_foreign_one() -> None:
    found, browser = collected(said(static="/static/base.css"))
    hosts = {path: host for _, path, host in browser.asked}
    assert hosts["/healthz/ready"].startswith("pr-12.localhost:")
    assert ("GET", "/", "doctor.invalid") in browser.asked
    assert ("GET", "/", "old.localhost") in browser.asked
    assert ("GET", "/static/base.css", hosts["/healthz/ready"]) in browser.asked
    assert found.answers["home"].status == 200
    assert found.answers["home"].headers["x-request-id"] == "abc"
    assert found.answers["foreign host"].status == 400
    assert found.answers["missing page"].status == 404


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ([Answer(200, seconds=1.9)], 1.9),
        ([Answer(200, seconds=3.2), Answer(200, seconds=0.2)], 0.2),
        ([Answer(200, seconds=3.2), Answer(200, seconds=4.1)], 3.2),
        ([Answer(200, seconds=3.2), Answer(500, seconds=0.1)], 3.2),
        ([Answer(200, seconds=3.2), "/ isn't answered"], 3.2),
    ],
)
def test_a_home_page_that_was_slow_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, given: list[Answer | str], seconds: float
) -> None:
    """A process that has just started says nothing of what most visitors wait for."""
    site, first = Site("http://pr-12.localhost/", "pr-12.localhost"), given[0]
    asked = iter(given)
    monkeypatch.setattr(site, "get", lambda path: next(asked))
    assert isinstance(first, Answer)
    assert site.home() == replace(first, seconds=seconds)
    assert list(asked) == [], "and only then"


def test_a_login_is_tried_with_and_without_its_token_and_cookie() -> None:
    found, _ = collected(said())
    assert found.answers["login page"].cookies == ("csrftoken=c; Path=/",)
    assert found.answers["login with token"].status == 200
    assert found.answers["login without token"].status == 403


def test_a_login_page_without_a_form_is_said() -> None:
    found, _ = collected(said(login="/nowhere/"))
    assert found.answers["login with token"] == "/nowhere/ has no form with a CSRF token"


def test_a_login_page_that_fails_is_said() -> None:
    found, _ = collected(said(login="/broken/"))
    assert found.answers["login page"].status == 500
    assert found.answers["login with token"] == "/broken/ answers 500"


def test_what_the_app_says_is_found_among_its_other_lines() -> None:
    found, _ = collected(said(debug=True))
    assert (found.inside["debug"], found.silence) == (True, "")
    assert found.inside["skew"] < 5
    found, _ = collected(said(time=time.time() - 500))
    assert found.inside["skew"] > 400


def test_an_app_that_says_nothing_is_told_with_its_last_line() -> None:
    found, _ = collected("Traceback:\n  x\nKeyError: 'SECRET'\n", 1)
    assert found.inside == {}
    assert found.silence == "the app's own program ended with exit status 1: KeyError: 'SECRET'"


def test_a_site_that_is_away_has_no_answers_but_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "SECONDS", 1)
    with serving(Browser()) as port:
        pass
    found = collect("pr-12", "local", Stack(port, said(static="/static/x.css")))  # type: ignore[arg-type]
    assert not [name for name, answer in found.answers.items() if isinstance(answer, Answer)]
    assert "isn't answered" in str(found.answers["home"])


def test_a_name_without_an_address_has_none() -> None:
    assert resolve("doctor.invalid") == ()
    assert "127.0.0.1" in resolve("127.0.0.1")


@pytest.mark.parametrize(
    ("change", "status", "shown"),
    [
        ([], 0, ["checks are passed."]),
        ([healthy.says(hosts=["*"])], 3, ["warning  every-host: ALLOWED_HOSTS has '*'", "         Fix: take it away"]),
        ([healthy.says(hosts=["*"]), healthy.says(key=9)], 1, ["warning  every-host", "error    secret-key"]),
    ],
)
def test_the_exit_status_is_that_of_the_worst_finding(
    monkeypatch: pytest.MonkeyPatch, change: list[healthy.Change], status: int, shown: list[str]
) -> None:
    monkeypatch.setattr(doctor, "collect", lambda *_: healthy.facts("local", *change))
    monkeypatch.setattr(doctor, "platform_of", lambda name: "local")
    monkeypatch.setattr(doctor, "operations", lambda name: None)
    result = CliRunner().invoke(doctor.command, [], standalone_mode=False)
    assert result.return_value == status
    assert all(words in result.output for words in shown)
    document = json.loads(CliRunner().invoke(doctor.command, ["--json"], standalone_mode=False).stdout)
    assert {one["level"] for one in document["findings"]} >= {"ok"}
    assert " ok " not in result.output
    everything = CliRunner().invoke(doctor.command, ["--all"], standalone_mode=False).output
    assert "ok       migrations" in everything
