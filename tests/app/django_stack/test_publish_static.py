"""`publish_static`: what a bucket gets of the collected files, and what tasks still answer behind a CDN."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from django.apps import apps
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import CommandError, call_command
from django.test import Client
from django_stack.management.commands import publish_static
from django_stack.storages import S3Media

from tests.app.django_stack.s3_server import SIGNED, Raw, Server
from tests.app.environment import CLOUD

DSN = SIGNED.replace("media/?", "media/static?")
BALANCER = {"HTTP_HOST": "internal-app-1234567890.us-east-1.elb.amazonaws.com"}


@pytest.fixture
def collected(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Collected files: three with their hash, each beside the original and a compressed one."""
    files = {
        "app/a.css": "app/a.0123456789ab.css",
        "app/b.js": "app/b.0123456789ac.js",
        "c.woff2": "c.0123456789ad.woff2",
    }
    for name in (*files, *files.values(), *(f"{name}.gz" for name in files.values())):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    settings.STATIC_ROOT = str(tmp_path)
    monkeypatch.setattr(staticfiles_storage, "hashed_files", files, raising=False)
    return tmp_path


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """The bucket, in place of the network."""
    server = Server()
    made = S3Media._create_session

    def session(storage: S3Media) -> Any:
        session = made(storage)
        session.events.register("before-send.s3", server.answer)
        return session

    monkeypatch.setattr(S3Media, "_create_session", session)
    return server


def test_the_files_with_a_hash_in_their_names_are_copied_with_what_whitenoise_says_of_them(
    collected: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("publish_static", DSN)
    assert b"<h1>Back soon</h1>" in server.objects.pop("static/django_stack/maintenance.html")
    assert server.objects == {
        f"static/{name}": name.encode()
        for name in ("app/a.0123456789ab.css", "app/b.0123456789ac.js", "c.0123456789ad.woff2")
    }
    headers = {
        tuple(bytes(found[name]).decode() for name in ("content-type", "cache-control"))  # type: ignore[arg-type]
        for found in server.headers
    }
    lasting = "max-age=315360000, public, immutable"
    assert headers == {
        ('text/css; charset="utf-8"', lasting),
        ('text/javascript; charset="utf-8"', lasting),
        ("font/woff2", lasting),
        ('text/html; charset="utf-8"', "no-cache"),
    }
    assert capsys.readouterr().out == "3 static files are published.\n"


def test_files_that_are_there_are_copied_again_so_that_they_expire_later(collected: Path, server: Server) -> None:
    call_command("publish_static", DSN)
    call_command("publish_static", DSN)
    assert len(server.headers) == 8


def test_a_bucket_that_refuses_fails_the_command_with_its_name(
    collected: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        return AWSResponse(request.url, 403, {}, Raw(b"<Error><Code>AccessDenied</Code></Error>"))

    monkeypatch.setattr(server, "answer", refuse)
    with pytest.raises(CommandError, match=r"can't be copied to media: .*AccessDenied"):
        call_command("publish_static", DSN)


@pytest.mark.parametrize("dsn", ["file:///data/static/", "s3://a b/", "bucket"])
def test_what_is_no_bucket_is_refused(dsn: str) -> None:
    with pytest.raises(CommandError, match="The argument "):
        call_command("publish_static", dsn)


def test_a_project_without_static_files_publishes_the_page_of_maintenance_alone(
    monkeypatch: pytest.MonkeyPatch, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(apps.app_configs, "staticfiles")  # a change of INSTALLED_APPS would load procrastinate's twice
    assert publish_static.hashed_files() == {}
    call_command("publish_static", DSN)
    assert [*server.objects] == ["static/django_stack/maintenance.html"]
    assert publish_static.MESSAGE.encode() in server.objects["static/django_stack/maintenance.html"]
    assert capsys.readouterr().out == "0 static files are published.\n"


@pytest.mark.parametrize("redirects", ["", "example.org"])
def test_a_cdn_gets_a_static_file_from_a_task_by_http_under_any_name(
    handed: Callable[..., None], settings: Any, client: Client, redirects: str
) -> None:
    """The first place that it asks is the bucket, for which the visitor's host would be the wrong name."""
    handed({**CLOUD, "DOMAIN_REDIRECTS": redirects})
    (Path(settings.STATIC_ROOT) / "a.css").write_text("body {}")
    found = client.get("/static/a.css", **BALANCER)
    assert (found.status_code, b"".join(found)) == (200, b"body {}")
    assert client.get("/static/b.css", **BALANCER).status_code == 404
    assert client.get("/static/", **BALANCER).status_code == 404


@pytest.mark.parametrize("redirects", ["", "example.org"])
def test_nothing_but_static_files_is_served_under_another_name(
    handed: Callable[..., None], client: Client, redirects: str
) -> None:
    handed({**CLOUD, "DOMAIN_REDIRECTS": redirects})
    assert client.get("/", secure=True, HTTP_X_FORWARDED_PROTO="https", **BALANCER).status_code == 400
    assert client.get("/", HTTP_HOST="www.example.com").status_code == 301
