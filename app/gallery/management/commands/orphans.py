"""`manage.py orphans`: finds files without a picture, which an outage of the storage or a killed server may leave."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from gallery.models import FOLDER, Picture

YOUNG = timedelta(hours=1)


class Command(BaseCommand):
    """Lists the files, one on each line, and removes them with --remove."""

    help = "Lists the files of the media storage that no picture has. Files of the last hour are left out."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--remove", action="store_true", help="Remove them, too.")

    def handle(self, *_: Any, remove: bool, **__: Any) -> None:
        storage = Picture._meta.get_field("image").storage
        names = []
        with suppress(FileNotFoundError):  # nothing was uploaded yet
            names = [f"{FOLDER}/{name}" for name in storage.listdir(FOLDER)[1]]
        known = set(Picture.objects.values_list("image", flat=True))
        for name in sorted(set(names) - known):
            if storage.get_modified_time(name) > timezone.now() - YOUNG:
                continue
            if remove:
                storage.delete(name)
            self.stdout.write(name)
