"""Under a server other than gunicorn, here uvicorn by ASGI: the same health, log, refusals and checks."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.app.served import Site, environment, manage, served, write_site
from tests.waiting import wait_until

END = b"\r\nHost: localhost\r\nConnection: close\r\n"
LIMIT = 200_000
TELLS_WHAT_IS_KEPT = """
import json
from django.core.handlers.asgi import ASGIHandler

read_body = ASGIHandler.read_body


async def read_and_tell(self, receive):
    body = await read_body(self, receive)
    print(json.dumps({"kept": body.seek(0, 2)}), flush=True)
    body.seek(0)
    return body


ASGIHandler.read_body = read_and_tell
"""
QUERIES = """
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.urls import include, path


def in_a_thread(_):
    return HttpResponse(str(User.objects.count()))


async def in_the_loop(_):
    return HttpResponse(f"{await User.objects.acount()} {await sync_to_async(User.objects.count)()}")


urlpatterns = [path("thread", in_a_thread), path("loop", in_the_loop), path("", include("site_urls"))]
"""


def test_health_and_pages_are_answered_and_each_request_is_logged_once_with_its_id(tmp_path: Path) -> None:
    with served(tmp_path, "uvicorn", after='ALLOWED_HOSTS = ["localhost", "*"]') as site:
        live = site.raw(b"GET /healthz/live HTTP/1.1" + END.replace(b"localhost", b"10.0.0.1") + b"\r\n")
        body = b"GET /echo?secret=TOPSECRET HTTP/1.1" + END + b"X-Request-ID: a-request-of-mine\r\n\r\n"
        answered = site.raw(body)
        refused = site.raw(b"POST /echo HTTP/1.1" + END + b"Content-Length: 3\r\nContent-Encoding: gzip\r\n"
                           b"Content-Type: application/x-www-form-urlencoded\r\n\r\nabc")  # fmt: skip
    assert b"migrations not applied" in live
    assert b" 200 OK" in answered.partition(b"\r\n")[0]
    assert b"x-request-id: a-request-of-mine" in answered.lower()
    assert b" 415 " in refused.partition(b"\r\n")[0]
    lines = [json.loads(line) for line in (tmp_path / "output").read_text().splitlines()]
    requests = [(one["path"], one["status"], one["logger"]) for one in lines if "path" in one]
    assert requests == [("/echo", 200, "django_stack.request"), ("/echo", 415, "django_stack.request")]
    assert "uvicorn.error" in {one["logger"] for one in lines}
    assert any("django_stack.W003" in one["message"] for one in lines), "what the checks say of other hosts"
    assert "TOPSECRET" not in str(lines)


def test_half_configured_it_refuses_to_start(tmp_path: Path) -> None:
    write_site(tmp_path)
    environ = environment(tmp_path, DATABASE_URL="", PORT="1")
    command = [sys.executable, "-m", "uvicorn", "site_asgi:application", "--port", "0"]
    ended = subprocess.run(
        command,
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 3
    assert ended.stderr.startswith("uvicorn needs a complete environment")
    assert "Traceback" not in ended.stderr


def get(site: Site, path: str) -> bytes:
    return site.raw(b"GET " + path.encode() + b" HTTP/1.1" + END + b"\r\n")


def test_no_connection_to_a_database_outlives_its_request(tmp_path: Path) -> None:
    """Each has a thread of its own. Without the garbage collector, what is kept there stays open for ever."""
    (tmp_path / "queries.py").write_text(QUERIES)
    settings = f"""
import gc

