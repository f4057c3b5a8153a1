"""The program that the app runs to say what it is: every part answers, or is left out, in the gallery itself."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from infra.commands.diagnosis.inside import MARK, PROGRAM
from tests import ROOT

# Nothing listens on port 1, so the database's facts are left out.
COMPLETE = {
    "SECRET_KEY": "0123456789-qwertyuiop-asdfghjkl-zxcvbnm-QWERTYUIOP-ASDFG",
    "DATABASE_URL": "postgres://app:x@127.0.0.1:1/app",
    "DOMAIN": "www.example.com",
    "DEFAULT_STORAGE_DSN": "s3://key:secret@media/?endpoint_url=http%3A%2F%2F127.0.0.1%3A1",
}


def said(folder: Path, **environment: str) -> dict[str, Any]:
    """What the gallery says of itself with these variables."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", PROGRAM],
        cwd=ROOT / "app",
        env=kept | {"STATIC_ROOT": str(folder), "PYTHONDONTWRITEBYTECODE": "1"} | COMPLETE | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = [line for line in done.stdout.splitlines() if MARK in line]
    found: dict[str, Any] = json.loads(line.partition(MARK)[2])
    return found


def test_the_gallery_says_what_needs_no_database_without_one(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    dsn = f"file://{media}/?url=%2Fmedia%2F"
    found = said(tmp_path, DJANGO_DEBUG="True", DEFAULT_STORAGE_DSN=dsn, EMAIL_URL="dummymail://")
    assert found["debug"] is True
    assert "www.example.com" in found["hosts"]
    assert found["mail"] == "django.core.mail.backends.dummy.EmailBackend"
    assert found["cache"].endswith("LocMemCache")
    assert (found["uploads"], list(media.iterdir())) == ("", [])
    assert found["key"] == len(COMPLETE["SECRET_KEY"])
    assert found["login"].endswith("/login/")
    assert found["static"].startswith("/static/")
    assert {"id", "level", "text"} <= set(found["messages"][0])
    assert not {"pending", "encrypted"} & found.keys()


def test_storage_that_is_away_is_told_in_words(tmp_path: Path) -> None:
    assert "127.0.0.1:1" in said(tmp_path, DJANGO_DEBUG="True")["uploads"]
