"""PostgreSQL's first boot is cut short: our stand-in begins again; with the official image `up` says the way on.

Either is tried whichever image is there: the stand-in's entrypoint is mounted, and initdb in place is the other's way.
"""

import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import docker
import pytest
from docker.models.containers import Container

from infra.local.postgres import folders
from infra.local.steps.first_boot import next_step
from tests import ROOT
from tests.e2e.conftest import MakeStack
from tests.e2e.postgres18 import build_postgres_18
from tests.e2e.stacks import SERVING
from tests.faults.conftest import is_whole, leave_data, moments
from tests.steps import run_step
from tests.waiting import wait_until
from tools.setup.images import POSTGRES

pytestmark = pytest.mark.docker

DATA = "/var/lib/postgresql/data"
ENTRYPOINT = {str(ROOT / "tools/images/postgres/entrypoint.sh"): {"bind": "/usr/local/bin/docker-entrypoint.sh"}}
FOLDER = ".first-start"
# What initdb says when it begins a step, in their order.
STEPS = ("creating configuration files", "running bootstrap script", "performing post-bootstrap initialization")
# The last step has written its log, and the last database but one is begun: a server recovers both.
LATER = ("test pg_wal/000000010000000000000001 -nt global/pg_control", "test -e base/4/PG_VERSION")


class Place:
    """A volume, and containers that use it one after the other."""

    def __init__(self, engine: docker.DockerClient, version: int = 17) -> None:
        self.engine = engine
        self.version = version
        self.image = POSTGRES if version < 18 else build_postgres_18()
        self.mount, self.data = folders(version)
        self.name = f"django-stack-test-{uuid4().hex[:8]}"

    def container(self, command: list[str] | None = None, **more: Any) -> Container:
        """One that is not started yet."""
        mounts = {self.name: {"bind": self.mount}, **more.pop("volumes", {})}
        environment = {"POSTGRES_USER": "app", "POSTGRES_PASSWORD": "old", "POSTGRES_DB": "app", "PGDATA": self.data}
        return self.engine.containers.create(
            self.image, command, name=self.name, environment=environment, volumes=mounts, **more
        )

    def run(self, script: str, user: str = "postgres") -> str:
        """Runs a shell script in PGDATA and returns what it printed."""
        script = f'mkdir -p "$PGDATA" && cd "$PGDATA" && {{ {script}\n}}'
        container = self.container(["-c", script], entrypoint="sh", user=user, network_mode="none")
        container.start()
        status = container.wait(timeout=60)["StatusCode"]
        printed = container.logs().decode()
        container.remove()
        assert status == 0, printed
        return printed

    def begin(self, step: str) -> None:
        """Cuts initdb short when a step has begun: all processes of a container end with its first."""
        begun = f"grep -q '{step}' /tmp/log" if step in STEPS else f"grep -q '{STEPS[-1]}' /tmp/log && {step}"
        self.run(f"nice -n 19 initdb --username=app > /tmp/log & until {begun}; do :; done")

    def next_step(self) -> str:
        """What the local stack's program says that can't have its database."""
        container = self.container(restart_policy={"Name": "unless-stopped"})
        container.start()
        # It publishes no port, so its container is asked.
        asked = {"container": container.id, "port": 1, "user": "app", "database": "app", "password": "new"}
        asked |= {"version": self.version, "volume": self.name, "stack": "local"}
        ended = run_step("infra.local.steps.set_password", asked)
        container.remove(force=True)
        assert ended.returncode == 1, "the database is lost"
        assert "Traceback" not in ended.stderr
        return ended.stderr

    def remove(self) -> None:
        filters = {"name": f"^/{self.name}$"}
        for container in self.engine.containers.list(all=True, filters=filters, ignore_removed=True):
            container.remove(force=True)
        self.engine.volumes.get(self.name).remove()


@pytest.fixture
def place(engine: docker.DockerClient, request: pytest.FixtureRequest) -> Iterator[Place]:
    place = Place(engine, getattr(request, "param", 17))
    engine.volumes.create(place.name)
    yield place
    place.remove()


def comes_up(container: Container, data: str = DATA) -> None:
    """Starts it; it serves its database to the network."""
    container.start()
    ready = ["pg_isready", "-h", "127.0.0.1", "-U", "app"]
    wait_until(lambda: container.exec_run(ready).exit_code == 0, "the database", 90)
    status, rules = container.exec_run(["psql", "-U", "app", "-Atc", "select address from pg_hba_file_rules"])
    assert (status, b"all" in rules.split()) == (0, True), rules
    assert FOLDER not in container.exec_run(["ls", "-A", data]).output.decode()


@pytest.mark.faults
@pytest.mark.parametrize("signal", ["TERM", "INT", "KILL"])
def test_the_stand_in_comes_up_however_often_its_first_boot_was_cut_short(place: Place, signal: str) -> None:
    container = place.container(volumes=ENTRYPOINT)
    for moment in moments(f"first boot {signal}", 6, 2.5):
        container.start()
        time.sleep(moment)
        container.kill(signal)
        try:
            container.wait(timeout=2)
        except (docker.errors.DockerException, OSError):
            with suppress(docker.errors.APIError):  # it has ended meanwhile
                container.kill()  # a shell that is a container's first process hears no SIGTERM
            container.wait(timeout=10)
    comes_up(container)


