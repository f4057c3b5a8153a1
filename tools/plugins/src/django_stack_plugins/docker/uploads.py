"""Files that are put into a container before it starts."""

import base64
import grp
import io
import pwd
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

from django_stack_plugins.resource import PluginError
from django_stack_plugins.values import Properties


def archive(upload: Properties) -> bytes:
    """A tar archive with the one file to upload. Raises PluginError when its source can't be read."""
    if upload.get("content"):
        content = upload["content"].encode()
    elif upload.get("contentBase64"):
        content = base64.b64decode(upload["contentBase64"])
    else:
        try:
            content = Path(upload["source"]).read_bytes()
        except OSError as error:
            raise PluginError(f"unable to read {upload['source']}: {error.strerror}") from error
    info = tarfile.TarInfo(upload["file"])
    info.size, info.mtime = len(content), time.time()
    info.mode = int(upload["permissions"], 8) if upload.get("permissions") else 0o744 if upload["executable"] else 0o644
    info.uid = _account(upload.get("owner"), lambda name: pwd.getpwnam(name).pw_uid)
    info.gid = _account(upload.get("group"), lambda name: grp.getgrnam(name).gr_gid)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _account(name: str | None, look_up: Callable[[str], int]) -> int:
    if not name:
        return 0
    if name.isdigit():
        return int(name)
    try:
        return look_up(name)
    except KeyError as error:
        raise PluginError(f"there is no user or group {name} on this machine") from error
