"""The sections of a local stack's status. A new one is a method here, and a line in `questions`."""

import http.client
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from infra.commands import stack
from infra.commands.operations import RELEASE, LogLine, backup_checks, pulumi_stack
from infra.commands.operations.local_maintenance import LocalMaintenance
from infra.commands.operations.local_schedules import SCHEDULER, schedules_of
from infra.commands.operations.maintenance import maintenance_section
from infra.commands.operations.media import Count, count
from infra.commands.operations.schedules import schedules_section
from infra.commands.operations.services import cache_section, mail_section
from infra.commands.operations.status import Question, Section, ago, size
from infra.dsn import S3DSN, DSNError
from infra.local import asking

if TYPE_CHECKING:
    from docker.models.containers import Container

SECONDS = 1.5  # for all sections together, so that `status` takes two at most
DATABASE = (
    "select current_setting('server_version'), pg_database_size(current_database()), "
    "(select count(*) from pg_stat_activity where backend_type = 'client backend'), current_setting('max_connections')"
)


class LocalStatus:
    """Asks for the sections of a stack, whose containers are given by what follows the stack in their names."""

    def __init__(self, name: str, containers: Mapping[str, "Container"]) -> None:
        self._name = name
        self._containers = containers
        self._environment = stack.environment(containers["web"])

    def questions(self) -> dict[str, Question]:
        """The sections by name. A server of such a name has a section, and is no process of the stack."""
        return {
            "database": self._database,
            "media": self._media,
            "cache": self._cache,
            "mail": self._mail,
            "release": self._release,
            "schedules": self._schedules,
            "backup_check": self._backup_check,
            "maintenance": lambda: maintenance_section(LocalMaintenance(self._containers["web"]).look()),
        }

    def _database(self) -> Section | None:
        if not (container := self._containers.get("database")):
            return None
        if container.status != "running":
            return Section(f"doesn't run ({container.status})", {"running": False}, is_well=False)
        environment = stack.environment(container)
        user = environment.get("POSTGRES_USER", "postgres")
        output = _run_in(container, ["psql", "-XAtU", user, "-d", environment.get("POSTGRES_DB", user), "-c", DATABASE])
        version, bytes_, connections, most = output.split("|")
        version = version.split()[0]
        return Section(
            f"PostgreSQL {version}, {size(int(bytes_))}, {connections} of {most} connections",
            {
                "version": version,
                "bytes": int(bytes_),
                "connections": int(connections),
                "max_connections": int(most),
            },
        )

    def _media(self) -> Section | None:
        container = self._containers.get("media")
        if container and container.status != "running":
            return Section(f"doesn't run ({container.status})", {"running": False}, is_well=False)
        text = self._environment.get("DEFAULT_STORAGE_DSN", "")
        if text.startswith("file:"):
            # One line a file, with its size; no program of the image but Python is sure to be there.
            program = (
                "import os, sys; sizes = [os.path.getsize(os.path.join(folder, name))"
                " for folder, _, names in os.walk(sys.argv[1]) for name in names]; print(len(sizes), sum(sizes))"
            )
            output = _run_in(self._containers["web"], ["python", "-c", program, urlsplit(text).path])
            objects, bytes_ = map(int, output.split())
            return Count(objects, bytes_).section()
        try:
            return count(S3DSN.parse(text)).section()
        except DSNError as error:
            raise RuntimeError(f"DEFAULT_STORAGE_DSN: {error}") from None

    def _cache(self) -> Section:
        if not (container := self._containers.get("cache")):
            return cache_section(self._environment)
        if container.status != "running":
            return Section(f"doesn't run ({container.status})", {"running": False}, is_well=False)
        password = unquote(urlsplit(self._environment["CACHE_URL"]).password or "")
        known = dict(
            line.strip().split(":", 1)
            for line in _run_in(container, ["valkey-cli", "info"], {"REDISCLI_AUTH": password}).splitlines()
            if ":" in line
        )
        version, used, most = known["valkey_version"], int(known["used_memory"]), int(known["maxmemory"])
        keys = sum(int(re.findall(r"keys=(\d+)", text)[0]) for name, text in known.items() if name.startswith("db"))
        return Section(
            f"Valkey {version}, {size(used)} of {size(most)}, {keys} keys",
            {"version": version, "bytes": used, "max_bytes": most, "keys": keys},
        )

    def _mail(self) -> Section:
        if not (container := self._containers.get("mail")):
            return mail_section(self._environment)
        if container.status != "running":
            return Section(f"doesn't run ({container.status})", {"running": False}, is_well=False)
        port = int((container.ports["8025/tcp"] or [])[0]["HostPort"])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)  # no proxy is asked
        connection.request("GET", "/api/v1/messages?limit=1")
        mails, page = int(json.load(connection.getresponse())["total"]), f"http://localhost:{port}/"
        return Section(f"{mails} mails kept, shown at {page}", {"mails": mails, "page": page})

    def _schedules(self) -> Section | None:
        if not (scheduler := self._containers.get(SCHEDULER)):
            return None
        running = [str(one.id) for one in self._containers.values() if one.status == "running"]
        return schedules_section(schedules_of(scheduler, running))

    def _backup_check(self) -> Section | None:
        """Nothing without a check, since a local stack has no backup of its own; that of an earlier stack is none."""
        check = backup_checks.read_here(f"{stack.project_name()}-{self._name}")
        database = self._containers.get("database")
        if not check or (database and check.moment < _begin_of_data(database)):
            return None
        return check.section()

    def _release(self) -> Section | None:
        """When the release last ran to its end, and whether an update failed since; both are in Pulumi's state."""
        release = _release_resource(self._name)
        failed = _failed_update(self._name, release)
        succeeded = _succeeded(release) if release else None
        text = (f"succeeded {ago(succeeded)}" if succeeded else "succeeded") if release else "none yet"
        if failed:
            text += f"; the last `pulumi up` failed {ago(failed.end)}"
        facts = {
            "succeeded": succeeded.isoformat(timespec="seconds") if succeeded else None,
            "failed_update": failed.end.isoformat(timespec="seconds") if failed else None,
        }
        return Section(text, facts, is_well=bool(release) and not failed)