def test_the_stand_in_goes_on_moving_a_cluster_that_is_whole(place: Place) -> None:
    container = place.container(volumes=ENTRYPOINT)
    comes_up(container)
    container.exec_run(["psql", "-U", "app", "-c", "create table kept as select 1 as one"])
    container.stop()
    container.remove()
    place.run(f"mkdir {FOLDER}-is-whole; mv PG_VERSION base pg_wal postgresql.conf {FOLDER}-is-whole")
    container = place.container(volumes=ENTRYPOINT)
    comes_up(container)
    assert container.exec_run(["psql", "-U", "app", "-Atc", "select one from kept"]).output == b"1\n"


def test_the_stand_in_leaves_alone_what_it_did_not_make(place: Place) -> None:
    place.run(f"mkdir base {FOLDER}; echo mine > base/1")
    container = place.container(volumes=ENTRYPOINT)
    container.start()
    assert container.wait(timeout=20)["StatusCode"] == 1
    assert f"{DATA} is not empty" in container.logs().decode()
    container.remove()
    assert place.run("cat base/1") == "mine\n"


@pytest.mark.parametrize("place", [17, 18], indirect=True)
@pytest.mark.parametrize("step", [*STEPS, *LATER])
def test_of_a_cluster_that_was_never_finished_it_is_said_that_nothing_was_stored(place: Place, step: str) -> None:
    place.begin(step)
    output = place.next_step()
    assert f"Fix: docker rm --force {place.name} && docker volume rm {place.name}, then pulumi up --refresh" in output


# initdb is killed while it makes its last database: the folder is there, and the server doesn't know it.
CUT_AT_THE_LAST = """
initdb --username=app
pg_ctl start --wait --silent --options='-k /tmp -h ""' --log=/tmp/log
for more in 'drop database postgres' "$MORE"; do psql -v ON_ERROR_STOP=1 -h /tmp -U app -d template1 -c "$more"; done
pg_ctl stop --silent
mkdir base/5; cp base/1/PG_VERSION base/5
"""
# So many that the numbers given are among those that a server recovers of initdb's: three a view, and no file.
MANY_VIEWS = "do $$begin for n in 1..800 loop execute format('create view v%s as select 1', n); end loop; end$$"


@pytest.mark.parametrize("place", [17, 18], indirect=True)
@pytest.mark.parametrize(
    ("more", "told"),
    [("select 1", True), ("create role somebody", False), ("create database shop", False), (MANY_VIEWS, False)],
)
def test_of_a_cluster_without_the_last_database_it_is_said_unless_somebody_used_it(
    place: Place, more: str, told: bool
) -> None:
    place.run(f"MORE={shlex.quote(more)}{CUT_AT_THE_LAST}")
    assert ("volume rm" in place.next_step()) is told


def test_of_a_first_boot_that_still_goes_on_nothing_is_said(place: Place) -> None:
    until = f"until grep -q '{STEPS[1]}' /tmp/log; do :; done"
    slow = f"initdb --username=app > /tmp/log & {until}; kill -STOP $!; sleep 60"
    container = place.container(["-c", slow], entrypoint="sh", user="postgres", init=True)
    container.start()
    state = ["sh", "-c", "grep State: $(grep -l ^Name:.initdb /proc/[0-9]*/status)"]
    wait_until(lambda: b"stopped" in container.exec_run(state).output, "that initdb makes no progress")
    assert next_step(container) == ""
    container.exec_run(["pkill", "-KILL", "initdb"])
    container.exec_run(["pkill", "-KILL", "postgres"])
    wait_until(lambda: "volume rm" in next_step(container), "that it is said when nobody is at it any more")


@pytest.mark.parametrize(
    "damage",
    [
        "rm PG_VERSION",
        "rm global/pg_control",
        "rm -r base",
        "rm -r base global/pg_control PG_VERSION",
        "cd base; rm -r $(ls | grep -v '^1$')",
    ],
)
@pytest.mark.parametrize("place", [17, 18], indirect=True)
def test_nobody_is_told_to_remove_a_cluster_that_was_whole_once(place: Place, damage: str) -> None:
    container = place.container(volumes=ENTRYPOINT)
    comes_up(container, place.data)
    container.stop()
    container.remove()
    place.run(damage)
    assert "volume rm" not in place.next_step()


@pytest.mark.faults
@pytest.mark.pulumi
def test_the_way_on_that_a_failed_update_says_is_one(make_stack: MakeStack, engine: docker.DockerClient) -> None:
    stack = make_stack("begun", SERVING)
    place = Place(engine)
    place.name = f"{stack.prefix}-database"
    labels = {"django-stack.project": "django-stack", "django-stack.stack": stack.name}
    engine.volumes.create(place.name, labels=labels)
    place.begin(STEPS[-1])

    failed = stack.up(check=False)
    assert failed.returncode != 0
    commands = failed.stdout.partition("Fix: ")[2].partition(f", then pulumi up -s {stack.name} --refresh")[0]
    assert "docker volume rm" in commands, failed.stdout
    subprocess.run(commands, shell=True, check=True, capture_output=True)
    stack.up("--refresh")
    leave_data(stack)
    is_whole(stack)
    stack.remove_all()
