"""Runs programs on Python in app/, as in a process of their own but in a fraction of the time: `run()`.

What costs the time is importing Django and boto3. So one process does that once and forks for each program. It has read
no settings and imported nothing of app/; each fork gets its own arguments and environment.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

APP = Path(__file__).resolve().parents[2] / "app"
LIBRARIES = (
    *("dj_database_url", "environ", "gunicorn.app.wsgiapp", "gunicorn.arbiter", "PIL.Image", "psycopg"),
    *("csp.middleware", "s3transfer.manager", "storages.backends.s3", "whitenoise.middleware", "whitenoise.storage"),
    *("django.contrib.admin", "django.contrib.staticfiles", "django.core.management.commands.makemigrations"),
    *("django.core.management.commands.runserver", "django.db.backends.postgresql.base", "django.test.runner"),
    *("django.db.backends.sqlite3.base", "django.template.defaulttags", "django.views.debug"),
)


def run(command: list[str], environ: dict[str, str], timeout: int) -> subprocess.CompletedProcess[str]:
    """Runs a command that begins with `python` (a script, `-m MODULE` or `-c CODE`) or with a script of Python's.

    After `timeout` seconds it is killed: status -14. Nothing of this process's environment reaches it.
    """
    forks = server()
    assert forks.stdin
    assert forks.stdout
    with tempfile.NamedTemporaryFile("w+") as out, tempfile.NamedTemporaryFile("w+") as err:
        order = {
            "argv": command[1:] if command[0] == sys.executable else command,
            "environ": environ,
            "timeout": timeout,
            "files": [out.name, err.name],
        }
        print(json.dumps(order), file=forks.stdin, flush=True)
        status = int(forks.stdout.readline())
        return subprocess.CompletedProcess(command, status, out.read(), err.read())


@cache
def server() -> subprocess.Popen[str]:
    """The process that forks; it ends with this one."""
    forks = subprocess.Popen(
        [sys.executable, __file__], cwd=APP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert forks.stdin
    atexit.register(forks.wait)
    atexit.register(forks.stdin.close)
    return forks


def serve() -> dict[str, Any]:
    """In that process: forks for each order that comes in. Returns in the forks alone, with what they are to run."""
    for name in LIBRARIES:
        import_module(name)
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            order: dict[str, Any] = json.loads(line)
            return order
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    sys.exit()


def become(order: dict[str, Any]) -> None:
    """Makes this process the program that was ordered."""
    signal.alarm(order["timeout"])
    for target, path in enumerate(["/dev/null", *order["files"]]):
        os.dup2(os.open(path, os.O_RDWR | os.O_APPEND), target)
    os.environ.clear()
    os.environ.update(order["environ"])
    sys.path[:1] = [str(APP), *filter(None, order["environ"].get("PYTHONPATH", "").split(":"))]
    program, *sys.argv = order["argv"]
    if program == "-c":
        code, sys.argv[0] = sys.argv[0], program
        exec(code, {"__name__": "__main__"})
    elif program == "-m":
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv.insert(0, program)
        runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    become(serve())
