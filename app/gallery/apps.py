"""The gallery as a Django app."""

from django.apps import AppConfig


class GalleryConfig(AppConfig):
    """Has one model, `Picture`."""

    name = "gallery"

    def ready(self) -> None:
        """Connects the receivers that queue thumbnails and remove files."""
        from gallery import signals  # noqa: F401, PLC0415  (needs the models to be loaded)
