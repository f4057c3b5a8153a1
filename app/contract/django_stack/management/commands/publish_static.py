"""Copies the collected static files to a bucket: `manage.py publish_static s3://BUCKET.s3.REGION.amazonaws.com/static`.

While a roll-out lasts, pages of one version ask tasks of the other for files, which these don't have; a CDN that reads
from the bucket has them all. The release runs this before anything of the new version serves.

Only files whose name has the hash of their content are copied, so that no version overwrites another's. They are
uploaded each time, also those that are there: a lifecycle rule of the bucket removes a file so long after its last
publication.

The page of a maintenance (`django_stack.maintenance`) is published besides, since a CDN answers with it where there is
one. `django-stack maintenance` puts the message in the place of MESSAGE.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management.base import BaseCommand, CommandError, CommandParser
from whitenoise.media_types import MediaTypes

from django_stack import maintenance, storage_dsn
from django_stack.malformed import MalformedError
from django_stack.storages import S3Media

FOREVER = "max-age=315360000, public, immutable"  # as WhiteNoise says of the same files
UPLOADS = 8  # at the same time
PAGE, MESSAGE = "django_stack/maintenance.html", "django-stack-maintenance-message"


class Command(BaseCommand):
    """`publish_static`; needs neither a database nor a complete environment."""

    help = "Copies the collected static files to a bucket, for a CDN in front of it."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dsn", help="Bucket and prefix, in the form of DEFAULT_STORAGE_DSN")

    def handle(self, *_: Any, dsn: str, **__: Any) -> None:
        try:
            location = storage_dsn.parse(dsn)
        except MalformedError as error:
            raise CommandError(f"The argument {error}") from None
        if not isinstance(location, storage_dsn.S3):
            raise CommandError("The argument is no bucket; expected s3://BUCKET.s3.REGION.amazonaws.com/static")
        names = sorted({name for source, name in hashed_files().items() if name != source})
        client = S3Media(location).connection.meta.client
        types = MediaTypes()

        def upload(name: str) -> None:
            client.put_object(
                Bucket=location.bucket,
                Key="/".join(filter(None, (location.prefix, name))),
                Body=(Path(settings.STATIC_ROOT) / name).read_bytes(),
                ContentType=with_charset(types.get_type(name)),
                CacheControl=FOREVER,
            )

        try:
            with ThreadPoolExecutor(UPLOADS) as pool:
                list(pool.map(upload, names))  # raises the first error
            client.put_object(
                Bucket=location.bucket,
                Key="/".join(filter(None, (location.prefix, PAGE))),
                Body=maintenance.page(MESSAGE).encode(),
                ContentType='text/html; charset="utf-8"',
                CacheControl="no-cache",  # every version has this name
            )
        except (BotoCoreError, ClientError) as error:
            raise CommandError(f"The static files can't be copied to {location.bucket}: {error}") from None
        self.stdout.write(f"{len(names)} static files are published.")


def hashed_files() -> dict[str, str]:
    """The names of the collected files with the hash in them, by the names that templates use."""
    if not apps.is_installed("django.contrib.staticfiles"):
        return {}
    return dict(getattr(staticfiles_storage, "hashed_files", {}))


def with_charset(kind: str) -> str:
    """As WhiteNoise sends it."""
    return f'{kind}; charset="utf-8"' if kind.startswith("text/") else kind
