"""The sections of a local stack: what its containers, its bucket and Pulumi's state say."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.commands import stack
from infra.commands.operations import backup_checks, local_status, media
from infra.commands.operations.backup_checks import BackupCheck
from infra.commands.operations.local_status import LocalStatus
from infra.commands.operations.media import MOST_OBJECTS, count
from infra.commands.operations.status import Section
from infra.dsn import S3DSN
from tests.http_server import Reply, Request, serving

DSN = S3DSN("media", "key", "TOPSECRET", endpoint_url="http://media.localhost:9000")


class Container:
    """A container that answers every command with `output` and `code`."""

    def __init__(self, output: str = "", code: int = 0, *, status: str = "running", **environment: str) -> None:
        self.output, self.code, self.status = output, code, status
        self.attrs = {"Config": {"Env": [f"{name}={value}" for name, value in environment.items()]}}
        self.lines: list[list[str]] = []
        self.losses = 0  # so many answers come without their output
        self.given: dict[str, str] = {}
        self.ports: dict[str, Any] = {}

    def exec_run(self, line: list[str], environment: dict[str, str], demux: bool) -> tuple[int, Any]:
        assert demux
        self.lines.append(line)
        self.given |= environment
        lost = len(self.lines) <= self.losses
        return self.code, (None, self.output.encode()) if self.code else (None if lost else self.output.encode(), None)


def section(name: str, **containers: Any) -> Section | None:
    return LocalStatus("local", {"web": Container(), **containers}).questions()[name]()


def test_a_database_has_its_version_size_and_connections() -> None:
    database = Container("17.6 (Debian 17.6-1)|9100000|3|100\n", POSTGRES_USER="app", POSTGRES_DB="shop")
    found = section("database", database=database)
    assert found
    assert found.text == "PostgreSQL 17.6, 9.1 MB, 3 of 100 connections"
    assert found.facts == {"version": "17.6", "bytes": 9_100_000, "connections": 3, "max_connections": 100}
    assert database.lines[0][:5] == ["psql", "-XAtU", "app", "-d", "shop"]


def test_a_database_that_does_not_run_or_answer_is_not_passed_over() -> None:
    stopped = section("database", database=Container(status="exited"))
    assert stopped
    assert (stopped.text, stopped.is_well) == ("doesn't run (exited)", False)
    with pytest.raises(RuntimeError, match=r"^the database system is starting up$"):
        section("database", database=Container("psql: error\nthe database system is starting up\n", 2))


def test_a_stack_without_a_database_of_its_own_has_no_such_section() -> None:
    assert section("database") is None


@pytest.mark.parametrize(
    ("made", "text"),
    [("2026-01-30T09:30:00Z", "checked"), ("2026-01-31T10:30:00+01:00", "checked"), ("2026-02-01T09:30:00Z", "")],
)
def test_a_check_of_a_backup_counts_for_the_data_that_it_was_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: str, text: str
) -> None:
    """A stack that is made anew under the name of another one has none."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    check = BackupCheck(datetime(2026, 1, 31, 9, 30, tzinfo=UTC), is_good=True)
    backup_checks.write_here(f"{stack.project_name()}-local", check)
    database: Any = Container()
    database.attrs["Mounts"] = [{"Type": "volume", "Name": "data"}, {"Type": "bind", "Source": "/x"}]
    volumes = {"data": SimpleNamespace(attrs={"CreatedAt": made})}
    database.client = SimpleNamespace(volumes=SimpleNamespace(get=volumes.__getitem__))
    found = section("backup_check", database=database)
    assert (found.text if found else "")[: len("checked")] == text


def test_a_cache_has_its_version_memory_and_keys_and_its_password_is_no_argument() -> None:
    info = (
        "# Server\r\nredis_version:7.2.4\r\nvalkey_version:8.1.1\r\nused_memory:1200000\r\nmaxmemory:268000000\r\n"
        "# Keyspace\r\ndb0:keys=3,expires=0,avg_ttl=0\r\ndb1:keys=40,expires=40,avg_ttl=299\r\n"
    )
    cache = Container(info)
    web = Container(CACHE_URL="redis://:TOP%2FSECRET@cache:6379/1")
    found = section("cache", web=web, cache=cache)
    assert found
    assert found.text == "Valkey 8.1.1, 1.2 MB of 268 MB, 43 keys"
    assert found.facts == {"version": "8.1.1", "bytes": 1_200_000, "max_bytes": 268_000_000, "keys": 43}
    assert cache.given == {"REDISCLI_AUTH": "TOP/SECRET"}
    assert "SECRET" not in str(cache.lines)


