"""What the local stack relies on in its images; it holds for the official ones and for the stand-ins alike."""

import subprocess
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.waiting import wait_until
from tools.setup.images import CACHE, MAIL, POSTGRES, PYTHON, S3

pytestmark = pytest.mark.docker
PASSWORD = "s3cr:t/'\"%40"
QUERY = ["psql", "--no-psqlrc", "--tuples-only", "--no-align"]


def docker(*arguments: str, fails: bool = False) -> str:
    """Runs the Docker client and returns all that it printed; it must succeed, or fail when that is expected."""
    reply = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=120)
    printed = reply.stdout + reply.stderr
    assert (reply.returncode != 0) is fails, printed
    return printed.strip()


@pytest.fixture
def place() -> Iterator[str]:
    """A name for one container, one network and one volume, which are gone afterwards."""
    name = f"django-stack-test-{uuid4().hex[:8]}"
    docker("network", "create", name)
    yield name
    for kind in (["rm", "--force", "--volumes"], ["volume", "rm", "--force"], ["network", "rm"]):
        subprocess.run(["docker", *kind, name], capture_output=True, check=False)


def in_container(name: str, *command: str) -> bool:
    return subprocess.run(["docker", "exec", name, *command], capture_output=True, check=False).returncode == 0


# python


def test_python_has_the_official_names_and_makes_virtual_environments() -> None:
    script = "python --version; python3 --version; echo Python $PYTHON_VERSION"
    script += "; python -m venv /tmp/venv; /tmp/venv/bin/pip --version"
    first, second, variable, pip = docker("run", "--rm", PYTHON, "sh", "-ec", script).splitlines()
    assert first == second == variable
    assert first.startswith("Python 3.13.")
    assert "/tmp/venv/" in pip


def test_pip_may_install_without_a_virtual_environment() -> None:
    answer = docker("run", "--rm", PYTHON, "pip", "install", "--no-index", "no-such-package", fails=True)
    assert "No matching distribution found" in answer, "Debian's own Python refuses before it looks"


def test_python_runs_as_any_user_and_has_certificate_authorities() -> None:
    script = (
        "import os, sqlite3, ssl; print(os.getuid(), open('/etc/ssl/certs/ca-certificates.crt').read().count('BEGIN'))"
    )
    user, authorities = docker("run", "--rm", "--user", "1234:1234", PYTHON, "python", "-c", script).split()
    assert user == "1234"
    assert int(authorities) > 100


# postgres


@pytest.fixture
def database(place: str) -> str:
    """A server with a volume that belonged to root, reachable as `database` in its network."""
    docker("run", "--rm", "--volume", f"{place}:/data", "--user", "0", PYTHON, "chown", "0:0", "/data")
    start(place)
    return place


def start(name: str, password: str = PASSWORD) -> None:
    settings = ["POSTGRES_USER=app", f"POSTGRES_PASSWORD={password}", "POSTGRES_DB=shop"]
    environment = [word for setting in settings for word in ("--env", setting)]
    reach = ["--network", name, "--network-alias", "database", "--volume", f"{name}:/var/lib/postgresql/data"]
    docker("run", "--detach", "--name", name, *environment, *reach, POSTGRES)
    wait_until(lambda: in_container(name, "pg_isready", "-h", "127.0.0.1", "-U", "app"), f"the container {name}", 30)


def from_elsewhere(name: str, password: str, *, fails: bool = False) -> str:
    """Asks the server over the network, from a second container."""
    reach = ["--network", name, "--env", f"PGPASSWORD={password}"]
    client = [*QUERY, "--host", "database", "--username", "app", "--dbname", "shop", "--command", "select current_user"]
    return docker("run", "--rm", *reach, POSTGRES, *client, fails=fails)


def test_the_environment_makes_the_role_and_the_database(database: str) -> None:
    query = (
        "select current_user, current_database(), datcollate, rolsuper"
        " from pg_database, pg_roles where datname = 'shop' and rolname = 'app'"
    )
    # The local socket asks for no password.
    found = docker("exec", database, *QUERY, "--username", "app", "--dbname", "shop", "--command", query)
    assert found == "app|shop|en_US.utf8|t"
    assert docker("exec", database, *QUERY, "-U", "app", "-d", "shop", "-c", "show server_version_num").startswith("17")


def test_the_network_asks_for_the_password(database: str) -> None:
    assert from_elsewhere(database, PASSWORD) == "app"
    assert "password authentication failed" in from_elsewhere(database, "wrong", fails=True)


def test_the_server_runs_as_its_own_user_and_listens_only_when_it_is_whole(database: str) -> None:
    assert docker("exec", database, "stat", "--format", "%u %g %a", "/var/lib/postgresql/data") == "999 999 700"
    assert docker("exec", database, "stat", "--format", "%u", "/proc/1") == "999"
    assert "listening on IPv4" not in docker("logs", database).partition("init process complete")[0]


def test_a_stop_is_clean_and_a_new_container_finds_the_data_and_its_old_password(database: str) -> None:
    docker("exec", database, *QUERY, "-U", "app", "-d", "shop", "-c", "create table kept as select 1 as one")
    docker("stop", "--time", "20", database)
    assert docker("inspect", "--format", "{{.State.ExitCode}}", database) == "0"
    assert "database system is shut down" in docker("logs", database)
    docker("rm", database)
    start(database, password="another")
    assert docker("exec", database, *QUERY, "-U", "app", "-d", "shop", "-c", "select one from kept") == "1"
    assert from_elsewhere(database, PASSWORD) == "app"
    assert "init process complete" not in docker("logs", database)