ROOT_URLCONF = "queries"
DATABASES["other"] = {{**DATABASES["default"], "NAME": "{tmp_path}/other.sqlite3"}}
gc.disable()
"""
    write_site(tmp_path)
    migrated = manage(tmp_path, "migrate")
    assert migrated.returncode == 0, migrated.stderr
    with served(tmp_path, "uvicorn", after=settings) as site, ThreadPoolExecutor(4) as visitors:
        answers = list(visitors.map(lambda path: get(site, path), ["/thread", "/loop", "/healthz/ready"] * 20))
        # A request ends after its answer.
        wait_until(lambda: len(open_databases(site)) <= 1, "the end of the connections", 5)
    assert {answer.split()[1] for answer in answers} == {b"200"}


def open_databases(site: Site) -> list[Path]:
    """The files of SQLite that the server has open."""
    return [one for one in Path(f"/proc/{site.process.pid}/fd").iterdir() if one.resolve().suffix == ".sqlite3"]


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_body_above_the_limit_is_413_and_logged_like_any_request(framing: str, tmp_path: Path) -> None:
    head = b"POST /echo HTTP/1.1" + END + b"Content-Type: text/plain\r\n"
    answers = []
    settings = f"REQUEST_MAX_BYTES = DATA_UPLOAD_MAX_MEMORY_SIZE = {LIMIT}{TELLS_WHAT_IS_KEPT}"
    with served(tmp_path, "uvicorn", settings) as site:
        for size in (LIMIT, LIMIT + 1, 3 * LIMIT, 8 * LIMIT):
            body = b"x" * size
            if framing == "length":
                answers.append(site.raw(head + b"Content-Length: %d\r\n\r\n" % size, body))
            else:
                chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (size, body)
                answers.append(site.raw(head + b"Transfer-Encoding: chunked\r\n\r\n", chunk))
    lines = [json.loads(line) for line in (tmp_path / "output").read_text().splitlines()]
    assert [int(answer.split()[1]) for answer in answers] == [200, 413, 413, 413]
    assert [one["status"] for one in lines if "path" in one] == [200, 413, 413, 413]
    assert "Traceback" not in str(lines)
    kept = [one["kept"] for one in lines if "kept" in one]
    assert (len(kept), max(kept)) == (4, LIMIT)


@pytest.mark.parametrize(
    ("headers", "sizes", "handed_on", "taken"),
    [
        ([], [40, 60], [40, 60], 2),
        ([], [40, 61], [40, 0], 2),
        ([], [40, 61, 100, 100, 90, 20, 1000], [40, 0], 6),
        ([(b"content-length", b"101")], [40, 61], [0], 2),
        ([(b"content-length", b"401")], [40, 361], [0], 1),
        ([(b"content-length", b"-5")], [40, 60], [40, 60], 2),
        ([(b"content-length", b"9" * 5000)], [40, 60], [40, 60], 2),
    ],
)
def test_no_more_of_a_body_than_the_limit_reaches_django(
    headers: list[tuple[bytes, bytes]], sizes: list[int], handed_on: list[int], taken: int, settings: Any
) -> None:
    """As HTTP/2 has it, too: a body without a length that isn't in chunks either."""
    from django_stack.asgi_handler import within_limit
    from django_stack.middleware import CUT_OFF

    settings.REQUEST_MAX_BYTES = 100
    last = len(sizes) - 1
    coming = [{"type": "http.request", "body": b"x" * size, "more_body": at != last} for at, size in enumerate(sizes)]
    coming.append({"type": "http.disconnect"})
    scope: dict[str, Any] = {"type": "http", "headers": headers}

    async def receive() -> dict[str, Any]:
        return coming.pop(0)

    async def read() -> tuple[list[int], int]:
        receive_less, found, more = within_limit(scope, receive), [], True
        while more:
            message = await receive_less()
            found.append(len(message.get("body", b"")))
            more = message.get("more_body", False)
        left = len(sizes) + 1 - len(coming)
        assert (await receive_less())["type"] == "http.disconnect", "or Django would take it for another body"
        return found, left

    assert asyncio.run(read()) == (handed_on, taken)
    assert (CUT_OFF in scope) == (handed_on[-1] == 0)


ASKED_BY = {
    "wsgi": """
from wsgiref.util import setup_testing_defaults
from site_wsgi import application

environ = {"PATH_INFO": "/healthz/live"}
setup_testing_defaults(environ)
b"".join(application(environ, lambda *_: None))
""",
    "asgi": """
import asyncio
from site_asgi import application

coming = [{"type": "http.request"}]


async def receive():
    return coming.pop() if coming else await asyncio.Future()


async def send(_):
    pass


scope = {"type": "http", "method": "GET", "path": "/healthz/live", "headers": []}
asyncio.run(application(scope, receive, send))
""",
}


@pytest.mark.parametrize(("kind", "seconds"), [("wsgi", "600"), ("asgi", "0")])
def test_connections_are_kept_by_wsgi_alone(kind: str, seconds: str, tmp_path: Path) -> None:
    """Also where a project's own middleware, which isn't asynchronous, is behind the package's."""
    middleware = "def plain(get_response):\n    return get_response\n"
    write_site(tmp_path, after=f'{middleware}MIDDLEWARE += ["site_settings.plain"]')
    code = f"{ASKED_BY[kind]}\nfrom django.db import connection\nprint(connection.settings_dict['CONN_MAX_AGE'])"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(tmp_path, DATABASE_URL="postgres://a:b@127.0.0.1:1/c?conn_max_age=600"),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert shown.stdout.strip().splitlines()[-1] == seconds
