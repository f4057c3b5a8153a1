"""Versions that are alive but broken, or break later: who is served meanwhile, what ECS does, and who is told."""

import json
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest

from infra.checkout import ROOT
from tests.rehearsal.stacks import Stack, polling
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.rehearsal]

CLUSTER, SERVICE = "django-stack-rehearsal", "django-stack-rehearsal-web"
LAST = '    "axes.middleware.AxesMiddleware",\n'
FAULT = """
import os

class Fault:
    def __init__(self, get_response):
        self.get_response, self.left = get_response, int(os.environ["FAULT_AFTER"])

    def __call__(self, request):
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("broken on purpose")
        return self.get_response(request)
"""


@pytest.fixture(autouse=True)
def first_version(stack: Stack) -> Iterator[None]:
    """Each test leaves settings and app of the first version, which still serves: ECS goes back to it each time.

    Pulumi's state has the version that was taken back, so every update begins with a refresh.
    """
    settings = stack.config.read_text()
    yield
    stack.config.write_text(settings)
    shutil.rmtree(stack.app)
    shutil.copytree(ROOT / "app", stack.app, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture
def told(stack: Stack) -> Any:
    """What the alarms' topic has sent since: a function that returns the messages so far."""
    queues, topics = stack.client("sqs"), stack.client("sns")
    (topic,) = [one["TopicArn"] for one in topics.list_topics()["Topics"] if one["TopicArn"].endswith("-alarms")]
    queue = queues.create_queue(QueueName=f"told-{time.monotonic_ns()}")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    subscription = topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
    messages: list[str] = []

    def read() -> list[str]:
        while found := queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                messages.append(str(json.loads(message["Body"])["Message"]))
                queues.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return messages

    yield read
    topics.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    queues.delete_queue(QueueUrl=queue)


def break_after(stack: Stack, requests: int) -> None:
    """The next version answers every page with an error once each of its processes has answered so many."""
    (stack.app / "config/fault.py").write_text(FAULT)
    file = stack.app / "config/settings.py"
    file.write_text(file.read_text().replace(LAST, f'{LAST}    "config.fault.Fault",\n'))
    stack.change(env={"FAULT_AFTER": str(requests)})


def tasks(stack: Stack) -> set[str]:
    """The tasks of the site that run."""
    return set(stack.client("ecs").list_tasks(cluster=CLUSTER, serviceName=SERVICE)["taskArns"])


def test_a_version_that_breaks_after_it_was_ready_is_taken_back_by_the_alarm(stack: Stack, told: Any) -> None:
    break_after(stack, 3)
    with polling(stack) as statuses:
        status, output = stack.update("--refresh")
        wait_until(lambda: set(statuses[-20:]) == {200}, "the version before", 60)
    assert status != 0, output
    assert "ECS went back to" in output, output
    assert "deployment failed: alarm detected" in output, output
    assert set(statuses) == {200, 500}
    wait_until(lambda: any("the roll-out of" in message for message in told()), "a message about it")
    (message,) = {message for message in told() if "the roll-out of" in message}
    assert "What to do: " in message


def test_a_broken_home_page_that_nobody_visits_is_taken_back_by_the_check(stack: Stack) -> None:
    break_after(stack, 0)
    status, output = stack.update("--refresh")
    assert status != 0, output
    assert "answers 500 Internal Server Error" in output, output
    assert "ECS went back to" in output, output
    assert {stack.get("/").status for _ in range(20)} == {200}
    (service,) = stack.client("ecs").describe_services(cluster=CLUSTER, services=[SERVICE])["services"]
    assert service["deploymentConfiguration"]["alarms"]["enable"], "the way back was not watched, all else is"


def test_a_version_that_never_gets_ready_gets_no_request(stack: Stack) -> None:
    """Its processes run and answer; what it lacks is a migration, which the release leaves out."""
    (stack.app / "gallery/migrations/0003_more.py").write_text(
        "from django.db import migrations\n\n"
        "class Migration(migrations.Migration):\n    dependencies = [('gallery', '0002_picture_thumbnail')]\n"
    )
    stack.change(release_commands=["python manage.py check"])
    before = tasks(stack)
    with polling(stack) as statuses:
        status, output = stack.update("--refresh")
    assert status != 0, output
    assert "ECS went back to" in output, output
    assert set(statuses) == {200}
    assert tasks(stack) == before


def test_a_database_that_is_away_for_a_while_has_no_task_replaced(stack: Stack) -> None:
    """25 seconds, in which the load balancer asks 25 times; AWS would have asked for two minutes.

    Whoever waits for the database longer than the tests' visitor has patience gets nothing (0).
    """
    before = tasks(stack)
    database = stack.engine.containers.get(stack.emulator.find("db_id=django-stack-rehearsal"))
    with polling(stack) as statuses:
        database.pause()
        time.sleep(25)
        database.unpause()
        wait_until(lambda: set(statuses[-10:]) == {200}, "pages again", 60)
    assert set(statuses) <= {0, 200, 503}
    assert tasks(stack) == before


def test_a_release_that_fails_is_told(stack: Stack, told: Any) -> None:
    stack.change(release_commands=["python manage.py no_such_command"])
    status, output = stack.update("--refresh")
    assert status != 0, output
    wait_until(lambda: any("the release failed" in message for message in told()), "a message about it")


def test_a_crash_loop_long_after_the_roll_out_is_told(stack: Stack, told: Any) -> None:
    """An hour is a minute here: longer than the roll-out with its bake time, in which ECS would go back."""
    server = "python -m django_stack.gunicorn_config config.wsgi"
    stack.change(web_command=f"timeout 60 {server}")
    status, output = stack.update("--refresh")
    assert status == 0, output
    first = tasks(stack)

    def ends() -> int:
        return sum("ended by itself" in message for message in told())

    wait_until(lambda: ends() >= 2, "two messages about tasks that ended", 240)
    wait_until(lambda: stack.get("/").status == 200, "the next task", 60)
    assert not tasks(stack) & first
    assert all("What to do: " in message for message in told() if "ended by itself" in message)
