"""The queue in a real PostgreSQL: the image's worker makes thumbnails, and what a killed one left is done once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from docker.models.containers import Container

from tests.image.services import Services, Site
from tests.waiting import wait_until

pytestmark = pytest.mark.docker

WORKER = ("python", "manage.py", "procrastinate", "worker")


@contextmanager
def working(services: Services) -> Iterator[Container]:
    """A worker that is ready for tasks."""
    worker = services.start(*WORKER)
    try:
        wait_until(lambda: b"Starting worker" in worker.logs(), "a worker", 60)
        yield worker
    finally:
        worker.remove(force=True, v=True)
        services.made.remove(worker)


@pytest.fixture
def queue(services: Services) -> Iterator[Callable[[], list[tuple[str, str, int]]]]:
    """What is in the queue: tasks, their states and how often they were begun again. Empty before and after."""

    def jobs() -> list[tuple[str, str, int]]:
        statement = "SELECT task_name, status::text, attempts FROM procrastinate_jobs ORDER BY id"
        return [row for row in services.query(statement) if row[0] != "gallery.run_again"]  # type: ignore[misc]

    def clear() -> None:
        services.query("UPDATE procrastinate_periodic_defers SET job_id = NULL")
        services.query("DELETE FROM procrastinate_jobs")
        services.query("DELETE FROM procrastinate_workers")

    clear()
    yield jobs
    clear()


def look_for_dead_workers(services: Services) -> None:
    """Queues at once what is queued every minute."""
    job = "('default', 'gallery.run_again', 0, NULL, NULL, '{\"timestamp\": 0}', NULL)"
    services.query(f"SELECT procrastinate_defer_jobs_v1(ARRAY[ROW{job}::procrastinate_job_to_defer_v1])")


def row(services: Services, title: str) -> tuple[int, str, str]:
    """Number, file and thumbnail of a picture."""
    ((number, image, thumbnail),) = services.query(
        f"SELECT id, image, thumbnail FROM gallery_picture WHERE title = '{title}'"
    )
    return number, image, thumbnail


def test_an_upload_becomes_a_thumbnail_in_s3(
    services: Services, site: Site, queue: Callable[[], list[tuple[str, str, int]]]
) -> None:
    """By the image as it is deployed: a read-only root, and a user without a name."""
    visitor = site.visitor()
    with working(services) as worker:
        visitor.upload("Made small")
        wait_until(lambda: row(services, "Made small")[2], "its thumbnail", 30)
        wait_until(lambda: queue() == [], "an empty queue")
        worker.stop(timeout=20)
        assert worker.wait()["StatusCode"] == 0
    _, image, thumbnail = row(services, "Made small")
    assert {image, thumbnail} <= services.objects()
    head = services.bucket().head_object(Bucket="media", Key=thumbnail)
    assert head["ContentType"] == "image/webp"
    assert thumbnail in visitor.image_url("Made small")


def test_a_worker_that_is_killed_in_the_middle_leaves_a_task_that_another_one_does_once(
    services: Services, site: Site, queue: Callable[[], list[tuple[str, str, int]]]
) -> None:
    """In the worst moment: the thumbnail is in S3, and the row doesn't say so yet, because somebody has it locked."""
    site.visitor().upload("Killed")
    number, image, _ = row(services, "Killed")
    stem = image.replace("pictures/", "thumbnails/").rpartition(".")[0]

    def made() -> list[str]:
        return [key for key in services.objects() if key.startswith(stem)]

    with services.connect() as holder, holder.transaction():
        holder.execute("SELECT 1 FROM gallery_picture WHERE id = %s FOR UPDATE", [number])
        with working(services) as worker:
            wait_until(made, "the thumbnail in S3", 30)
            worker.kill("KILL")
            wait_until(lambda: worker.reload() or worker.status == "exited", "its death")
        # Waiting for the lock, PostgreSQL hasn't noticed; it would still do what the dead worker has asked for.
        services.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE \"gallery_picture\"%'"
        )
    first = made()
    assert queue() == [("gallery.make_thumbnail", "doing", 0)]
    assert row(services, "Killed")[2] == ""
    # So that the test needn't wait until the dead worker's last sign of life is old enough.
    services.query("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")
    with working(services) as another:
        look_for_dead_workers(services)
        wait_until(lambda: [row(services, "Killed")[2]] == first, "the thumbnail in the row", 90)
        wait_until(lambda: queue() == [], "an empty queue")
        log = another.logs().decode()
    assert log.count("has its thumbnail") == 1
    assert "ended with its worker, and is queued again" in log
    assert made() == first


def test_a_task_that_costs_one_worker_after_another_its_life_is_given_up(
    services: Services, site: Site, queue: Callable[[], list[tuple[str, str, int]]]
) -> None:
    """Else it would take every worker along for ever: a picture that needs more memory than there is, for example."""
    site.visitor().upload("Deadly")
    services.query("UPDATE procrastinate_jobs SET status = 'doing', attempts = 4")
    with working(services) as worker:
        look_for_dead_workers(services)
        wait_until(lambda: queue() == [("gallery.make_thumbnail", "failed", 5)], "its end", 90)
        wait_until(lambda: b"is given up" in worker.logs(stdout=False), "a line in the log")
    assert row(services, "Deadly")[2] == ""


def test_a_picture_and_its_task_are_saved_together_or_not_at_all(
    services: Services, queue: Callable[[], list[tuple[str, str, int]]]
) -> None:
    code = """
from django.core.files.base import ContentFile
from django.db import transaction
from gallery.models import Picture
from tests_picture import png
try:
    with transaction.atomic():
        Picture.objects.create(title="Taken back", image=ContentFile(png, name="a.png"))
        raise ZeroDivisionError
except ZeroDivisionError:
    Picture.objects.create(title="Kept", image=ContentFile(png, name="a.png"))
"""
    from tests.pictures import png

    code = code.replace("from tests_picture import png", f"png = {png(8, 8)!r}")
    status, _, err = services.run("python", "manage.py", "shell", "--no-imports", "-c", code)
    assert status == 0, err
    assert queue() == [("gallery.make_thumbnail", "todo", 0)]
    number, _, _ = row(services, "Kept")
    assert services.query("SELECT args FROM procrastinate_jobs") == [({"picture": number},)]


def test_an_older_version_still_writes_rows_while_this_one_is_rolled_out(services: Services) -> None:
    """Its INSERT knows nothing of the thumbnail."""
    services.query(
        "INSERT INTO gallery_picture (title, image, width, height, uploaded) "
        "VALUES ('Older', 'pictures/x.png', 1, 1, now())"
    )
    try:
        assert row(services, "Older")[2] == ""
    finally:
        services.query("DELETE FROM gallery_picture WHERE title = 'Older'")
