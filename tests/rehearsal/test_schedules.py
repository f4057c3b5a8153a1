"""Schedules of the cloud stack: EventBridge starts them as tasks with the site's rights; failures are told."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.rehearsal.stacks import Stack
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.rehearsal]

# Asks the database, and a file of the bucket, whose rights are the task's role's.
TASK = """
import os, time, django
django.setup()
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT count(*) FROM django_migrations")
    print("migrations:", cursor.fetchone()[0] > 0, flush=True)
name = default_storage.save("scheduled.txt", ContentFile(b"by the clock"))
print("file:", default_storage.open(name).read().decode(), flush=True)
default_storage.delete(name)
"""
SWEEP = "env DJANGO_SETTINGS_MODULE=config.settings python scheduled.py"
SCHEDULES = {
    "sweep": {"command": SWEEP, "cron": "* * * * *", "timeout": 60},
    "broken": {"command": "python -c 'raise SystemExit(\"it is broken\")'", "cron": "* * * * *", "enabled": False},
}


@pytest.fixture(scope="module")
def scheduled(stack: Stack) -> Stack:
    """The stack with its schedules."""
    (stack.app / "scheduled.py").write_text(TASK)
    stack.change(schedules=SCHEDULES)
    status, output = stack.update()
    assert status == 0, output
    return stack


@pytest.fixture
def told(scheduled: Stack) -> Iterator[Callable[[], list[str]]]:
    """What the topic of the alarms was told since."""
    queues, topics = scheduled.client("sqs"), scheduled.client("sns")
    (topic,) = [one["TopicArn"] for one in topics.list_topics()["Topics"] if one["TopicArn"].endswith("-alarms")]
    queue = queues.create_queue(QueueName=f"schedules-{time.monotonic_ns()}")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    subscription = topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
    heard: list[str] = []

    def messages() -> list[str]:
        answer = queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        heard.extend(json.loads(one["Body"])["Message"] for one in answer.get("Messages", []))
        return heard

    yield messages
    topics.unsubscribe(SubscriptionArn=subscription)


def listed(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stack.operate("schedule list", "--json").stdout)
    return found


def test_a_task_runs_at_its_time_with_the_sites_environment_and_rights(scheduled: Stack) -> None:
    last = wait_until(
        lambda: (listed(scheduled)["sweep"]["last"] or {}).get("seconds") and listed(scheduled), "a run", 200
    )
    sweep = last["sweep"]["last"]
    assert (sweep["how"], sweep["status"]) == ("ok", 0), sweep
    assert sweep["lines"] == ["migrations: True", "file: by the clock"]
    status = json.loads(scheduled.operate("status", "--json").stdout)
    assert status["schedules"]["sweep"]["last"]["how"] in {"ok", "running"}


def test_a_second_update_changes_nothing_and_an_edit_changes_the_schedule_in_place(scheduled: Stack) -> None:
    status, output = scheduled.update("--expect-no-changes")
    assert status == 0, output
    scheduled.change(schedules={**SCHEDULES, "sweep": {**SCHEDULES["sweep"], "timezone": "Europe/Zurich"}})
    status, output = scheduled.update()
    assert status == 0, output
    assert listed(scheduled)["sweep"]["timezone"] == "Europe/Zurich"


def test_a_run_by_hand_has_the_commands_status_and_its_failure_is_in_the_list(scheduled: Stack) -> None:
    done = scheduled.operate("schedule run", "broken")
    assert done.returncode == 1, done.stderr
    assert "it is broken" in done.stdout
    detached = scheduled.operate("schedule run", "broken", "--detach")
    attached = scheduled.operate("run", "--attach", detached.stdout.splitlines()[0])
    assert (attached.returncode, "it is broken" in attached.stdout) == (1, True), attached.stderr
    last = wait_until(lambda: listed(scheduled)["broken"]["last"], "its record")
    assert (last["how"], last["status"], last["lines"]) == ("failed", 1, ["it is broken"])


def test_a_run_that_fails_at_its_time_is_told(scheduled: Stack, told: Callable[[], list[str]]) -> None:
    scheduled.change(schedules={"broken": {**SCHEDULES["broken"], "enabled": True}})
    status, output = scheduled.update()
    assert status == 0, output
    wait_until(lambda: any("a run of schedule:broken failed" in message for message in told()), "a message", 150)
    assert listed(scheduled).keys() == {"broken"}, "the other one is gone"
    scheduled.change(schedules=None)
    status, output = scheduled.update()
    assert status == 0, output
    assert scheduled.operate("schedule list").stdout.startswith("The stack rehearsal has no schedules.")
