"""Background tasks. Their queue is in the site's own database; `manage.py procrastinate worker` runs them.

A task may run twice: what a killed worker left is run again (`run_again`), and a worker that only seemed to be dead may
finish after all. So each task finds out what is left to do, and doing it twice changes nothing.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta
from pathlib import PurePath

from django.core.files.base import ContentFile
from django.db import connections
from django.utils import timezone
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.contrib.django.models import ProcrastinateWorker
from procrastinate.jobs import Status

from gallery import images
from gallery.models import THUMBNAILS, Picture

logger = logging.getLogger(__name__)

STALLED = 30  # seconds without a sign of life, after which a worker counts as dead; it gives one every 10 seconds
ATTEMPTS = 5  # of a task that fails, or whose worker dies, perhaps because of it


def has_queue() -> bool:
    """False with SQLite, as in tests without a stack: the queue is made of PostgreSQL's own functions."""
    connector = app.connector
    return not isinstance(connector, DjangoConnector) or connections[connector.alias].vendor == "postgresql"


def has_worker() -> bool:
    """Whether a worker has given a sign of life."""
    seen_since = timezone.now() - timedelta(seconds=STALLED)
    return has_queue() and bool(ProcrastinateWorker.objects.filter(last_heartbeat__gt=seen_since).exists())


def queue_thumbnail(picture: Picture) -> None:
    """Queues a picture's thumbnail in the transaction that saves the picture: there are both, or neither."""
    if has_queue():
        make_thumbnail.defer(picture=picture.pk)


@app.task(name="gallery.make_thumbnail", retry=RetryStrategy(max_attempts=ATTEMPTS, exponential_wait=4))
def make_thumbnail(picture: int) -> None:
    """Makes a picture's thumbnail, and writes its name into the picture's row.

    The thumbnail's name has the hash of its content, so a second run writes the same file or finds it there.
    """
    row = Picture.objects.filter(pk=picture).first()
    if row is None or row.thumbnail:
        return
    with row.image.open() as original:
        content = images.thumbnail(original)
    stem = PurePath(row.image.name).stem[:150]
    name = f"{THUMBNAILS}/{stem}-{hashlib.sha256(content).hexdigest()[:16]}.webp"
    storage = row.thumbnail.storage
    if not storage.exists(name):
        saved = storage.save(name, ContentFile(content))
        if saved != name:  # another worker was quicker by a moment
            storage.delete(saved)
    if Picture.objects.filter(pk=picture, image=row.image.name).update(thumbnail=name):
        logger.info("Picture %s has its thumbnail, %s (%s bytes).", picture, name, len(content))
    else:  # deleted or replaced in the meantime
        storage.delete(name)


@app.periodic(cron="* * * * *")
@app.task(name="gallery.run_again", queueing_lock="gallery.run_again", pass_context=True)
async def run_again(context: JobContext, timestamp: int) -> None:  # noqa: ARG001  (when it was due)
    """Queues the tasks of killed workers again; gives up on a task that has cost too many workers their life."""
    queue = context.app.job_manager
    for job in await queue.get_stalled_jobs(seconds_since_heartbeat=STALLED):
        if job.task_name == context.task.name:  # the next minute has its own
            await queue.finish_job(job, Status.ABORTED, delete_job=True)
        elif job.attempts + 1 >= ATTEMPTS:
            logger.error("Task %s ended with its worker %s times and is given up.", job.call_string, ATTEMPTS)
            await queue.finish_job(job, Status.FAILED, delete_job=False)
        else:
            logger.warning("Task %s ended with its worker, and is queued again.", job.call_string)
            await queue.retry_job(job)
