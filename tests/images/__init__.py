"""Images that tests build for themselves."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tools.setup.images import POSTGRES, PYTHON

ROOT = Path(__file__).resolve().parents[2]
POSTGRES_18 = "django-stack/test-postgres:18"


def build_postgres_18() -> str:
    """The name of an image with a real PostgreSQL 18; seconds the first time, then Docker's cache has it."""
    with tempfile.TemporaryDirectory() as context:
        shutil.copytree(ROOT / "tests/images/postgres18", context, dirs_exist_ok=True)
        shutil.copy(ROOT / "tools/images/postgres/entrypoint.sh", context)
        command = ["docker", "build", "--quiet", "--network", "host", "--tag", POSTGRES_18]
        command += ["--build-arg", f"PYTHON={PYTHON}", "--build-arg", f"POSTGRES={POSTGRES}"]
        for name in ("http_proxy", "https_proxy", "no_proxy"):
            command += ["--build-arg", name] if name in os.environ else []
        done = subprocess.run([*command, context], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return POSTGRES_18