def test_a_password_changed_over_the_local_socket_counts(database: str) -> None:
    docker("exec", database, *QUERY, "-U", "app", "-d", "shop", "-c", "alter role app password 'new'")
    assert from_elsewhere(database, "new") == "app"
    assert "password authentication failed" in from_elsewhere(database, PASSWORD, fails=True)


def test_without_a_password_the_first_start_is_refused() -> None:
    assert "POSTGRES_PASSWORD" in docker("run", "--rm", "--env", "POSTGRES_USER=app", POSTGRES, fails=True)


def test_options_go_to_the_server_and_other_commands_run_as_they_are(place: str) -> None:
    docker("run", "--detach", "--name", place, "--env", "POSTGRES_PASSWORD=x", POSTGRES, "-c", "work_mem=8MB")
    wait_until(lambda: in_container(place, "pg_isready", "-h", "127.0.0.1"), f"the container {place}", 30)
    assert docker("exec", place, *QUERY, "--username", "postgres", "--command", "show work_mem") == "8MB"
    assert docker("run", "--rm", POSTGRES, "pg_isready", "--version").startswith("pg_isready (PostgreSQL) 17.")


# versitygw


def test_the_s3_server_answers_its_health_check_from_inside(place: str) -> None:
    keys = ["--env", "ROOT_ACCESS_KEY=key", "--env", "ROOT_SECRET_KEY=secret"]
    command = ["--port", ":9000", "--health", "/health", "posix", "/data"]
    docker("run", "--detach", "--name", place, "--volume", f"{place}:/data", *keys, S3, *command)
    health = "wget --quiet --output-document - http://127.0.0.1:9000/health"
    wait_until(lambda: in_container(place, "sh", "-c", health), f"the container {place}", 30)
    assert docker("exec", place, "sh", "-c", health) == "OK"
    assert "403" in docker("exec", place, "wget", "-S", "-O", "-", "http://127.0.0.1:9000/", fails=True)


def test_the_s3_server_can_be_set_up_by_variables_and_says_its_version(place: str) -> None:
    assert f"Version  : {S3.rpartition(':')[2]}" in docker("run", "--rm", S3, "--version")
    assert "VGW_BACKEND" in docker("run", "--rm", "--name", place, S3, fails=True)


# valkey

LETTERS = "s3cretLetters4"  # Valkey takes its arguments for lines of a configuration, in which quotes have a meaning


def test_valkey_takes_its_settings_as_arguments_and_asks_for_the_password(place: str) -> None:
    arguments = ["valkey-server", "--requirepass", LETTERS, "--save", "--appendonly", "no"]
    arguments += ["--maxmemory-policy", "volatile-lru"]
    docker("run", "--detach", "--name", place, "--network", place, "--network-alias", "cache", CACHE, *arguments)
    wait_until(lambda: "NOAUTH" in said(place, "ping"), "Valkey", 20)
    assert said(place, "ping", password=LETTERS) == "PONG"
    assert said(place, "config", "get", "maxmemory-policy", password=LETTERS).split() == [
        "maxmemory-policy",
        "volatile-lru",
    ]
    assert said(place, "config", "get", "save", password=LETTERS) == "save"
    assert said(place, "info", "server", password=LETTERS).partition("valkey_version:")[2].startswith("8.1.")
    # Over the network as well, and the user is its own.
    reach = ["--network", place, "--env", f"REDISCLI_AUTH={LETTERS}"]
    assert docker("run", "--rm", *reach, CACHE, "valkey-cli", "-h", "cache", "ping") == "PONG"
    assert docker("exec", place, "stat", "--format", "%u", "/proc/1") == "999"


def said(name: str, *words: str, password: str = "") -> str:
    """What Valkey answers in its container."""
    login = ["--env", f"REDISCLI_AUTH={password}"] if password else []  # an empty one would be tried as a password
    command = ["docker", "exec", *login, name, "valkey-cli", *words]
    reply = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    return (reply.stdout + reply.stderr).strip()


def test_valkey_ends_at_once_and_cleanly(place: str) -> None:
    docker("run", "--detach", "--name", place, CACHE, "--save", "--appendonly", "no")
    wait_until(lambda: said(place, "ping") == "PONG", "Valkey", 20)
    docker("stop", "--time", "10", place)
    assert docker("inspect", "--format", "{{.State.ExitCode}}", place) == "0"


# mailpit


def test_mailpit_takes_mails_shows_them_and_knows_that_it_is_ready(place: str) -> None:
    docker("run", "--detach", "--name", place, "--network", place, "--network-alias", "mail", MAIL)
    wait_until(lambda: in_container(place, "/mailpit", "readyz"), "Mailpit", 20)
    send = (
        "import smtplib; s = smtplib.SMTP('mail', 1025); "
        "s.sendmail('a@example.com', ['b@example.com'], 'Subject: hello\\r\\n\\r\\nworld')"
    )
    docker("run", "--rm", "--network", place, PYTHON, "python", "-c", send)
    ask = "import urllib.request; print(urllib.request.urlopen('http://mail:8025{}').read().decode())"
    listed = docker("run", "--rm", "--network", place, PYTHON, "python", "-c", ask.format("/api/v1/messages"))
    assert '"Subject":"hello"' in listed
    page = docker("run", "--rm", "--network", place, PYTHON, "python", "-c", ask.format("/"))
    assert "dist/app.js" in page
    script = docker("run", "--rm", "--network", place, PYTHON, "python", "-c", ask.format("/dist/app.js"))
    assert len(script) > 100_000, "the page is built"
