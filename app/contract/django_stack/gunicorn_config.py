"""gunicorn's configuration, and the program that starts it: `python -m django_stack.gunicorn_config config.wsgi`.

`gunicorn -c python:django_stack.gunicorn_config config.wsgi` does the same, except that gunicorn itself reads
WEB_CONCURRENCY before any configuration, and answers a malformed one with a traceback.
"""

from __future__ import annotations

import gc
import math
import os
import runpy
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from django_stack import checks, logs
from django_stack.refusal import exit_with_problems
from django_stack.variables import InvalidEnvironmentError, read

try:
    import gunicorn
except ImportError:
    exit_with_problems(
        "There is no gunicorn here:", ["Require django-stack-contract[server], or start the server that the image has."]
    )

TESTED_WITH = 27  # gunicorn's major version


def cpu_limit(root: Path = Path("/sys/fs/cgroup")) -> float:
    """The CPUs this container may use: the limit of its control group (v2, then v1), else those of the machine."""
    cpus = float(len(os.sched_getaffinity(0)))
    try:
        quota, period = (root / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (root / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (root / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return cpus
    if not quota.isdigit() or not period.isdigit():  # "max", or -1
        return cpus
    return min(cpus, int(quota) / int(period))


def worker_count(cpus: float) -> int:
    """Two for each CPU, from 2 to 8, so that they fit into the memory of a small task. WEB_CONCURRENCY overrides it."""
    return min(max(2, math.ceil(2 * cpus)), 8)


try:
    environment = read(os.environ)
except InvalidEnvironmentError as error:
    exit_with_problems("The environment has values that cannot be used:", error.problems)

bind = [f"0.0.0.0:{environment.port}"]
workers = environment.workers or worker_count(cpu_limit())
# gunicorn's gthread, except that slow clients occupy no thread. It depends on gthread's internals, so with another
# major version than the one it was tested with, plain gthread is used.
worker_class = "django_stack.worker.Worker" if gunicorn.version_info[0] == TESTED_WITH else "gthread"
threads = 4  # a process may open as many database connections
# The master loads the project, so that it refuses a half-configured environment itself, and workers share memory.
preload_app = True
# The heartbeat file must not wait for a disk, and the root file system may be read-only.
worker_tmp_dir = "/dev/shm"  # noqa: S108
timeout = 60
graceful_timeout = 25  # for requests in progress at SIGTERM; ECS and Docker kill after 30
keepalive = 75  # longer than a load balancer's 60, or it would send requests on connections that were just closed
max_requests = 2000
max_requests_jitter = 400
control_socket_disable = True

# Only SECURE_PROXY_SSL_HEADER decides which header may say that a request came over https.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}

accesslog = None  # the logger `django_stack.request` writes a line for each request, with its id
logconfig_dict = logs.configuration(environment.debug)


def when_ready(_server: Any) -> None:
    """Called before the first worker starts: excludes from garbage collection what is loaded by now.

    Workers then share that memory with the master for longer, and end half a second sooner, since at exit Python
    traverses everything that is not frozen (Python's documentation, `gc.freeze`).
    """
    checks.log_at_start()
    preload_storage()
    gc.collect()
    gc.freeze()


def preload_storage() -> None:
    """Loads what the storage needs, if it knows what; Django would load it in each worker, with the first file."""
    from django.conf import settings  # noqa: PLC0415  # there are none yet when this file is read
    from django.core.files.storage import storages  # noqa: PLC0415

    if settings.configured:  # not with `--no-preload`
        with suppress(Exception):  # what is wrong with a storage is said where it is used
            getattr(storages["default"], "preload", lambda: None)()


if __name__ == "__main__":
    # In this process, so that gunicorn gets SIGTERM and nothing is imported twice.
    sys.argv[1:] = ["--config", f"python:{__spec__.name}", *sys.argv[1:]]
    runpy.run_module("gunicorn", run_name="__main__", alter_sys=True)
