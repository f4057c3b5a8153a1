"""The hash of what an image is made of: the same content gives the same hash, whichever platform builds it."""

import hashlib
import platform
from collections.abc import Mapping
from pathlib import Path

from docker.utils.build import exclude_paths

# Docker's name for the architecture of this machine.
PLATFORM = {"x86_64": "linux/amd64", "amd64": "linux/amd64", "arm64": "linux/arm64", "aarch64": "linux/arm64"}.get(
    platform.machine().lower(), "linux/amd64"
)


def content_hash(context: Path, build_args: Mapping[str, str], target: str = PLATFORM) -> str:
    """64 hex digits over the context's files after .dockerignore (path, content, execute bit), arguments, platform.

    `context` is a folder with a Dockerfile; base images count as the build arguments that name them.
    """
    total = hashlib.sha256()
    ignored = context / ".dockerignore"
    patterns = ignored.read_text().splitlines() if ignored.is_file() else []
    for name in sorted(exclude_paths(str(context), [p.strip() for p in patterns if p.strip() and p[0] != "#"])):
        path = context / name
        if path.is_symlink():
            entry = f"link {name} {path.readlink()}"
        elif path.is_file():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            entry = f"file {name} {bool(path.stat().st_mode & 0o100)} {digest}"
        else:
            continue
        total.update(f"{entry}\n".encode())
    for key, value in sorted(build_args.items()):
        total.update(f"arg {key}={value}\n".encode())
    total.update(f"platform {target}\n".encode())
    return total.hexdigest()
