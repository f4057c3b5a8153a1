"""The password is set by the trusted socket, on the right server, and nothing of it is seen. Real ones: tests/e2e."""

import json
from typing import Any

import pytest
from docker.errors import APIError

from infra.local.steps import first_boot
from infra.local.steps import set_password as step
from tests.infra.local.steps.conftest import Run
from tests.infra.local.steps.engine import Container, Engine

DATA = "/var/lib/postgresql/data"
ASKED: dict[str, Any] = {
    "container": "database-id",
    "port": 1,
    "user": "app",
    "database": "app",
    "password": "TOPSECRETPASSWORD",
    "version": 17,
    "volume": "app-database",
    "stack": "local",
}


class Server(Container):
    """PostgreSQL that says its version and the folder of its data, and takes or refuses what is asked of it."""

    def __init__(self, version: int = 17, folder: str = DATA, mounts: dict[str, str] | None = None) -> None:
        super().__init__("database", ("database system is ready",), self.answer)
        self.version, self.folder, self.refusal = version, folder, b""
        self.sql: list[str] = []
        mounts = {DATA: "app-database"} if mounts is None else mounts
        self.attrs["Mounts"] = [
            {"Type": "volume", "Destination": place, "Name": name} for place, name in mounts.items()
        ]

    def answer(self, command: list[str], environment: dict[str, str]) -> tuple[int, bytes]:
        if "template1" in command:
            return 0, b"1\n"  # it has its last database
        self.sql.append(environment["SQL"])
        if "json_build_object" in environment["SQL"]:
            return 0, json.dumps({"version": self.version, "folder": self.folder}).encode()
        return (3, self.refusal) if self.refusal else (0, b"")


@pytest.fixture(autouse=True)
def listening(monkeypatch: pytest.MonkeyPatch) -> None:
    """The published port takes connections."""
    monkeypatch.setattr(step, "takes_connections", lambda port, user: True)


def test_role_database_and_access_are_completed_by_one_script(run: Run) -> None:
    server = Server()
    assert run("set_password", ASKED, Engine(server)) == (0, "", "")
    identity, script = server.executed
    assert "server_version_num')::int / 10000" in identity[1]["SQL"]
    assert identity[1]["SQL"].endswith("'folder', current_setting('data_directory'))\n")
    for command, environment in (identity, script):
        assert command == ["sh", "-c", 'printf %s "$SQL" | psql -qAtX -v ON_ERROR_STOP=1'], "a failed line ends it"
        assert (environment["PGUSER"], environment["PGDATABASE"]) == ("app", "postgres")
    lines = script[1]["SQL"].splitlines()
    assert lines[0] == "ALTER ROLE app PASSWORD 'TOPSECRETPASSWORD';"
    assert lines[1] == (
        "SELECT 'CREATE DATABASE app' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'app') \\gexec"
    )


def test_an_identity_that_the_engine_lost_is_asked_for_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    lost = iter([(0, b"")])
    monkeypatch.setattr(server, "program", lambda *asked: next(lost, None) or server.answer(*asked))
    assert run("set_password", ASKED, Engine(server)) == (0, "", "")
    assert len(server.executed) == 3, "the script, which prints nothing, runs once"


def test_a_first_boot_that_ended_before_its_rule_for_the_network_gets_the_rule() -> None:
    """The script as psql reads it: only if nobody but the container itself is let in, a rule is appended and loaded."""
    lines = [line.strip() for line in step.LET_IN.strip().splitlines()]
    assert lines == [
        "SELECT NOT EXISTS (",
        "SELECT FROM pg_hba_file_rules WHERE type LIKE 'host%' AND address NOT IN ('127.0.0.1', '::1')",
        ") AS closed \\gset",
        "\\if :closed",
        "COPY (VALUES (''), ('host all all all scram-sha-256')) TO PROGRAM 'cat >> pg_hba.conf';",
        "SELECT pg_reload_conf() \\gset",
        "\\endif",
    ]


