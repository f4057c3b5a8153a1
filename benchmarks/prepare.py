"""Brings what the benchmarks need besides the tests' tools: `wrk`, and a docker-compose to compare with.

Standard library only. Debian's packages where this may install them; and where Go is there and no `docker compose`, the
present docker-compose is built from its Go module (two minutes, once).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.setup import apt
from tools.setup.machine import CommandError, Machine, SetupError

MODULE = "github.com/docker/compose/v2"
VERSION = "v2.40.3"


def main() -> None:
    """Ends with one line that says what to install by hand."""
    machine = Machine()
    machine.step = "bench"
    try:
        lacking = [name for name in ("wrk", "docker-compose") if not machine.which(name)]
        if lacking and machine.has_apt():
            apt.install(machine, lacking, "(seconds)")
        if machine.which("go") and not built().exists() and not has_plugin():
            build(machine)
    except (SetupError, CommandError) as error:
        sys.exit(f"bench      {error}. wrk and docker-compose are what the benchmarks need.")


def built() -> Path:
    """Where the docker-compose of our own build is."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "django-stack" / f"docker-compose-{VERSION}"


def has_plugin() -> bool:
    """Whether `docker compose` works."""
    return subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0


def build(machine: Machine) -> None:
    """Builds it; its module excludes versions, so `go install` refuses it and its source is needed."""
    asked = machine.ask(["go", "mod", "download", "-json", f"{MODULE}@{VERSION}"])
    if asked.returncode != 0:
        machine.say(f"docker-compose {VERSION} cannot be had; Debian's is compared with")
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "compose"
        shutil.copytree(json.loads(asked.stdout)["Dir"], source)
        subprocess.run(["chmod", "-R", "u+w", str(source)], check=True)
        flags = f"-s -w -X {MODULE}/internal.Version={VERSION}"
        built().parent.mkdir(parents=True, exist_ok=True)
        command = ["go", "build", "-C", str(source), "-trimpath", "-ldflags", flags, "-o", str(built()), "./cmd"]
        machine.run(f"building docker-compose {VERSION} (two minutes)", command)


if __name__ == "__main__":
    main()
