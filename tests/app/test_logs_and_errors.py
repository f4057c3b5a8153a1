"""One line for each request, tracebacks of 500s, no secrets; error pages without a database; gunicorn's numbers."""

from __future__ import annotations

import json
import logging
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.handlers.exception import convert_exception_to_response
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from environment import errors, gunicorn_config, logs


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
    (line,) = [line for line in lines if line["logger"] == "environment.request"]
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
    """divio.md 1.7, 6: there a 500 prints nothing."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("on purpose")

    client.raise_request_exception = False
    monkeypatch.setattr("gallery.views.Index.get_queryset", broken)
    response = client.get("/")
    assert response.status_code == 500
    assert b"Something broke" in response.content
    (line,) = [line for line in lines if line["level"] == "ERROR"]
    assert "RuntimeError: on purpose" in line["traceback"]
    assert line["request_id"] == response["X-Request-ID"]


def test_errors_go_to_stderr_and_the_rest_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    import logging.config

    before = logging.getLogger().handlers[:]
    configuration = logs.configuration(debug=False)
    try:
        logging.config.dictConfig(configuration)
        logging.getLogger("django.request").error("bad")
        logging.getLogger("environment.request").info("good")
        captured = capsys.readouterr()
    finally:
        logging.getLogger().handlers[:] = before
    assert (json.loads(captured.err)["message"], json.loads(captured.out)["message"]) == ("bad", "good")


@pytest.mark.usefixtures("local")
@pytest.mark.parametrize("status", [400, 403, 404, 408, 413, 500, 503])
def test_error_pages_are_styled_and_need_no_database(status: int) -> None:
    """No `db` fixture: a query would fail this test."""
    response = errors.page(status)
    assert response.status_code == status
    assert b"style" in response.content
    assert str(status).encode() in response.content


@pytest.mark.usefixtures("local")
@pytest.mark.parametrize("error", [OperationalError("x"), InterfaceError("x")])
def test_an_outage_is_a_503(error: Exception) -> None:
    def broken(_: HttpRequest) -> HttpResponse:
        raise error

    response = convert_exception_to_response(broken)(RequestFactory().get("/"))
    assert (response.status_code, response["Retry-After"]) == (503, "10")


def test_an_s3_error_is_an_outage_only_if_the_server_is_at_fault() -> None:
    from botocore.exceptions import ClientError, ConnectTimeoutError

    def answered(status: int) -> ClientError:
        return ClientError({"ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject")

    assert errors.is_outage(answered(503))
    assert errors.is_outage(ConnectTimeoutError(endpoint_url="http://x"))
    assert not errors.is_outage(answered(403))
    assert not errors.is_outage(ValueError())


def test_another_gunicorn_than_the_one_tried_keeps_its_own_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gunicorn.version_info", (28, 0, 0))
    assert runpy.run_path(gunicorn_config.__file__)["worker_class"] == "gthread"


def test_gunicorn_recycles_drains_and_keeps_its_heartbeat_off_the_disk() -> None:
    assert (gunicorn_config.worker_class, gunicorn_config.threads) == ("environment.worker.Worker", 4)
    assert gunicorn_config.max_requests > gunicorn_config.max_requests_jitter > 0
    assert gunicorn_config.graceful_timeout < 30, "ECS and Docker kill after 30 s"
    assert gunicorn_config.keepalive > 60, "longer than a load balancer's"
    assert gunicorn_config.worker_tmp_dir == "/dev/shm"
    assert gunicorn_config.forwarded_allow_ips == ""


@pytest.mark.parametrize(("cpus", "workers"), [(0.25, 2), (1, 2), (1.5, 3), (2, 4), (64, 8)])
def test_workers_follow_the_cpus(cpus: float, workers: int) -> None:
    assert gunicorn_config.worker_count(cpus) == workers


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
