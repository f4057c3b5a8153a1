"""The upload form, for visitors and for the admin."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from gallery import images
from gallery.models import Picture


class PictureField(forms.FileField):
    """A file field that checks the content of the file."""

    widget = forms.ClearableFileInput(
        attrs={"accept": "image/jpeg,image/png,image/webp,image/gif", "data-max-bytes": settings.PICTURE_MAX_BYTES}
    )

    def clean(self, data: Any, initial: Any = None) -> Any:
        """The re-encoded picture of a new upload; a picture that is stored already stays as it is."""
        upload = super().clean(data, initial)
        return images.clean(upload) if isinstance(upload, UploadedFile) else upload


class PictureForm(forms.ModelForm):
    """A title (by default the file's name) and a file."""

    title = forms.CharField(max_length=120, required=False, help_text="If empty, the file's name is used.")
    image = PictureField(label="Picture", help_text="JPEG, PNG, WebP or GIF, up to 15 MB.", max_length=255)

    class Meta:
        model = Picture
        fields = ("image", "title")

    def clean(self) -> dict[str, Any]:
        """Fills in an empty title."""
        cleaned = super().clean() or self.cleaned_data
        image = cleaned.get("image")
        if not cleaned.get("title") and "title" not in self.errors and image:
            stem = PurePath(image.name).stem.replace("_", " ").replace("-", " ").strip()
            cleaned["title"] = "".join(letter for letter in stem if letter.isprintable())[:120] or "Untitled"
        return cleaned
