"""The roll-out check of a local stack: asked where the site is published, by its own name."""

import time
from typing import Any

import pytest

from infra.local.steps import rollout as step
from infra.local.steps.rollout import GRACE_PERIOD, PAUSE
from tests.http_server import Reply, serving
from tests.infra.cloud.site import JSON, READY, UNREADY
from tests.infra.local.steps.conftest import Run
from tests.infra.local.steps.engine import Container, Engine


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "PAUSE", 0.01)
    monkeypatch.setattr(step, "GRACE_PERIOD", 0.05)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


def asked(port: int, **more: Any) -> dict[str, Any]:
    return {
        "container": "web-id",
        "port": port,
        "domain": "site.localhost",
        "timeout": 5,
        "secrets": ["TOP-SECRET"],
        **more,
    }


def test_a_site_that_is_ready_and_has_a_home_page_ends_the_wait(run: Run) -> None:
    seen = []
    answers = {
        "/healthz/ready": [Reply(503, JSON, UNREADY), Reply(200, JSON, READY)],
        "/": [Reply(200, "text/html", "Hi")],
    }

    def answer(request: Any) -> Reply:
        seen.append((request.path, request.headers["Host"]))
        return answers[request.path].pop(0)

    with serving(answer) as port:
        assert run("rollout", asked(port), Engine(Container("web"))) == (0, "", "")
    host = f"site.localhost:{port}"
    assert seen == [("/healthz/ready", host), ("/healthz/ready", host), ("/", host)]


def test_a_home_page_that_stays_broken_fails_the_update_with_the_log_and_no_secret(run: Run) -> None:
    def answer(request: Any) -> Reply:
        return Reply(200, JSON, READY) if request.path == "/healthz/ready" else Reply(500, "text/plain", "Oh no")

    with serving(answer) as port:
        web = Container("web", ("Traceback", "key is TOP-SECRET"))
        status, _, error = run("rollout", asked(port), Engine(web))
    assert status == 1
    assert error.startswith("The web container runs, but the home page http://site.localhost:")
    assert "answers 500 Internal Server Error: Oh no" in error
    assert "| key is [secret]" in error


def test_a_site_that_never_gets_ready_fails_after_the_time_out(run: Run) -> None:
    with serving(lambda request: Reply(503, JSON, UNREADY)) as port:
        status, _, error = run("rollout", asked(port, timeout=0.1), Engine(Container("web", ("waiting for a lock",))))
    assert status == 1
    assert error.startswith("The web container is not ready after 0.1 seconds: ")
    assert "| waiting for a lock" in error


def test_an_unready_answer_has_five_seconds_and_a_page_that_renders_slowly_half_a_minute(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first page may compile templates; /healthz/ready only asks the database."""
    within: list[tuple[str, int, float]] = []

    def connection(host: str, port: int, timeout: float) -> Any:
        within.append((host, port, timeout))
        return real(host, port, timeout=timeout)

    real = step.http.client.HTTPConnection
    monkeypatch.setattr(step.http.client, "HTTPConnection", connection)
    with serving(lambda request: Reply(200, JSON, READY)) as port:
        run("rollout", asked(port), Engine(Container("web")))
    assert within == [("127.0.0.1", port, 5), ("127.0.0.1", port, 30)]


def test_a_restart_of_runserver_is_tolerated() -> None:
    """It reloads within a second or two after a file was saved."""
    assert GRACE_PERIOD == 5
    assert PAUSE == 1, "each request adds a line to the log that is quoted"