@dataclass(frozen=True)
class _Failed:
    """An update that failed: its begin and end (UTC)."""

    begin: datetime
    end: datetime


def release_lines(name: str) -> Iterator[LogLine]:
    """What the last successful release printed, which Pulumi's state has.

    Nothing keeps what the release of an update printed that failed; where that was later, it is said on stderr. Ends
    the command with one line where there is nothing to show.
    """
    try:
        release = _release_resource(name)
        failed = _failed_update(name, release)
    except RuntimeError as error:
        sys.exit(f"The release's log can't be read: {error}")
    again = f"what it printed isn't kept. Fix: pulumi up -s {shlex.quote(name)}, which shows it again"
    if not release and failed:
        sys.exit(
            f"The stack {name} has had no release that succeeded; `pulumi up` failed {ago(failed.end)}, and {again}"
        )
    if not release:
        sys.exit(f"The stack {name} has had no release yet. Fix: {stack.make('local', name)}")
    at = _succeeded(release) or datetime.now(UTC)
    if failed and at < failed.begin:
        print(f"This is the release of {ago(at)}. `pulumi up` failed {ago(failed.end)}, and {again}", file=sys.stderr)
    line = ["pulumi", "stack", "output", "release_log", "--stack", name, "--show-secrets"]
    done = subprocess.run(line, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"The release's log can't be read: {' '.join(done.stderr.split())}")
    for text in done.stdout.splitlines():
        yield LogLine(at, RELEASE, "state", text)


def _release_resource(name: str) -> dict[str, Any] | None:
    """The release in the stack's state; none before the first one succeeded."""
    deployment = pulumi_stack.ask("export", name)["deployment"] or {}  # null before the first `pulumi up`
    resources = deployment.get("resources") or []
    found = (one for one in resources if one["urn"].endswith("::release") and one["type"] == "command:local:Command")
    return next(found, None)


def _succeeded(release: Mapping[str, Any]) -> datetime | None:
    """When the release last ran to its end."""
    return _moment(release.get("modified") or release.get("created"))


def _failed_update(name: str, release: Mapping[str, Any] | None) -> _Failed | None:
    """The last `pulumi up` of the stack if it failed, whatever else was done to the stack since.

    A stack without a release that was destroyed since begins anew. With one, only a part of it was destroyed.
    """
    for one in pulumi_stack.history(name):
        if one.get("kind") == "update":
            end = datetime.fromisoformat(one["endTime"])
            return _Failed(_moment(one.get("startTime")) or end, end) if one["result"] == "failed" else None
        if one.get("kind") == "destroy" and one["result"] == "succeeded" and not release:
            return None
    return None


def _run_in(container: "Container", line: list[str], environment: Mapping[str, str] | None = None) -> str:
    """What a command in a container prints; raises RuntimeError with its last line when it fails."""
    status, output, complaints = asking.ask(container, line, environment)
    if status:
        text = (output + complaints).decode(errors="replace").strip()
        raise RuntimeError(text.rpartition("\n")[2] or f"{line[0]} ended with exit status {status}")
    return output.decode(errors="replace").strip()


def _begin_of_data(database: "Container") -> datetime:
    """When the volume of the database's data was made; the Unix epoch where its mount is none."""
    names = [mount["Name"] for mount in database.attrs["Mounts"] if mount["Type"] == "volume"]
    engine = database.client
    assert engine  # noqa: S101  # the container was asked of it
    made = [engine.volumes.get(name).attrs.get("CreatedAt") for name in names]
    return min((datetime.fromisoformat(each) for each in made if each), default=datetime.fromtimestamp(0, UTC))


def _moment(text: str | None) -> datetime | None:
    """A time in the state or the history; none without a text."""
    return datetime.fromisoformat(text) if text else None