def test_the_mails_that_are_kept_are_counted_and_their_page_is_named() -> None:
    def answer(request: Request) -> Reply:
        known = request.path == "/api/v1/messages?limit=1"
        return Reply(200 if known else 404, "application/json", '{"total": 3, "messages": []}' if known else "{}")

    mail = Container()
    with serving(answer) as port:
        mail.ports = {"1025/tcp": None, "8025/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}
        found = section("mail", mail=mail)
    assert found
    assert found.text == f"3 mails kept, shown at http://localhost:{port}/"
    assert found.facts == {"mails": 3, "page": f"http://localhost:{port}/"}


def test_an_answer_that_the_engine_lost_is_asked_for_again() -> None:
    web = Container(CACHE_URL="redis://cache:6379/1")
    cache = Container("valkey_version:8.1.1\r\nused_memory:1\r\nmaxmemory:2\r\ndb0:keys=43,expires=0\r\n")
    cache.losses = 1
    found = section("cache", web=web, cache=cache)
    assert found
    assert found.text.endswith(", 43 keys")
    cache.losses = 99
    with pytest.raises(RuntimeError, match=r"^valkey-cli printed nothing$"):
        section("cache", web=web, cache=cache)


@pytest.mark.parametrize("name", ["cache", "mail"])
def test_a_service_that_does_not_run_is_not_passed_over(name: str) -> None:
    found = section(name, **{name: Container(status="exited")})
    assert found
    assert (found.text, found.is_well) == ("doesn't run (exited)", False)


def test_without_services_of_the_stack_the_variables_say_which_the_app_has() -> None:
    web = Container(CACHE_URL="rediss://:TOPSECRET@elsewhere:6379/1", EMAIL_URL="consolemail://")
    cache, mail = (section(name, web=web) for name in ("cache", "mail"))
    assert cache
    assert mail
    assert (cache.text, mail.text) == ("rediss at elsewhere", "not sent: printed to the log (consolemail)")


def test_a_media_folder_is_counted_in_the_container() -> None:
    web = Container("12 3400000\n", DEFAULT_STORAGE_DSN="file:///data/media/?url=%2Fmedia%2F")
    found = section("media", web=web)
    assert found
    assert found.text == "12 objects, 3.4 MB"
    assert web.lines[0][-1] == "/data/media/"


class S3:
    """A bucket of `number` objects of 10 bytes, in pages of a thousand."""

    def __init__(self, number: int) -> None:
        self.number = number

    def get_paginator(self, name: str) -> "S3":
        assert name == "list_objects_v2"
        return self

    def paginate(self, **asked: Any) -> Any:
        assert asked["Bucket"] == "media"
        left = min(self.number, asked["PaginationConfig"]["MaxItems"])
        for first in range(0, left, 1000):
            yield {"Contents": [{"Size": 10}] * min(1000, left - first)}


def test_a_bucket_is_counted_page_by_page_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "_client", lambda dsn: S3(2345))
    found = section("media", web=Container(DEFAULT_STORAGE_DSN=str(DSN)))
    assert found
    assert found.text == "2,345 objects, 23.4 kB"
    assert count(DSN, S3(MOST_OBJECTS)).section().text == "10,000 objects, 100 kB"
    most = count(DSN, S3(10**6)).section()
    assert (most.text, most.facts["at_least"]) == ("more than 10,000 objects, 100 kB", True)
    assert count(DSN, S3(0)).section().text == "0 objects, 0 bytes"


def test_the_local_server_is_asked_at_this_machines_address_whoever_the_proxy_is() -> None:
    client = media._client(DSN)
    assert client.meta.endpoint_url == "http://127.0.0.1:9000"
    assert client.meta.config.proxies == {}


NOW = datetime.now(UTC)
RELEASED = NOW - timedelta(days=3)


def done(kind: str, result: str, hours: float, begin: datetime | None = None) -> dict[str, str]:
    """What ended some hours ago, as Pulumi's history has it."""
    end = NOW - timedelta(hours=hours)
    moments = {"startTime": begin or end - timedelta(minutes=1), "endTime": end}
    said = {name: at.isoformat(timespec="seconds").replace("+00:00", ".000Z") for name, at in moments.items()}
    return {"kind": kind, "result": result, **said}


