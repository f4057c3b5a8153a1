"""PostgreSQL 18: an image of another major version than the default, which tests build for themselves."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests import ROOT
from tools.setup.images import POSTGRES, PYTHON

POSTGRES_18 = "django-stack/test-postgres:18"


def build_postgres_18() -> str:
    """The name of an image with a real PostgreSQL 18; seconds the first time, then Docker's cache has it."""
    with tempfile.TemporaryDirectory() as context:
        for name in ("Dockerfile", "refuse-old-folders.sh"):
            shutil.copy(Path(__file__).with_name(name), context)
        shutil.copy(ROOT / "tools/images/postgres/entrypoint.sh", context)
        command = ["docker", "build", "--quiet", "--network", "host", "--tag", POSTGRES_18]
        command += ["--build-arg", f"PYTHON={PYTHON}", "--build-arg", f"POSTGRES={POSTGRES}"]
        for name in ("http_proxy", "https_proxy", "no_proxy"):
            command += ["--build-arg", name] if name in os.environ else []
        done = subprocess.run([*command, context], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return POSTGRES_18
