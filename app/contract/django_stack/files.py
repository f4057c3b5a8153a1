"""The storages that need no S3: of static files, and of uploads where there is no place for them."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.core.files.storage import Storage
from whitenoise.storage import CompressedManifestStaticFilesStorage

logger = logging.getLogger("django_stack.files")


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
    """WhiteNoise's storage. Where nothing was collected (tests on a plain checkout), it leaves names as they are.

    `strict` is for a project whose own storage had a manifest. Without it a reference to a file that isn't there stays
    as it is, instead of ending collectstatic, which names it, or the page: other storages never looked.
    """

    def __init__(self, *arguments: Any, strict: bool = True, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.strict = strict
        self._said: set[str] = set()

    def stored_name(self, name: str) -> str:
        if not self.hashed_files:
            return name
        try:
            return str(super().stored_name(name))
        except ValueError:  # there is none in the manifest
            if self.strict:
                raise
            return name  # said nowhere: WhiteNoise asks for names that nobody has, and a visitor's 404 is in the log

    def url_converter(self, name: str, *arguments: Any, **options: Any) -> Callable[[re.Match[str]], str]:
        """What replaces the references in the file of this name."""
        convert = super().url_converter(name, *arguments, **options)

        def converted(match: re.Match[str]) -> str:
            try:
                return str(convert(match))
            except (ValueError, SuspiciousOperation):  # there is no such file, or it is outside of the folder
                if self.strict:
                    raise
                text = f"{name} refers to {match['url'].strip()}, which is no static file; it stays as it is."
                if text not in self._said:  # Django looks at each file more than once
                    logger.warning(text)
                    self._said.add(text)
                return match[0]

        return converted
