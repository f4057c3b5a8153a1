"""Under a server other than gunicorn, here uvicorn by ASGI: the same health, log, refusals and checks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.app.served import environment, served, write_site

END = b"\r\nHost: localhost\r\nConnection: close\r\n"


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
