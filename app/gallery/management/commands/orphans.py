"""`manage.py orphans`: finds files without a picture, which an outage of the storage or a killed process may leave."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from gallery.models import FOLDER, THUMBNAILS, Picture

YOUNG = timedelta(hours=1)


class Command(BaseCommand):
    """Lists the files, one on each line, and removes them with --remove. A schedule of the stack can run it."""

    help = (
        "Lists the files of the gallery's own folders in the media storage that no picture has. "
        "Files of the last hour are left out: the pictures of some may be on their way into the database."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--remove", action="store_true", help="Remove them, too.")

    def handle(self, *_: Any, remove: bool, **__: Any) -> None:
        for field, folder in (("image", FOLDER), ("thumbnail", THUMBNAILS)):
            self.sweep(field, folder, remove)

    def sweep(self, field: str, folder: str, remove: bool) -> None:
        """Lists the files first and asks for the rows afterwards, so that a new row's file is never taken for lost."""
        storage = Picture._meta.get_field(field).storage
        names = []
        with suppress(FileNotFoundError):  # nothing was uploaded yet
            names = [f"{folder}/{name}" for name in storage.listdir(folder)[1]]
        known = set(Picture.objects.values_list(field, flat=True))
        for name in sorted(set(names) - known):
            if storage.get_modified_time(name) > timezone.now() - YOUNG:
                continue
            if remove:
                if Picture.objects.filter(**{field: name}).exists():  # a task that ran again has found it useful
                    continue
                storage.delete(name)
            self.stdout.write(name)
