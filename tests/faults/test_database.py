"""PostgreSQL dies or can't write any more: what was acknowledged is there, and the stack mends itself or by `up`."""

from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest

from tests.e2e.conftest import MakeStack
from tests.e2e.stacks import SERVING, Stack
from tests.faults.conftest import is_whole, leave_data
from tests.faults.load import asking, writing
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]

DATA = "/var/lib/postgresql/data"
# As a crash: no checkpoint, so that PostgreSQL has to recover when it starts again.
CRASH = ["kill", "-QUIT", "1"]


def test_killed_under_load_it_loses_no_commit_and_the_site_comes_back_by_itself(victim: Stack) -> None:
    url = victim.outputs()["DATABASE_URL"]
    database, web = victim.container("database"), victim.container("web")
    with asking(f"{victim.url}/") as load, writing(url) as written:
        wait_until(lambda: len(written) > 100 and len(load.answers) > 20, "some load", 60)
        for count in (1, 2):
            database.exec_run(CRASH)
            wait_until(lambda it=count: database.reload() or database.attrs["RestartCount"] >= it, "its restart", 90)
            victim.wait_until_ready()
            before = len(written)
            wait_until(lambda it=before: len(written) > it + 100, "further commits", 60)
    assert {status for _, _, status in load.answers} <= {200, 503}, "a clear page, never a broken one"
    kept = {number for (number,) in victim.query("select number from faults")}
    assert set(written) <= kept
    web.reload()
    assert web.attrs["RestartCount"] == 0
    is_whole(victim)


def is_migrating(stack: Stack) -> bool:
    with suppress(psycopg.OperationalError):  # a busy machine takes its time to connect
        return bool(stack.query("select 1 from pg_stat_activity where query like 'select pg_sleep%%'"))
    return False


def test_killed_during_migrate_the_update_fails_with_its_words_and_the_next_one_migrates(victim: Stack) -> None:
    before = victim.ids()
    migration = victim.add_migration("slow", "migrations.RunSQL('select pg_sleep(15)')")
    with victim.running(*victim.up_command) as up:
        wait_until(lambda: is_migrating(victim), "the migration at work", 60)
        victim.container("database").kill()  # which stays down: Docker takes it for somebody's wish
        assert up.wait(60) != 0
    assert "Release command `python manage.py migrate --noinput` failed with exit status 1" in up.output
    assert "server closed the connection unexpectedly" in up.output
    assert victim.ids() == before
    assert victim.get("/healthz/live").status_code == 200

    victim.up("--refresh")
    assert victim.query("select count(*) from django_migrations where name = %s", migration.stem) == [(1,)]
    is_whole(victim)


@pytest.mark.faults
def test_a_first_boot_that_was_cut_short_before_it_made_the_database_is_made_up_for(make_stack: MakeStack) -> None:
    """And before it let the network in, which the official image does after initdb."""
    stack = make_stack("short", SERVING)
    stack.up()
    unsaid = stack.container("database").exec_run(["sed", "-i", "/^host all all all/d", f"{DATA}/pg_hba.conf"])
    assert unsaid.exit_code == 0
    with psycopg.connect(stack.outputs()["DATABASE_URL"], dbname="postgres", autocommit=True) as connection:
        connection.execute("drop database app with (force)")
    stack.container("database").remove(force=True)
    stack.up("--refresh")
    leave_data(stack)
    is_whole(stack)
    stack.remove_all()


@pytest.fixture
def small(make_stack: MakeStack) -> Iterator[Stack]:
    """A stack whose database has a disk of 200 MB, up."""
    stack = make_stack("small", SERVING)
    name = f"{stack.prefix}-database"
    stack.engine.volumes.create(
        name,
        driver_opts={"type": "tmpfs", "device": "tmpfs", "o": "size=200m"},
        labels={"django-stack.project": "django-stack", "django-stack.stack": stack.name},
    )
    # A memory disk lasts as long as a container has it.
    image = stack.engine.images.get("postgres:17-trixie")
    holder = stack.engine.containers.run(
        image.id, ["sleep", "infinity"], detach=True, user="0", volumes={name: {"bind": "/disk", "mode": "rw"}}
    )
    try:
        stack.up()
        yield stack
    finally:
        holder.remove(force=True, v=True)  # with the volume that its image wants
        stack.remove_all()


@pytest.mark.faults
def test_with_a_full_disk_readers_are_served_the_update_says_why_and_room_mends_it(small: Stack) -> None:
    leave_data(small)
    [holder] = [
        container
        for container in small.engine.containers.list(ignore_removed=True)
        if any(mount.get("Name") == f"{small.prefix}-database" for mount in container.attrs["Mounts"])
        and not container.name.startswith(small.prefix)
    ]
    holder.exec_run(["sh", "-c", "cat /dev/zero > /disk/ballast"])
    migration = small.add_migration(
        "large",
        "migrations.RunSQL('create table large as select repeat(md5(n::text), 50) from generate_series(1, 30000) n')",
    )
    failed = small.up(check=False)
    assert failed.returncode != 0
    assert "No space left on device" in failed.stdout
    assert "Release command `python manage.py migrate --noinput` failed" in failed.stdout
    assert small.get("/").status_code == 200

    holder.exec_run(["rm", "/disk/ballast"])
    small.up()
    assert small.query("select count(*) from django_migrations where name = %s", migration.stem) == [(1,)]
    is_whole(small)
