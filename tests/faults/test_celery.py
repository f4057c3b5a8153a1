"""A project with Celery and beat over the stack's Valkey: no order is lost when a worker is killed, and beat is one.

The pieces that join it to a stack are taken out of docs/bring-your-own.md, as in the test of a plain project.
"""

import hashlib
import shutil
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from infra.wheel import wheel
from tests import ROOT
from tests.e2e.conftest import MakeStack
from tests.e2e.stacks import SERVING, Stack
from tests.e2e.test_foreign_project import pieces
from tests.faults.processes import containers, kill
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.faults]

PROCESSES = {
    "worker": {"command": "celery -A shop worker --concurrency 2 --loglevel INFO", "count": 2, "stop-timeout": 60},
    "beat": {"command": "celery -A shop beat --schedule /tmp/beat --loglevel INFO"},
}


@pytest.fixture(scope="module")
def shop(make_stack: MakeStack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The project on a stack of its own, up."""
    site = tmp_path_factory.mktemp("celery") / "site"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tests" / "e2e" / "celery_project", site, ignore=ignored)
    name, content = wheel()
    (site / name).write_bytes(content)
    with (site / "requirements.txt").open("a") as lock:
        lock.write(f"./{name} --hash=sha256:{hashlib.sha256(content).hexdigest()}\n")
    (dockerfile,) = pieces("dockerfile")
    (site / "Dockerfile").write_text(dockerfile.replace("mysite.wsgi", "shop.wsgi"))
    stack = make_stack("celery", {**SERVING, "app-path": str(site), "processes": PROCESSES, "cache": "valkey"})
    stack.up()
    return stack


def order(shop: Stack, first: int, count: int, seconds: float) -> None:
    command = ["python", "manage.py", "order", str(first), "--count", str(count), "--seconds", str(seconds)]
    status, output = shop.container("web").exec_run(command)
    assert status == 0, output.decode()


def runs(shop: Stack, first: int, count: int) -> list[tuple[int, str, bool]]:
    """The runs of the tasks of these orders: number, container, and whether it came to its end."""
    return shop.query(
        'select "order", host, ended is not null from orders_run where "order" between %s and %s order by id',
        first,
        first + count - 1,
    )  # type: ignore[return-value]


def test_an_order_whose_worker_is_killed_is_filled_by_another_one(shop: Stack) -> None:
    """Once a message that nobody acknowledged is visible again, which takes the project's `visibility_timeout`."""
    order(shop, 1, 1, 5)
    [[_, host, _]] = wait_until(lambda: runs(shop, 1, 1), "an order that is being filled", 30)
    [busy] = [each for each in containers(shop, "worker") if each.attrs["Config"]["Hostname"] == host]
    kill(busy)
    wait_until(lambda: busy.reload() or busy.attrs["RestartCount"] == 1, "the killed worker's restart", 30)
    wait_until(lambda: any(ended for *_, ended in runs(shop, 1, 1)), "a filled order", 120)
    assert [ended for *_, ended in runs(shop, 1, 1)] == [False, True], "begun twice, filled once"


def test_orders_are_filled_once_each_during_two_roll_outs(shop: Stack) -> None:
    """SIGTERM lets a worker finish what it has begun, and what it has only fetched goes back."""
    order(shop, 1000, 400, 1.0)
    site = Path(shop.settings["app-path"])
    for version in ("one", "two"):
        (site / "version.txt").write_text(version)
        shop.up()
        assert len(runs(shop, 1000, 400)) < 400, "so that the roll-outs are in the middle of it"
    wait_until(lambda: len([1 for *_, ended in runs(shop, 1000, 400) if ended]) >= 400, "all orders filled", 300)
    filled = runs(shop, 1000, 400)
    assert sorted(number for number, _, ended in filled if ended) == list(range(1000, 1400))
    assert len(filled) == 400


def ticks_of_five_seconds(shop: Stack) -> int:
    [[ticks]] = shop.query("select count(*) from orders_tick where at > now() - '5 s'::interval")
    return int(str(ticks))


def test_beat_is_never_two_during_two_roll_outs(shop: Stack) -> None:
    """By the engine's own record of when each container started and died, and by what beat sends each second."""
    since = datetime.now().timestamp()  # the engine remembers the last 256 events alone
    seen: list[Any] = []
    site = Path(shop.settings["app-path"])
    for version in ("three", "four"):
        (site / "version.txt").write_text(version)
        shop.up()
        seen.append(containers(shop, "beat"))
    assert [len(each) for each in seen] == [1, 1]
    filters = {"label": [f"django-stack.stack={shop.name}", "django-stack.process=beat"], "event": ["start", "die"]}
    until = datetime.now().timestamp()
    events = list(shop.engine.events(since=since, until=until, decode=True, filters=filters))
    lives = [(each["Action"], each["id"]) for each in sorted(events, key=lambda each: each["timeNano"])]
    assert [action for action, _ in lives] == ["die", "start", "die", "start"]
    assert all(before[1] == after[1] for before, after in pairwise(lives) if before[0] == "start")
    # Two would send ten, for good; a few may come late, in a bunch, when the workers are new as well.
    wait_until(lambda: 4 <= ticks_of_five_seconds(shop) <= 6, "the ticks of one beat, one a second", 30)
