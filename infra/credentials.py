"""The programs that keep the logins of registries, which Docker's config.json names."""

import os
from pathlib import Path


def fix(error: Exception) -> str:
    """What to do when such a program keeps Docker's SDK from asking a registry; nothing for another error.

    Often it went with Docker Desktop, and the file still names it. Then no image can be asked for, a public one either.
    """
    if "Credentials store" not in str(error):
        return ""
    file = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker", "config.json")
    return f"remove `credsStore`, or the registry's entry in `credHelpers`, from {file}, or install that program"
