"""What the gallery's tests share: a visitor who is logged in, the upload form, what is stored."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client


@pytest.fixture
def visitor(client: Client, member: Any) -> Client:
    """A client that is logged in."""
    client.force_login(member)
    return client


def send(
    client: Client, content: bytes, name: str = "a.png", title: str = "", type: str = "image/png", **extra: Any
) -> Any:
    """Posts the upload form."""
    return client.post("/upload/", {"title": title, "image": SimpleUploadedFile(name, content, type)}, **extra)


def stored() -> list[str]:
    """Names of all files in the storage."""
    return (
        [f"pictures/{name}" for name in default_storage.listdir("pictures")[1]]
        if default_storage.exists("pictures")
        else []
    )


def without_database(*_: object, **__: object) -> None:
    raise OperationalError
