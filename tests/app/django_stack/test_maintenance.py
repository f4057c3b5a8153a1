"""Maintenance of a local stack: who gets the page, what is let through, and what happens when the file changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django_stack import maintenance
from django_stack.management.commands import publish_static

from infra import readiness
from infra.commands.operations import cloud_maintenance as cloud
from infra.commands.operations import maintenance as commands
from infra.local.maintenance import FILE
from tests import ROOT
from tests.app.environment import LOCAL
from tests.app.served import Site, served
from tests.waiting import wait_until

STATE = {"since": "2026-11-28T10:00:00+00:00", "message": "Back at <ten>.", "retry_after": 120, "allow": []}
Write = Callable[..., None]


@pytest.fixture
def write(handed: Any, settings: Any, tmp_path: Path) -> Write:
    """Writes the file of a stack that has the volume, as the command does; `None` as the only argument for none."""
    file = tmp_path / "maintenance" / "maintenance.json"
    file.parent.mkdir()
    handed(LOCAL | {"DJANGO_DEBUG": "False"})
    settings.MAINTENANCE_FILE = str(file)

    def put(text: str | None = "", **state: Any) -> None:
        content = json.dumps(None if text is None else STATE | state)
        new = file.with_suffix(".new")
        new.write_bytes((text or content).encode(errors="surrogateescape"))
        new.replace(file)

    return put


def visit(path: str = "/", visitor: str = "203.0.113.7") -> Any:
    return Client(REMOTE_ADDR=visitor).get(path, HTTP_HOST="localhost")


@pytest.mark.usefixtures("db")
def test_visitors_get_503_the_message_and_when_to_come_back_as_soon_as_the_file_says_so(write: Write) -> None:
    client = Client()
    assert client.get("/", HTTP_HOST="localhost").status_code == 200
    write()
    answer = client.get("/", HTTP_HOST="localhost")
    assert (answer.status_code, answer["Retry-After"], answer["Cache-Control"]) == (503, "120", "no-store")
    assert answer[maintenance.HEADER] == STATE["since"]
    assert answer["X-Request-ID"], "the request is in the log"
    assert "Back at &lt;ten&gt;." in answer.content.decode()
    assert client.post("/accounts/login/", HTTP_HOST="localhost").status_code == 503
    write(message="A little longer.")
    assert "A little longer." in client.get("/admin/", HTTP_HOST="localhost").content.decode()
    write(None)
    assert client.get("/", HTTP_HOST="localhost").status_code == 200


@pytest.mark.usefixtures("db")
def test_health_checks_and_static_files_are_answered_as_always(write: Write, settings: Any) -> None:
    write()
    assert visit("/healthz/live").status_code == 200
    assert visit("/healthz/ready").json()["status"] == "ok"
    style = Path(settings.STATIC_ROOT) / "style.css"
    style.write_text("p {}")
    assert visit("/static/style.css").status_code == 200


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize(
    ("network", "visitor", "let_through"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("203.0.113.0/25", "203.0.113.127", True),
        ("203.0.113.0/25", "203.0.113.128", False),
        ("2001:db8::/48", "2001:db8:0:ffff::1", True),
        ("2001:db8::/48", "2001:db8:1::1", False),
        ("203.0.113.7", "::ffff:203.0.113.7", True),
        ("::/0", "203.0.113.7", False),
    ],
)
def test_whom_the_command_allows_is_let_through(write: Write, network: str, visitor: str, let_through: bool) -> None:
    write(allow=["192.0.2.1", network])
    assert visit(visitor=visitor).status_code == (200 if let_through else 503)


@pytest.mark.usefixtures("db")
def test_where_everybody_gets_the_page_nobody_is_let_through(write: Write) -> None:
    write(allow=["203.0.113.7"])
    assert visit(maintenance.EVERYBODY, "203.0.113.7").status_code == 503
    assert visit(f"{maintenance.EVERYBODY}/", "203.0.113.7").status_code == 404
    write(None)
    assert visit(maintenance.EVERYBODY).status_code == 404


@pytest.mark.parametrize("text", ["{", "[]", "\udcff", '{"allow": ["everybody"]}', '{"retry_after": "soon"}'])
def test_a_file_that_cannot_be_read_counts_as_on_for_everybody(write: Write, text: str) -> None:
    write(text)
    answer = visit()
    assert (answer.status_code, answer["Retry-After"]) == (503, "300")
    assert maintenance.MESSAGE in answer.content.decode()


@pytest.mark.usefixtures("db")
def test_a_header_of_the_visitors_own_lets_nobody_through(write: Write) -> None:
    write(allow=["203.0.113.7"])
    answer = Client(REMOTE_ADDR="198.51.100.1").get("/", HTTP_HOST="localhost", HTTP_X_FORWARDED_FOR="203.0.113.7")
    assert answer.status_code == 503


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (None, "<h1>Back soon</h1>"),
        ("Own page: {{ message }}", "Own page: Be &lt;patient&gt;."),
        ("{% if %}", "<h1>Back soon</h1>"),
        ("{% include 'gone.html' %}", "<p>Be &lt;patient&gt;.</p>"),
    ],
    ids=["none", "own", "wrong", "failing"],
)
def test_the_page_is_the_projects_own_or_a_default_one_if_it_has_none_that_works(
    settings: Any, tmp_path: Path, template: str | None, expected: str
) -> None:
    if template:
        (tmp_path / "maintenance.html").write_text(template)
    settings.TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [str(tmp_path)]}]
    settings.SITE_NAME = "The <Shop>"
    shown = maintenance.page("Be <patient>.")
    assert expected in shown
    assert ("The &lt;Shop&gt;" in shown) is ("Own page" not in shown)


def test_both_sides_agree_on_the_file_the_header_and_the_defaults() -> None:
    assert maintenance.FILE == FILE
    assert maintenance.HEADER == readiness.MAINTENANCE
    assert maintenance.EVERYBODY == commands.EVERYBODY
    assert f"'{commands.EVERYBODY}'" in (ROOT / "infra/cloud/maintenance.js").read_text()
    assert (cloud.PAGE.removeprefix("static/"), cloud.MESSAGE) == (publish_static.PAGE, publish_static.MESSAGE)
    assert (maintenance.MESSAGE, maintenance.RETRY_AFTER) == (commands.MESSAGE, commands.RETRY_AFTER)


def test_a_stack_without_the_volume_pays_nothing(handed: Any, settings: Any, tmp_path: Path) -> None:
    handed(LOCAL)
    settings.MAINTENANCE_FILE = str(tmp_path / "no" / "file")
    with pytest.raises(maintenance.MiddlewareNotUsed):
        maintenance.Maintenance(lambda _: maintenance.HttpResponse())
    assert "django_stack.maintenance.Maintenance" in django_settings.MIDDLEWARE


def test_every_process_of_the_server_follows_without_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "maintenance"
    folder.mkdir()
    line = f"MAINTENANCE_FILE = {str(folder / 'maintenance.json')!r}"
    with served(tmp_path, "gunicorn", line, WEB_CONCURRENCY="2") as site:
        master = site.process.pid
        children = Path(f"/proc/{master}/task/{master}/children")
        wait_until(lambda: len(children.read_text().split()) == 2, "both processes")
        processes = children.read_text()
        assert {status(site) for _ in range(20)} == {200}
        (folder / "maintenance.json").write_text(json.dumps(STATE))
        assert {status(site) for _ in range(20)} == {503}
        (folder / "maintenance.json").unlink()
        assert {status(site) for _ in range(20)} == {200}
        assert children.read_text() == processes


def status(site: Site) -> int:
    answer = site.raw(b"GET /form HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return int(answer.split(b" ", 2)[1])
