"""A picture: one row in the database; in the media storage its file, and a thumbnail once a worker has made it."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models.fields.files import FieldFile
from django.urls import reverse
from django.utils.text import slugify

FOLDER, THUMBNAILS = "pictures", "thumbnails"  # in the media storage


def stored_name(picture: Picture, filename: str) -> str:
    """A unique name made of the title and a random part, without the name of the visitor's file.

    Only the extension of `filename` is used, which `gallery.images` has set from the content.
    """
    extension = filename.rpartition(".")[2]
    return f"{FOLDER}/{slugify(picture.title)[:60] or 'picture'}-{secrets.token_hex(4)}.{extension}"


class Picture(models.Model):
    """An uploaded picture."""

    title = models.CharField(max_length=120)
    image = models.ImageField(upload_to=stored_name, width_field="width", height_field="height", max_length=200)
    # `db_default` lets the version before this field go on writing rows while a new one is rolled out.
    thumbnail = models.FileField(
        upload_to=THUMBNAILS, max_length=255, blank=True, default="", db_default="", editable=False
    )
    width = models.PositiveIntegerField(editable=False)
    height = models.PositiveIntegerField(editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="pictures")
    uploaded = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        ordering = ("-uploaded", "-pk")

    def __str__(self) -> str:
        return self.title

    def save(self, *arguments: Any, **options: Any) -> None:
        """Saves file and row, and queues the thumbnail with the row. If that fails, the file is removed."""
        fresh = bool(self.image) and not self.image._committed
        try:
            with transaction.atomic():
                super().save(*arguments, **options)
        except Exception:
            if fresh and self.image._committed:
                with suppress(Exception):  # the first error is the one to report
                    self.image.delete(save=False)
            raise

    def get_absolute_url(self) -> str:
        return reverse("gallery:picture", args=[self.pk])

    @property
    def small(self) -> FieldFile:
        """The thumbnail, or the picture itself as long as there is none."""
        return self.thumbnail or self.image

    def may_be_deleted_by(self, user: object) -> bool:
        """True for the user who uploaded it, and for users with the permission to delete any picture."""
        return (self.owner_id is not None and self.owner_id == getattr(user, "pk", None)) or bool(
            user.has_perm("gallery.delete_picture")  # type: ignore[attr-defined]
        )
