"""One line for each request, tracebacks of 500s, no secrets; error pages without a database; gunicorn's numbers."""

from __future__ import annotations

import json
import logging.config
import runpy
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig
from django.core.handlers.exception import convert_exception_to_response
from django.core.servers.basehttp import WSGIRequestHandler
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django_stack import errors, gunicorn_config, healthcheck, logs

from tests.app.programs import APP


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """What the log says, parsed."""
    found: list[dict[str, Any]] = []
    formatter = logs.JsonFormatter()

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(json.loads(formatter.format(record)))

    handler = Keep()
    logging.getLogger().addHandler(handler)
    yield found
    logging.getLogger().removeHandler(handler)


@pytest.mark.usefixtures("local", "db")
def test_a_request_is_one_line_without_its_query(client: Client, lines: list[dict[str, Any]]) -> None:
    response = client.get("/?token=hunter2", HTTP_X_REQUEST_ID="abc-12345678")
    (line,) = [line for line in lines if line["logger"] == "django_stack.request"]
    assert (line["method"], line["path"], line["status"], line["request_id"]) == ("GET", "/", 200, "abc-12345678")
    assert line["duration_ms"] > 0
    assert response["X-Request-ID"] == "abc-12345678"
    assert "hunter2" not in json.dumps(lines)


@pytest.mark.usefixtures("local", "db")
@pytest.mark.parametrize("given", ["short", "x" * 200, "with blank in it", 'quote"in-it-123'])
def test_a_strange_request_id_is_replaced(client: Client, given: str) -> None:
    assert client.get("/", HTTP_X_REQUEST_ID=given)["X-Request-ID"] != given