def pulumi_says(monkeypatch: pytest.MonkeyPatch, *history: dict[str, str], released: bool = True) -> None:
    """Scripts Pulumi: its history, the newest first, and a state with the release or without."""
    created = RELEASED.isoformat(timespec="microseconds").replace("+00:00", "789Z")
    later = NOW.isoformat(timespec="microseconds").replace("+00:00", "789Z")
    resources = [
        {"type": "command:local:Command", "urn": "urn:x::web-rollout", "created": later},
        *([{"type": "command:local:Command", "urn": "urn:x::release", "created": created}] if released else []),
    ]
    printed = {
        "export": json.dumps({"deployment": {"resources": resources}}),
        "output": "$ migrate\ndone\n",
    }

    def run(line: list[str], **_: Any) -> Any:
        assert line[:3] == ["pulumi", "stack", line[2]]
        if line[2] == "history":
            printed["history"] = json.dumps(history[: int(line[line.index("--page-size") + 1])])
        return SimpleNamespace(returncode=0, stdout=printed[line[2]], stderr="")

    monkeypatch.setattr(local_status.subprocess, "run", run)


FAILED = done("update", "failed", 4)
GOOD = "succeeded 3 days ago"
BAD = f"{GOOD}; the last `pulumi up` failed 4 hours ago"
REFRESHED = [done("refresh", "succeeded", 1 + number / 100) for number in range(30)]


@pytest.mark.parametrize(
    ("history", "released", "text", "is_well"),
    [
        ([done("update", "succeeded", 1)], True, GOOD, True),
        ([FAILED], True, BAD, False),
        ([FAILED], False, "none yet; the last `pulumi up` failed 4 hours ago", False),
        ([], True, GOOD, True),
        ([*REFRESHED, FAILED], True, BAD, False),  # as `make repair` and a look for drift every night leave it
        ([done("resource-import", "succeeded", 1), done("import", "succeeded", 2), FAILED], True, BAD, False),
        ([done("update", "succeeded", 3), FAILED], True, GOOD, True),
        ([{"kind": "update", "result": "in-progress"}, FAILED], True, BAD, False),
        (
            [done("destroy", "failed", 1), done("refresh", "failed", 2), done("update", "succeeded", 3)],
            True,
            GOOD,
            True,
        ),
        ([done("destroy", "failed", 1), FAILED], True, BAD, False),
        ([done("destroy", "succeeded", 1), FAILED], True, BAD, False),  # of a part, by --target
        ([*REFRESHED, done("destroy", "succeeded", 2), FAILED], False, "none yet", False),
        ([FAILED, done("destroy", "succeeded", 5)], False, "none yet; the last `pulumi up` failed 4 hours ago", False),
    ],
)
def test_the_last_release_is_in_the_state_and_a_failed_update_in_the_history(
    monkeypatch: pytest.MonkeyPatch, history: list[dict[str, str]], released: bool, text: str, is_well: bool
) -> None:
    pulumi_says(monkeypatch, *history, released=released)
    found = section("release")
    assert found
    assert (found.text, found.is_well) == (text, is_well)


SAID = (
    "This is the release of 3 days ago. `pulumi up` failed 4 hours ago, and what it printed isn't kept. "
    "Fix: pulumi up -s local, which shows it again\n"
)


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ([FAILED], SAID),
        ([*REFRESHED, FAILED], SAID),
        ([done("update", "failed", 4, RELEASED - timedelta(minutes=1))], ""),  # its release had succeeded
        ([done("update", "succeeded", 4)], ""),
        ([done("destroy", "failed", 4)], ""),
        ([], ""),
    ],
)
def test_the_log_of_a_release_is_not_taken_for_that_of_a_failed_one_after_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], history: list[dict[str, str]], said: str
) -> None:
    pulumi_says(monkeypatch, *history)
    assert [line.text for line in local_status.release_lines("local")] == ["$ migrate", "done"]
    assert capsys.readouterr().err == said


def test_a_first_release_that_failed_is_not_said_to_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    pulumi_says(monkeypatch, FAILED, released=False)
    with pytest.raises(SystemExit, match="no release that succeeded; `pulumi up` failed 4 hours ago, and what it"):
        next(local_status.release_lines("local"))


def test_a_stack_that_was_only_initialised_has_had_no_release(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = {"export": '{"version": 3, "deployment": null}', "history": "[]"}
    monkeypatch.setattr(
        local_status.subprocess, "run", lambda line, **_: SimpleNamespace(returncode=0, stdout=printed[line[2]])
    )
    found = section("release")
    assert found
    assert (found.text, found.is_well) == ("none yet", False)
    with pytest.raises(SystemExit, match="has had no release yet"):
        next(local_status.release_lines("local"))


def test_what_pulumi_refuses_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = SimpleNamespace(returncode=255, stdout="", stderr="error: no stack named 'local' found\n")
    monkeypatch.setattr(local_status.subprocess, "run", lambda *_, **__: refusal)
    with pytest.raises(RuntimeError, match="no stack named 'local' found"):
        section("release")
    with pytest.raises(SystemExit, match=r"The release's log can't be read: .*no stack named 'local' found"):
        next(local_status.release_lines("local"))
