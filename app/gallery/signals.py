"""Removes a picture's file when its row is deleted or gets another file.

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

from gallery.models import Picture

logger = logging.getLogger(__name__)


@receiver(post_delete, sender=Picture)
def delete_file(instance: Picture, **_: Any) -> None:
    """Removes the file of a deleted row."""
    remove_once_committed(instance.image.storage, instance.image.name)


@receiver(pre_save, sender=Picture)
def remember_file(instance: Picture, **_: Any) -> None:
    """Remembers which file the row has so far."""
    instance.replaced = Picture.objects.filter(pk=instance.pk).values_list("image", flat=True).first()


@receiver(post_save, sender=Picture)
def delete_replaced_file(instance: Picture, **_: Any) -> None:
    """Removes the file that the row had before, if it has another one now."""
    if instance.replaced and instance.replaced != instance.image.name:
        remove_once_committed(instance.image.storage, instance.replaced)


def remove_once_committed(storage: Storage, name: str) -> None:
    """Removes a file after the transaction is committed, or a rollback would leave rows without files.

    `robust`, so that an error with one file does not prevent the removal of others.
    """
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
