"""`manage.py thumbnails`: queues the thumbnails that pictures lack, as those from before there were any."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gallery.models import Picture
from gallery.tasks import has_queue, queue_thumbnail


class Command(BaseCommand):
    """Says how many it has queued. One that is queued already is made once all the same."""

    help = "Queues the thumbnails that pictures lack. A worker makes them: manage.py procrastinate worker."

    def handle(self, *_: Any, **__: Any) -> None:
        if not has_queue():
            raise CommandError("The queue needs PostgreSQL, and DATABASE_URL is another database.")
        number = 0
        for picture in Picture.objects.filter(thumbnail="").iterator():
            queue_thumbnail(picture)
            number += 1
        self.stdout.write(f"Queued: {number}")