@pytest.mark.usefixtures("local", "db")
def test_a_500_leaves_its_traceback_in_the_log(
    client: Client, lines: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/handbook.md, fault 6: there a 500 prints nothing. Django's own record of it carries the request."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("on purpose")

    client.raise_request_exception = False
    monkeypatch.setattr("gallery.views.Index.get_queryset", broken)
    response = client.get("/?token=hunter2")
    assert response.status_code == 500
    assert b"Something broke" in response.content
    assert "hunter2" not in json.dumps(lines)
    (line,) = [line for line in lines if line["level"] == "ERROR"]
    assert "RuntimeError: on purpose" in line["traceback"]
    assert line["request_id"] == response["X-Request-ID"]


@contextmanager
def configured(debug: bool) -> Iterator[None]:
    """With the logging of a server."""
    filtered = [logging.getLogger(name) for name in ("django.server", "django.security.DisallowedHost")]
    before = [(logger, logger.handlers[:], logger.filters[:]) for logger in [logging.getLogger(), *filtered]]
    try:
        logging.config.dictConfig(logs.configuration(debug))
        yield
    finally:
        for logger, handlers, filters in before:
            logger.handlers[:], logger.filters[:] = handlers, filters


def test_errors_go_to_stderr_and_the_rest_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with configured(debug=False):
        logging.getLogger("django.request").error("bad")
        logging.getLogger("django_stack.request").info("good")
        captured = capsys.readouterr()
    assert (json.loads(captured.err)["message"], json.loads(captured.out)["message"]) == ("bad", "good")


def test_while_debugging_a_line_for_people_has_the_requests_id_before_its_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    token = logs.request_id.set("abc-1")
    try:
        with configured(debug=True):
            try:
                raise KeyError("on purpose")  # noqa: TRY301
            except KeyError:
                logging.getLogger("django.request").exception("bad\nand worse")
            logs.request_id.set("")
            logging.getLogger("django").info("good")
            captured = capsys.readouterr()
    finally:
        logs.request_id.reset(token)
    first, second, third, *_ = captured.err.splitlines()
    assert first.endswith(" ERROR django.request: bad [abc-1]")
    assert (second, third) == ("and worse", "Traceback (most recent call last):")
    assert captured.out.endswith(" INFO django: good\n")


@pytest.mark.usefixtures("local")
def test_a_wrong_host_is_a_remark_and_no_error(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    """Scanners send them all day."""
    with configured(debug=False):
        assert client.get("/", HTTP_HOST="wrong.example.com").status_code == 400
        captured = capsys.readouterr()
    lines = [json.loads(line) for line in captured.out.splitlines()]
    (line,) = [line for line in lines if line["logger"] == "django.security.DisallowedHost"]
    assert (line["level"], "traceback" in line, captured.err) == ("WARNING", False, "")


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("status", ["200", "404", "500"])
def test_runservers_own_line_for_a_request_with_its_query_is_left_out(
    capsys: pytest.CaptureFixture[str], status: str, debug: bool
) -> None:
    handler = WSGIRequestHandler.__new__(WSGIRequestHandler)
    handler.request = None
    with configured(debug):
        handler.log_message('"%s" %s %s', "GET /?token=hunter2 HTTP/1.1", status, "10")
        handler.log_message('"%s" %s %s', "\x16\x03hunter2", "400", "10")
        captured = capsys.readouterr()
    assert "hunter2" not in captured.out + captured.err
    assert "over HTTPS, but it only supports HTTP" in captured.err, "its other words are not"


@pytest.mark.usefixtures("local")
@pytest.mark.parametrize("status", [400, 403, 404, 408, 413, 500, 503])
def test_error_pages_are_styled_and_need_no_database(status: int) -> None:
    """No `db` fixture: a query would fail this test."""
    response = errors.page(status)
    assert response.status_code == status
    assert b"style" in response.content
    assert str(status).encode() in response.content


@pytest.mark.parametrize("status", [400, 404, 408, 413, 500, 503])
@pytest.mark.parametrize(
    "template",
    ["{{ request.path }}{% querystring %}", "{% if %}", "{% extends 'gone.html' %}", None],
    ids=["needs a request", "wrong", "incomplete", "none"],
)
def test_a_page_of_the_projects_that_fails_is_a_plain_line_and_logged_once(
    status: int, template: str | None, settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if template:
        (tmp_path / f"{status}.html").write_text(template)
    settings.TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [str(tmp_path)]}]
    errors.log_failure.cache_clear()
    answers = [errors.page(status) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {status}
    assert {answer.content.decode() for answer in answers} == {
        f"<!doctype html><title>{status}</title><h1>{status} {HTTPStatus(status).phrase}</h1>"
    }
    told = [record.exc_info is not None for record in caplog.records if f"{status}.html" in record.getMessage()]
    assert told == ([True] if template in ("{{ request.path }}{% querystring %}", "{% if %}") else [])


@pytest.mark.usefixtures("local")
@pytest.mark.parametrize("error", [OperationalError("x"), InterfaceError("x")])
def test_an_outage_is_a_503(error: Exception) -> None:
    def broken(_: HttpRequest) -> HttpResponse:
        raise error

    response = convert_exception_to_response(broken)(RequestFactory().get("/"))
    assert (response.status_code, response["Retry-After"]) == (503, "10")


@pytest.mark.usefixtures("local")
def test_a_form_that_is_too_big_is_a_413() -> None:
    def broken(_: HttpRequest) -> HttpResponse:
        raise RequestDataTooBig

    response = convert_exception_to_response(broken)(RequestFactory().get("/"))
    assert (response.status_code, b"Too large" in response.content) == (413, True)


def test_an_s3_error_is_an_outage_only_if_a_machine_is_at_fault() -> None:
    from botocore.exceptions import ClientError, ConnectTimeoutError

    def answered(status: int, code: str = "AccessDenied") -> ClientError:
        return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject")

    assert errors.is_outage(answered(503))
    assert errors.is_outage(ConnectTimeoutError(endpoint_url="http://x"))
    assert not errors.is_outage(answered(403))
    assert errors.is_outage(answered(403, "RequestTimeTooSkewed")), "as good as no S3, until the clock is set"
    assert not errors.is_outage(ValueError())


def test_another_gunicorn_than_the_one_tried_keeps_its_own_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gunicorn.version_info", (28, 0, 0))
    assert runpy.run_path(gunicorn_config.__file__)["worker_class"] == "gthread"


def test_gunicorn_recycles_drains_and_keeps_its_heartbeat_off_the_disk() -> None:
    assert (gunicorn_config.worker_class, gunicorn_config.threads) == ("django_stack.worker.Worker", 4)
    assert gunicorn_config.max_requests > gunicorn_config.max_requests_jitter > 0
    assert gunicorn_config.graceful_timeout < 30, "ECS and Docker kill after 30 s"
    assert gunicorn_config.keepalive > 60, "longer than a load balancer's"
    assert gunicorn_config.worker_tmp_dir == "/dev/shm"
    assert gunicorn_config.forwarded_allow_ips == ""


def test_workers_begin_with_what_the_master_loaded_frozen() -> None:
    code = "import gc; from django_stack import gunicorn_config as c; c.when_ready(None); print(gc.get_freeze_count())"
    done = subprocess.run([sys.executable, "-c", code], cwd=APP, capture_output=True, text=True, check=False)
    assert int(done.stdout) > 1000, done.stderr


@pytest.mark.parametrize(("cpus", "workers"), [(0.25, 2), (1, 2), (1.5, 3), (2, 4), (64, 8)])
def test_workers_follow_the_cpus(cpus: float, workers: int) -> None:
    assert gunicorn_config.worker_count(cpus) == workers


@pytest.mark.parametrize(
    ("environ", "workers", "bind"), [({}, None, 8000), ({"WEB_CONCURRENCY": "5", "PORT": "80"}, 5, 80)]
)
def test_workers_and_port_are_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], workers: int | None, bind: int
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    found = runpy.run_path(gunicorn_config.__file__)
    assert found["workers"] == (workers or gunicorn_config.worker_count(gunicorn_config.cpu_limit()))
    assert found["bind"] == [f"0.0.0.0:{bind}"]


@pytest.mark.report("joining bug 1")
@pytest.mark.parametrize(
    ("answer", "body", "status"),
    [
        (200, '{"status": "ok", "database": "ok", "migrations": "applied"}', 0),
        (200, "<h1>Our shop</h1>", 1),
        (200, '{"status": "unavailable"}', 1),
        (200, '["status"]', 1),
        (200, '{"status": "ok"}', 1),  # somebody else's
        (200, "", 1),
        (503, '{"status": "ok"}', 1),
        (301, "", 1),
        (None, "", 1),
    ],
)
def test_the_containers_health_check_wants_the_contracts_own_200_of_ready(
    monkeypatch: pytest.MonkeyPatch, answer: int | None, body: str, status: int
) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert answer
            self.send_response(answer if self.path == "/healthz/ready" else 404)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        monkeypatch.setenv("PORT", str(server.server_port))
        if answer:
            threading.Thread(target=server.handle_request).start()
        else:
            server.socket.close()
        assert healthcheck.main() == status


def test_cpus_are_those_of_the_control_group(tmp_path: Path) -> None:
    machine = gunicorn_config.cpu_limit(tmp_path)
    assert machine >= 1
    (tmp_path / "cpu.max").write_text("25000 100000\n")
    assert gunicorn_config.cpu_limit(tmp_path) == 0.25
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert gunicorn_config.cpu_limit(tmp_path) == machine
    (tmp_path / "cpu.max").unlink()
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("50000\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert gunicorn_config.cpu_limit(tmp_path) == 0.5


def test_the_debug_pages_filter_hides_addresses_with_logins() -> None:
    cleansed = logs.ReporterFilter().cleanse_setting
    for name in (
        "DATABASE_URL",
        "DEFAULT_STORAGE_DSN",
        "SENTRY_DSN",
        "CACHE_URL",
        "SECRET_KEY",
        "DEFAULT_DATABASE_DSN",
    ):
        assert "hunter2" not in str(cleansed(name, "postgres://a:hunter2@b"))
