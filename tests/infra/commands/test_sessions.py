"""Sessions on the local platform: a shell in a container of its own, and the database's own psql."""

import os
import pty
import re
import subprocess
import time
from collections.abc import Iterator

import pytest
from docker.models.containers import Container

from tests.infra.commands.conftest import PROGRAM, Web
from tests.waiting import allowed, quickest

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def database(web: Web) -> Iterator[Container]:
    environment = {"POSTGRES_USER": "app", "POSTGRES_DB": "shop", "POSTGRES_PASSWORD": "TOPSECRET"}
    ports = {"5432/tcp": ("127.0.0.1", None)}
    with web.beside("database", "postgres:17-trixie", None, environment=environment, ports=ports) as container:
        until = time.monotonic() + 60
        ready = ["pg_isready", "-h", "127.0.0.1", "-U", "app", "-d", "shop"]
        while container.exec_run(ready)[0] and time.monotonic() < until:
            time.sleep(0.2)
        container.reload()
        yield container


def in_a_terminal(web: Web, *arguments: str, typed: str) -> tuple[int, str]:
    """The exit status of a command in a terminal, where somebody types, and what the terminal shows."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, *arguments], cwd=web.folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown = b""
    try:
        os.write(ours, typed.encode())
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:  # the other end is closed: the program has ended
        pass
    finally:
        os.close(ours)
    return process.wait(timeout=30), shown.decode()


def test_a_shell_has_the_terminal_and_the_environment_and_leaves_no_container(web: Web) -> None:
    status, shown = in_a_terminal(web, "shell", "-s", "pr-12", typed="echo $DOMAIN $0; tty; exit 5\n")
    assert re.search(r"pr-12\.localhost \S*bash\r\n", shown), shown
    assert "/dev/pts/" in shown
    assert status == 5
    assert web.runs() == []


def test_psql_takes_arguments_and_input_and_ends_with_its_own_status(web: Web, database: Container) -> None:
    done = web.run("psql", "-s", "pr-12", "--", "-XAtc", "select current_user, current_database()")
    assert (done.returncode, done.stdout) == (0, "app|shop\n")
    assert web.run("psql", "-s", "pr-12", "-XAt", text="select 6 * 7;\n").stdout == "42\n"
    broken = web.run("psql", "-s", "pr-12", "-v", "ON_ERROR_STOP=1", "-c", "select nothing")
    assert broken.returncode == 1
    assert 'column "nothing" does not exist' in broken.stderr


def test_psql_has_a_prompt_in_a_terminal(web: Web, database: Container) -> None:
    status, shown = in_a_terminal(web, "psql", "-s", "pr-12", "-X", typed="select 6 * 7 as answer;\n\\q\n")
    assert status == 0
    assert "shop=# " in shown
    assert "42" in shown


def test_the_local_tunnel_says_where_the_database_is_already(web: Web, database: Container) -> None:
    done = web.run("tunnel", "-s", "pr-12")
    port = database.ports["5432/tcp"][0]["HostPort"]
    assert done.returncode == 0
    assert f'psql "host=127.0.0.1 port={port} dbname=shop user=app"' in done.stdout
    assert "SECRET" not in done.stdout


def test_status_has_the_database_in_less_than_two_seconds_and_no_process_of_that_name(
    web: Web, database: Container
) -> None:
    done, seconds = quickest(lambda: web.run("status", "-s", "pr-12"), enough=2)
    shown = done.stdout
    assert re.search(r"^database +PostgreSQL 17\.\d+, [\d.]+ MB, 1 of 100 connections$", shown, re.MULTILINE), shown
    assert seconds < allowed(2)


def test_without_a_database_of_its_own_psql_says_so(web: Web) -> None:
    done = web.run("psql", "-s", "pr-13")
    assert done.returncode == 1
    assert done.stderr == f"There is no container {web.project}-pr-13-database. Fix: make local STACK=pr-13\n"
