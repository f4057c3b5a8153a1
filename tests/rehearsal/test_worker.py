"""A worker beside the web in the rehearsed cloud: an upload's thumbnail gets into S3, also when a worker is killed."""

import time
from collections.abc import Iterator
from typing import Any

import docker
import pytest

from tests.rehearsal.stacks import Stack
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.rehearsal]

WORKER = {"command": "python manage.py procrastinate worker", "connections": 6, "stop-timeout": 30}
UPLOAD = """
import io
from django.core.files.base import ContentFile
from gallery.models import Picture
from PIL import Image
out = io.BytesIO()
Image.new("RGB", (1280, 960), (30, 90, 160)).save(out, "PNG")
print(Picture.objects.create(title={title!r}, image=ContentFile(out.getvalue(), name="a.png")).pk)
"""
# Somebody has the picture's row locked, so that the task stops between S3 and the row. PostgreSQL doesn't notice that a
# client that waits for a lock has died, and would do what the dead worker has asked for.
HOLD = """
import time
from django.db import connection, transaction
from gallery.models import Picture
with transaction.atomic():
    Picture.objects.select_for_update().get(pk={number})
    print("held", flush=True)
    time.sleep({seconds})
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
"""
STATE = """
from gallery.models import Picture
from procrastinate.contrib.django.models import ProcrastinateJob as Job
jobs = Job.objects.filter(task_name="gallery.make_thumbnail")
print(Picture.objects.get(pk={number}).thumbnail.name, list(jobs.values_list("status", flat=True)), sep="|")
"""


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, engine: docker.DockerClient, task_network_lock: None
) -> Iterator[Stack]:
    """The stack with a worker, up."""
    stack = Stack(tmp_path_factory.mktemp("rehearsal"), engine)
    try:
        stack.up(print, {"django-stack:processes": {"worker": WORKER}})
        yield stack
    finally:
        stack.down()


def shell(stack: Stack, code: str) -> str:
    """What a program in a task of the web prints."""
    status, output = stack.web().exec_run(["python", "manage.py", "shell", "--no-imports", "-c", code])
    assert status == 0, output.decode()
    return str(output.decode())


def upload(stack: Stack, title: str) -> int:
    return int(shell(stack, UPLOAD.format(title=title)).split()[-1])


def state(stack: Stack, number: int) -> tuple[str, str]:
    """The thumbnail's name, and the states of the tasks."""
    thumbnail, _, jobs = shell(stack, STATE.format(number=number)).strip().rpartition("\n")[2].partition("|")
    return thumbnail, jobs


def worker(stack: Stack) -> Any:
    name = stack.emulator.find("com.amazonaws.ecs.container-name=worker")
    return stack.engine.containers.get(name) if name else None


def thumbnails(stack: Stack) -> list[str]:
    s3 = stack.client("s3")
    (bucket,) = [one["Name"] for one in s3.list_buckets()["Buckets"] if "-media" in one["Name"]]
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="thumbnails/").get("Contents", [])]


def test_an_upload_becomes_a_thumbnail_in_s3(stack: Stack) -> None:
    number = upload(stack, "Lake")
    began = time.monotonic()
    wait_until(lambda: state(stack, number)[0], "its thumbnail", 60)
    print(f"a thumbnail after {time.monotonic() - began:.1f} s")
    assert state(stack, number)[0] in thumbnails(stack)
    page = stack.get("/").read()
    assert state(stack, number)[0].encode() in page


def test_a_worker_that_is_killed_in_the_middle_leaves_a_task_that_its_successor_does_once(stack: Stack) -> None:
    killed = worker(stack)
    killed.pause()  # so that it doesn't come to the picture before the row is locked
    number, before = upload(stack, "Killed"), set(thumbnails(stack))
    holder = HOLD.format(number=number, seconds=20)
    stack.web().exec_run(["python", "manage.py", "shell", "--no-imports", "-c", holder], detach=True)
    time.sleep(5)
    killed.unpause()
    (made,) = wait_until(lambda: set(thumbnails(stack)) - before, "the thumbnail in S3", 15)
    killed.kill("KILL")
    began = time.monotonic()
    wait_until(lambda: worker(stack) is not None and worker(stack).id != killed.id, "another worker", 120)
    print(f"another worker after {time.monotonic() - began:.1f} s")
    wait_until(lambda: state(stack, number) == (made, "[]"), "the thumbnail in the row", 180)
    print(f"done after {time.monotonic() - began:.1f} s")
    assert set(thumbnails(stack)) - before == {made}
