"""What happens to a picture's file when its row goes, or gets another file.

Receivers, so that it holds for the pages, for the admin and for a queryset alike.
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
    """The file of a deleted row."""
    remove_once_committed(instance.image.storage, instance.image.name)


@receiver(pre_save, sender=Picture)
def remember_file(instance: Picture, **_: Any) -> None:
    """Which file the row has so far."""
    instance.replaced = Picture.objects.filter(pk=instance.pk).values_list("image", flat=True).first()


@receiver(post_save, sender=Picture)
def delete_replaced_file(instance: Picture, **_: Any) -> None:
    """The file that the row had before, if it has another one now."""
    if instance.replaced and instance.replaced != instance.image.name:
        remove_once_committed(instance.image.storage, instance.replaced)


def remove_once_committed(storage: Storage, name: str) -> None:
    """Removes a file once no row can come back to it: after a rollback there would be rows without files.

    Robust: what one file's removal meets does not keep the others from theirs.
    """
    transaction.on_commit(partial(remove, storage, name), robust=True)


def remove(storage: Storage, name: str) -> None:
    """Removes a file; nobody's request fails for one that no page shows any more. If the storage does not do it, an
    error with the file's name is in the log, and `manage.py orphans` finds it again."""
    try:
        outage.check()
        storage.delete(name)
    except Exception as error:  # whatever the storage raises
        outage.note(error)
        logger.exception("The file %s has no picture any more and could not be removed.", name)


class Outage:
    """Remembers for a second that the storage is down: the files of a bulk deletion do not wait for it one by one."""

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
