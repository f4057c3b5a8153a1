"""The storages that need no S3: of static files, and of uploads where there is no place for them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage
from whitenoise.storage import CompressedManifestStaticFilesStorage


class RefusingStorage(Storage):
    """The storage of media without a DEFAULT_STORAGE_DSN: a clear error instead of files that are lost with a
    container.

    It accepts all arguments of the stack's own storage, since packages create storages while the image is built, too.
    """

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """For migrations: the storage of a stack, so that migrations are the same during an image's build."""
        return "django_stack.storages.S3Media", [], {}

    def refuse(self, *_: Any, **__: Any) -> Any:
        """Raises ImproperlyConfigured; every operation is this one."""
        raise ImproperlyConfigured(
            "DEFAULT_STORAGE_DSN is not set, so there is no place for files. "
            "`pulumi up` sets it to the stack's media storage."
        )

    _open = _save = delete = listdir = size = url = get_modified_time = refuse

    def exists(self, *_: Any) -> bool:
        """False, so that saving reaches the refusal."""
        return False

    save = refuse  # before it reads the content


class StaticFiles(CompressedManifestStaticFilesStorage):
    """WhiteNoise's storage. Where nothing was collected (tests on a plain checkout), it leaves names as they are."""

    def stored_name(self, name: str) -> str:
        if not self.hashed_files:
            return name
        return str(super().stored_name(name))
