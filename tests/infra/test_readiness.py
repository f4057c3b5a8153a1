"""What this machine is asked while the local stack comes up: without a proxy, by the site's name, and what counts."""

import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from infra import readiness
from infra.local.steps import rollout
from infra.local.steps.waiting import unanswered
from infra.local.web import _alive
from infra.readiness import READY, Answer, GracePeriod, ReadinessError, Verdict, ask, judge_home, judge_readiness
from tests.http_server import Reply, Request, serving

OURS = '{"status": "ok", "database": "ok", "migrations": "applied"}'
Serve = Callable[..., int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves one answer for every path on a free port of the loopback; gives the port."""
    with ExitStack() as end:

        def begin(status: int, kind: str, text: str, seen: list[tuple[str, str]] | None = None) -> int:
            def answer(request: Request) -> Reply:
                if seen is not None:
                    seen.append((request.path, str(request.headers)))
                return Reply(status, kind, text, {"Location": "http://127.0.0.1:1/elsewhere"})

            return end.enter_context(serving(answer))

        yield begin


@pytest.fixture
def dead_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.report("pulumi#2651")
@pytest.mark.usefixtures("dead_proxy")
def test_this_machine_is_asked_without_a_proxy(serve: Serve) -> None:
    port = serve(200, "application/json", OURS)
    assert rollout.watch(port, "site.localhost", READY, 5, judge_readiness)() == ""
    assert unanswered(f"http://127.0.0.1:{port}/health") == ""
    assert subprocess.run([sys.executable, "-c", _alive(port)], check=False).returncode == 0


def test_the_site_is_asked_by_its_own_name_and_port_and_no_redirect_is_followed(serve: Serve) -> None:
    seen: list[tuple[str, str]] = []
    port = serve(302, "text/html", "", seen)
    assert rollout.watch(port, "site.localhost", "/", 5, judge_home)() == ""
    [(path, headers)] = seen
    assert path == "/"
    assert f"Host: site.localhost:{port}\n" in headers
    assert headers.count("Host:") == 1
    assert "X-Forwarded" not in headers


@pytest.mark.report("joining bug 1")
@pytest.mark.parametrize(
    ("status", "kind", "text", "alive"),
    [
        (200, "application/json", '{"status": "ok"}', True),
        (200, "text/html", "<h1>Our shop</h1>", False),
        (200, "application/json", '{"status": "starting"}', False),
        (200, "application/json", "[]", False),
        (200, "text/plain", "ok", False),
        (503, "application/json", '{"status": "ok"}', False),
        (404, "text/html", "Not Found", False),
    ],
)
def test_the_containers_healthcheck_reads_the_answer(
    serve: Serve, status: int, kind: str, text: str, alive: bool
) -> None:
    port = serve(status, kind, text)
    done = subprocess.run([sys.executable, "-c", _alive(port)], capture_output=True, check=False)
    assert (done.returncode == 0) is alive


def test_a_server_that_does_not_answer_is_waited_for_but_a_page_that_hangs_is_not() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=0.2)
        refused = judge_home(ask(connection, "/", "site"), "http://site/")
        assert "refused" in refused.missing
        assert not refused.final
        listening.listen()
        hangs = judge_home(ask(connection, "/", "site"), "http://site/")
    assert hangs == Verdict(
        "the home page http://site/ answers nothing within 0.2 seconds", "find out what the page waits for", final=True
    )


def test_a_page_that_never_ends_is_a_page(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def stream() -> None:
            client, _ = server.accept()
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
            time.sleep(2)
            client.close()

        thread = threading.Thread(target=stream)
        thread.start()
        connection = http.client.HTTPConnection("127.0.0.1", server.getsockname()[1], timeout=0.3)
        answer = ask(connection, "/", "site")
        thread.join()
    assert judge_home(answer, "http://site/") == Verdict()
    assert answer.text == "data: 1\n\n"


@pytest.mark.parametrize("status", [200, 204, 301, 302, 401, 403, 404, 405, 410, 429])
def test_these_are_home_pages(status: int) -> None:
    assert judge_home(Answer(status, "text/html", ""), "http://site/") == Verdict()


@pytest.mark.report("joining bug 2")
@pytest.mark.parametrize(
    ("answer", "message", "fix"),
    [
        (
            Answer(400, "text/html", "<h1>Bad Request (400)</h1>"),
            "400 Bad Request: Bad Request (400)",
            "site.localhost",
        ),
        (
            Answer(500, "text/plain", "\n\nOperationalError at /\nno table"),
            "500 Internal Server Error: Operat",
            "correct",
        ),
        (Answer(500, "text/html", "<p>It <i>broke</i></p>\n<p>more"), "500 Internal Server Error: It broke", "correct"),
        (Answer(599, "text/html", "<title> </title><h1>Odd</h1>"), "599: Odd", "correct"),
        (Answer(500, "text/html", "<script>var a</script>" + "x" * 900), "Error: " + "x" * 300 + "…", "correct"),
        (Answer(500, "text/html", ""), "500 Internal Server Error", "correct"),
        (
            Answer(500, "text/html", "<title>a\x1b[31mred\x07 page</title>"),
            "500 Internal Server Error: ared page",
            "correct",
        ),
    ],
)
def test_these_are_no_home_pages_and_the_first_words_say_why(answer: Answer, message: str, fix: str) -> None:
    verdict = judge_home(answer, "http://site.localhost:8000/")
    assert verdict.final
    assert message in verdict.missing
    assert fix in verdict.fix
    assert "\n" not in verdict.missing


@pytest.mark.report("joining bug 8")
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(500, "text/plain", "\x1b[31mboom\x1b[0m\x07"), "answers 500 Internal Server Error: boom"),
        (Answer(500, "text/html", "<h1>\x1b[1mboom\x1b[0m</h1>"), "answers 500 Internal Server Error: boom"),
        (Answer(0, "", "nothing (SSH-2.0-OpenSSH_9.2\r\n)"), "answers nothing (SSH-2.0-OpenSSH_9.2 )"),
        (Answer(0, "", "nothing (\x15\x03\x01\x00)"), "answers nothing ()"),
    ],
    ids=["colours", "colours in a page", "another protocol", "encrypted"],
)
def test_an_answer_is_shown_as_plain_text_in_one_line(answer: Answer, message: str) -> None:
    url = "http://localhost:8000"
    assert judge_home(answer, f"{url}/").missing == f"the home page {url}/ {message}"
    assert judge_readiness(answer, f"{url}{READY}").missing.startswith(f"{url}{READY} {message}")


def test_the_grace_period_ends_when_nothing_but_final_answers_came(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(readiness.time, "monotonic", lambda: now)
    final, passing = Verdict("it is a 404", "do it", final=True), Verdict("it is a 503")
    grace_period = GracePeriod(5)
    assert grace_period.missing(final, now) == "it is a 404"
    now = 104.0
    assert grace_period.missing(passing, now) == "it is a 503"
    now = 106.0
    assert grace_period.missing(final, now) == "it is a 404", "the clock starts again"
    now = 111.5
    with pytest.raises(ReadinessError, match=r"it is a 404\. Fix: do it, then run `pulumi up`"):
        grace_period.missing(final, 111.0)


def test_a_slow_answer_counts_from_when_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness.time, "monotonic", lambda: 100.0)
    with pytest.raises(ReadinessError):
        GracePeriod(5).missing(Verdict("it hangs", "look", final=True), 70.0)


def test_readiness_is_judged_by_the_contracts_own_answer() -> None:
    def judged(status: int, text: str, kind: str = "application/json") -> Any:
        verdict = judge_readiness(Answer(status, kind, text), "http://site/healthz/ready")
        return "final" if verdict.final else "wait" if verdict.missing else "ready"

    assert judged(200, OURS) == "ready"
    assert judged(503, '{"status": "unavailable", "database": "does not answer"}') == "wait"
    assert judged(502, "<h1>Bad Gateway</h1>", "text/html") == "wait"
    assert judged(0, "nothing (refused)", "") == "wait"
    for status in (200, 301, 400, 401, 403, 404, 500):
        assert judged(status, "<h1>A page</h1>", "text/html") == "final"
    assert judged(200, '{"status": "ok"}') == "final"