def test_a_server_of_another_version_is_refused_before_anything_changes(run: Run) -> None:
    server = Server(version=16)
    status, _, error = run("set_password", ASKED, Engine(server))
    assert (status, len(server.sql)) == (1, 1)
    assert "The image's PostgreSQL is 16, and postgres-version is 17." in error
    assert "Fix: pulumi config set -s local postgres-version 16" in error


@pytest.mark.parametrize(
    ("folder", "mounts", "is_kept"),
    [
        (DATA, {DATA: "app-database"}, True),
        (f"{DATA}/pgdata", {DATA: "app-database"}, True),
        ("/elsewhere", {DATA: "app-database"}, False),
        (DATA, {DATA: "anonymous", "/var/lib/postgresql": "app-database"}, False),
        (DATA, {"/var/lib/postgresql": "app-database", "/var/lib": "other"}, True),
    ],
)
def test_data_outside_the_stacks_volume_are_refused(
    run: Run, folder: str, mounts: dict[str, str], is_kept: bool
) -> None:
    """The nearest mount above the folder is the one that counts."""
    status, _, error = run("set_password", ASKED, Engine(Server(folder=folder, mounts=mounts)))
    assert (status == 0) is is_kept
    assert is_kept or f"keeps its data in {folder}, which is not in the volume app-database" in error


def test_a_refusal_is_told_in_postgresqls_words_without_the_password(run: Run) -> None:
    server = Server()
    server.refusal = b"ERROR: permission denied\nLINE 1: ALTER ROLE app PASSWORD 'TOPSECRETPASSWORD';"
    status, _, error = run("set_password", ASKED, Engine(server))
    assert status == 1
    assert "did not take the stack's password. Its last lines:\n  | ERROR: permission denied" in error
    assert "TOPSECRET" not in error


def test_a_failure_is_followed_by_what_to_do_about_an_interrupted_first_boot(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_boot, "next_step", lambda container: f"\nLook into {container.name}.")
    _, _, error = run("set_password", ASKED, Engine(Server(version=16)))
    assert error.endswith("\nLook into database.\n")


def test_the_first_boot_of_a_large_image_has_five_minutes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostGIS's scripts take minutes on a slow machine; a database that hangs is still reported."""
    waited: list[tuple[str, float, list[str]]] = []

    def wait(container: Any, what: str, missing: Any, seconds: float, secrets: list[str]) -> None:
        waited.append((what, seconds, secrets))

    monkeypatch.setattr(step, "wait", wait)
    run("set_password", ASKED, Engine(Server()))
    assert waited == [("The database", 300, ["TOPSECRETPASSWORD"])]


def test_why_connections_are_not_taken_yet_is_told() -> None:
    def starting(command: list[str], environment: dict[str, str]) -> tuple[int, bytes]:
        return 2, b""

    def stopped(command: list[str], environment: dict[str, str]) -> tuple[int, bytes]:
        raise APIError("409", explanation="container is restarting")

    assert step.unready(Container(program=starting)) == "PostgreSQL does not take connections"
    assert step.unready(Container(program=stopped)) == "container is restarting"
    server = Container()
    assert step.unready(server) == ""
    command, _ = server.executed[0]
    assert command == ["pg_isready", "-h", "127.0.0.1"], "over TCP: at first boot the set-up server has a socket only"


def test_the_published_port_is_asked_and_the_container_only_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process in the container takes processor time that the first boot needs."""
    now, asked = [0.0], []
    monkeypatch.setattr(step.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(step, "takes_connections", lambda port, user: asked.append((port, user)) or now[0] > 20)
    container = Container(program=lambda command, environment: (2, b""))
    missing = step.watch(container, 5432, "app")
    while still := missing():
        assert still == "PostgreSQL does not take connections"
        now[0] += 1
    assert (now[0], asked[0], len(asked)) == (21, (5432, "app"), 22)
    assert len(container.executed) == 4


def test_a_port_that_is_not_reached_from_here_does_not_hold_the_step_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(step.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(step, "takes_connections", lambda port, user: False)
    missing = step.watch(Container(), 5432, "app")
    assert missing()
    now[0] += step.ASK_CONTAINER
    assert missing() == ""
