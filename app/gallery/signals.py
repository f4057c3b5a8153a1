"""What happens to a picture's file when its row goes."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_delete
from django.dispatch import receiver

from gallery.models import Picture


@receiver(post_delete, sender=Picture)
def delete_file(instance: Picture, **_: Any) -> None:
    """Removes the file inside the transaction that removes the row: if the storage is down, the row stays, too.

    A receiver, so that it holds for the page, for the admin and for a queryset alike.
    """
    instance.image.delete(save=False)
