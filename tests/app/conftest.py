"""A way to put the app into the environment of a stack.

These tests start from "nothing set", as an image's build does: in-memory SQLite, no storage, no host allowed.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import hypothesis
import pytest
from PIL import Image

from tests.app import programs
from tests.app.environment import CLOUD, LOCAL

# A client of S3 lists the folders of 400 services and parses a megabyte of JSON; these tests make a hundred clients.
botocore.session.create_loader = cache(botocore.session.create_loader)

hypothesis.settings.register_profile("quick", max_examples=40, deadline=None)
hypothesis.settings.load_profile("quick")


@pytest.fixture(autouse=True)
def _cheap_passwords(settings: Any) -> None:
    """Hashing slowly on purpose is no subject here."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def handed(settings: Any, tmp_path: Path) -> Callable[..., None]:
    """Puts the app under test into an environment; the database stays the test's own, files to a temporary folder."""
    from django_stack import settings as environment_settings
    from django_stack.variables import read

    def hand(environ: dict[str, str], *, keep_storage: bool = False) -> None:
        new = environment_settings.settings(read(environ), {"MIDDLEWARE": settings.MIDDLEWARE})
        for name in ("INSTALLED_APPS", "DATABASES", "LOGGING"):
            del new[name]
        new["ALLOWED_HOSTS"] += ["testserver"]
        new["STATIC_ROOT"] = str(tmp_path / "static")
        (tmp_path / "static").mkdir(exist_ok=True)
        if not keep_storage:
            new["STORAGES"]["default"] = {
                "BACKEND": "django.core.files.storage.FileSystemStorage",
                "OPTIONS": {"location": str(tmp_path / "media"), "base_url": "/media/"},
            }
        for name, value in new.items():
            setattr(settings, name, value)

    return hand


@pytest.fixture
def local(handed: Callable[..., None]) -> None:
    """The local stack with gunicorn: plain http, debug off."""
    handed({**LOCAL, "DJANGO_DEBUG": "False"})


@pytest.fixture
def cloud(handed: Callable[..., None]) -> None:
    """The cloud stack behind its load balancer."""
    handed(CLOUD)


@pytest.fixture
def member(django_user_model: Any) -> Any:
    """Somebody who may upload, and delete what is theirs."""
    return django_user_model.objects.create_user("ada", password="a-good-password")


def run(*command: str, timeout: int = 30, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs a program on Python in app/ with nothing in its environment but what is given."""
    base = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent"}
    return programs.run([*command], {**base, **environ}, timeout)


def manage(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """`python manage.py …` with nothing in its environment but what is given."""
    return run(sys.executable, "manage.py", *arguments, **environ)


def picture(format: str = "PNG", size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    """The bytes of a small real picture."""
    out = io.BytesIO()
    Image.new("RGB", size, (30, 90, 160)).save(out, format, **options)
    return out.getvalue()


@pytest.fixture
def everything_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every package that a URL's scheme may ask for were in the image."""
    for place in ("django_stack.urls.find_spec", "django_stack.cache_url.find_spec"):
        monkeypatch.setattr(place, lambda _: object())
