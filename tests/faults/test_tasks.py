"""Workers are killed and replaced while they work: what was queued is done, and nothing twice."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.e2e.conftest import MakeStack
from tests.e2e.stacks import SERVING, Stack
from tests.e2e.visitors import Visitor
from tests.faults.processes import containers, kill
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.faults]

WORKERS = {"command": "python manage.py procrastinate worker", "count": 3, "stop-timeout": 60}
TALLY = """

@app.task(name="tally")
def tally(number: int) -> None:
    import socket
    import time

    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO tally (number, host) VALUES (%s, %s)", [number, socket.gethostname()])
    time.sleep(0.3)
"""


@pytest.fixture(scope="module")
def working(make_stack: MakeStack) -> Stack:
    """A stack with three workers, up, and a table in which a task counts its runs."""
    stack = make_stack("workers", {**SERVING, "processes": {"worker": WORKERS}})
    tasks = stack.app / "gallery" / "tasks.py"
    tasks.write_text(tasks.read_text() + TALLY)
    stack.up()
    with psycopg.connect(stack.outputs()["DATABASE_URL"], connect_timeout=5) as connection:
        connection.execute("create table tally (number int, host text, at timestamptz default clock_timestamp())")
    return stack


def shell(stack: Stack, code: str) -> None:
    status, output = stack.container("web").exec_run(
        ["python", "manage.py", "shell", "--no-imports", "-c", textwrap.dedent(code)]
    )
    assert status == 0, output.decode()


@contextmanager
def slow_thumbnails(stack: Stack) -> Iterator[None]:
    """Another version, whose thumbnails take ten seconds each."""
    slow = "    import time\n    time.sleep(10)\n    row = Picture.objects.filter(pk=picture).first()\n"
    with stack.edited(
        "gallery/tasks.py",
        lambda text: text.replace("    row = Picture.objects.filter(pk=picture).first()\n", slow),
    ):
        stack.up()
        yield


def test_a_worker_killed_in_the_middle_of_a_task_leaves_it_to_be_done_once(working: Stack) -> None:
    with slow_thumbnails(working):
        Visitor(working).upload("Killed")
        begun = "select worker_id from procrastinate_jobs where task_name like '%%thumbnail' and status = 'doing'"
        wait_until(lambda: working.query(begun), "a task that is at work", 30)
        busy = [each for each in containers(working, "worker") if b"Starting job gallery.make_thumbnail" in each.logs()]
        assert len(busy) == 1
        kill(busy[0])
        wait_until(lambda: busy[0].reload() or busy[0].attrs["RestartCount"] == 1, "the killed worker's restart", 30)
        done = "select thumbnail from gallery_picture where title = 'Killed' and thumbnail <> ''"
        [[thumbnail]] = wait_until(lambda: working.query(done), "the thumbnail", 150)
        wait_until(
            lambda: not working.query("select 1 from procrastinate_jobs where task_name like '%%thumbnail'"),
            "an empty queue",
        )
    assert [key for key in working.bucket().objects() if key.startswith("thumbnails/killed-")] == [thumbnail]
    logs = "".join(each.logs().decode() for each in containers(working, "worker"))
    assert logs.count("has its thumbnail") == 1


def test_a_thousand_tasks_over_three_workers_survive_two_roll_outs_each_done_once(working: Stack) -> None:
    working.up()
    shell(
        working,
        """
        from gallery.tasks import tally
        tally.batch_defer(*({"number": number} for number in range(1000)))
        """,
    )
    before = {each.id for each in containers(working, "worker")}
    for version in ("one", "two"):
        (working.app / "stack.txt").write_text(f"{working.name} version {version}")
        working.up()
        [[done]] = working.query("select count(*) from tally")
        assert done < 1000, "so that the roll-outs are in the middle of it"
    assert not before & {each.id for each in containers(working, "worker")}
    wait_until(lambda: not working.query("select 1 from procrastinate_jobs where task_name = 'tally'"), "the end", 300)
    [[runs, numbers, hosts]] = working.query("select count(*), count(distinct number), count(distinct host) from tally")
    assert (runs, numbers) == (1000, 1000)
    assert hosts == 9, "three workers of each of the three versions had their share"
