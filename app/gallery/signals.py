"""What follows when a picture is saved or deleted: its thumbnail is queued, and files that no row has are removed.

These are signal receivers, so that they also apply to the admin and to querysets.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import Any

from django.core.files.storage import Storage
from django.db import transaction
from django.db.models.signals import post_delete, post_save, pre_save
from django.dispatch import receiver
from django_stack.errors import is_outage

from gallery import count
from gallery.models import Picture
from gallery.tasks import queue_thumbnail

logger = logging.getLogger(__name__)


@receiver(post_delete, sender=Picture)
def delete_files(instance: Picture, **_: Any) -> None:
    """Removes the files of a deleted row."""
    remove_once_committed(instance.image.storage, instance.image.name)
    remove_once_committed(instance.thumbnail.storage, instance.thumbnail.name)
    transaction.on_commit(count.forget, robust=True)


@receiver(pre_save, sender=Picture)
def compare_files(instance: Picture, **_: Any) -> None:
    """Remembers the files that the row has had so far, if its picture is another one now."""
    saved = Picture.objects.filter(pk=instance.pk).values_list("image", "thumbnail").first()
    instance.replaced = saved if saved and saved[0] != instance.image.name else ()
    if instance.replaced:
        instance.thumbnail = ""


@receiver(post_save, sender=Picture)
def follow(instance: Picture, created: bool, **_: Any) -> None:
    """Queues the thumbnail of a new picture, and removes the files of the one that it takes the place of."""
    if created or instance.replaced:
        queue_thumbnail(instance)
    for name in instance.replaced:
        remove_once_committed(instance.image.storage, name)


def remove_once_committed(storage: Storage, name: str | None) -> None:
    """Removes a file after the transaction is committed, or a rollback would leave rows without files.

    `robust`, so that an error with one file does not prevent the removal of others.
    """
    if name:
        transaction.on_commit(partial(remove, storage, name), robust=True)


def remove(storage: Storage, name: str) -> None:
    """Removes a file. If that fails, the request still succeeds, since no page shows the file any more; an error with
    the file's name is logged, and `manage.py orphans` finds it later."""
    try:
        outage.check()
        storage.delete(name)
    except Exception as error:  # whatever the storage raises
        outage.note(error)
        logger.exception("The file %s has no picture any more and could not be removed.", name)


class Outage:
    """Remembers for a second that the storage is down, so that a bulk deletion does not wait for each of its files."""

    REST = 1.0  # seconds

    def __init__(self) -> None:
        self.until = 0.0

    def check(self) -> None:
        """Raises ConnectionError while it is remembered."""
        if time.monotonic() < self.until:
            raise ConnectionError("The storage did not answer a moment ago.")

    def note(self, error: Exception) -> None:
        if is_outage(error):
            self.until = time.monotonic() + self.REST


outage = Outage()
