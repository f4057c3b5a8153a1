"""The site under load: our gunicorn, gunicorn with its own defaults, and runserver, each in the app's container.

`wrk` asks over the loopback, and takes its part of the same processors.
"""

import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from typing import Any

import psutil
import requests

from benchmarks.plot import OTHER, OURS, Bar
from benchmarks.report import Section
from benchmarks.sandbox import TIMEOUT, Sandbox
from tests.e2e.stacks import Stack
from tests.ports import free_ports

CONNECTIONS, SECONDS = 16, 5
PLAIN = ["gunicorn", "--bind", "0.0.0.0:8000", "config.wsgi"]


@dataclass(frozen=True)
class Server:
    """A way to serve: the container's command (none for the image's own) and further variables."""

    name: str
    command: list[str] | None = None
    env: dict[str, str] = field(default_factory=dict)


SERVERS = [
    Server("django-stack (the image's own command)"),
    Server("… with 1 worker", env={"WEB_CONCURRENCY": "1"}),
    Server("… with 2 workers", env={"WEB_CONCURRENCY": "2"}),
    Server("… with 8 workers", env={"WEB_CONCURRENCY": "8"}),
    Server("… with 1 thread a worker", env={"GUNICORN_CMD_ARGS": "--threads=1 --worker-class=sync"}),
    Server("… with gunicorn's own gthread", env={"GUNICORN_CMD_ARGS": "--worker-class=gthread"}),
    Server("gunicorn with its own defaults", PLAIN),
    Server("runserver, debug on", ["python", "manage.py", "runserver", "0.0.0.0:8000"], {"DJANGO_DEBUG": "True"}),
]


def measure(place: Sandbox) -> list[Section]:
    """One server after the other, on the same database."""
    if not shutil.which("wrk"):
        raise RuntimeError("There is no wrk to ask with. Fix: apt-get install wrk")
    stack = place.stack("load")
    stack.up()
    rows, bars = [], []
    for server in SERVERS:
        port = free_ports(1)[0]
        container = start(stack, server, port)
        try:
            found = _measure(container, port)
        finally:
            container.remove(force=True)
        rows.append([server.name, *found])
        colour = OURS if server is SERVERS[0] else OTHER
        bars.append(Bar(server.name, float(found[0].split()[0]), "a page", colour))
    head = ["", "page with a query", "static file", "health (live)", "memory, all processes", "a worker's own"]
    notes = [
        f"Requests a second, median and 99 % of the time to the answer; wrk with {CONNECTIONS} connections, {SECONDS} "
        "s each, after a warm-up. Memory is counted after the load, shared pages once (PSS); a worker's own are pages "
        "that no other process has (USS).",
    ]
    return [Section("throughput", "The site under load", head, rows, notes, bars, unit="requests/s")]


def start(stack: Stack, server: Server, port: int, **limits: Any) -> Any:
    """A container as the stack's web, with another command and Docker's limits; ready when it returns."""
    web = stack.container("web")
    env = dict(entry.split("=", 1) for entry in web.attrs["Config"]["Env"]) | server.env
    container = stack.engine.containers.run(
        web.attrs["Image"],
        server.command,
        environment=env,
        network=stack.prefix,
        ports={"8000/tcp": ("127.0.0.1", port)},
        init=True,
        detach=True,
        **limits,
    )
    deadline = time.monotonic() + TIMEOUT
    while not _ready(port):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{server.name} isn't ready:\n{container.logs(tail=20).decode()}")
        time.sleep(0.1)
    return container


def _ready(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz/ready", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def _measure(container: Any, port: int) -> list[str]:
    page = requests.get(f"http://127.0.0.1:{port}/", timeout=10).text
    style = find(r'href="(/static/gallery/style[^"]*\.css)"', page)
    found = [_ask(port, path) for path in ("/", style, "/healthz/live")]
    processes = [psutil.Process(int(row[1])) for row in container.top(ps_args="-eo user,pid,args")["Processes"]]
    memory = [process.memory_full_info() for process in processes]
    total, own = sum(one.pss for one in memory), max(one.uss for one in memory)
    return [*found, f"{total / 1024**2:.0f} MiB", f"{own / 1024**2:.0f} MiB"]


def _ask(port: int, path: str) -> str:
    """Requests a second, and the time to the answer."""
    url = f"http://127.0.0.1:{port}{path}"
    command = ["wrk", "--threads", "2", "--connections", str(CONNECTIONS), "--latency"]
    subprocess.run([*command, "--duration", "2s", url], check=True, capture_output=True)
    told = subprocess.run(
        [*command, "--duration", f"{SECONDS}s", url], check=True, capture_output=True, text=True
    ).stdout
    rate = float(find(r"Requests/sec: +([\d.]+)", told))
    half, most = (find(rf" {share}% +([\d.]+\w+)", told) for share in (50, 99))
    lost = sum(map(int, re.findall(r"(?:responses:|connect|read|write|timeout) (\d+)", told)))
    return f"{rate:.0f} ({half}, {most})" + (f", {lost} failed" if lost else "")


def find(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if not found:
        raise RuntimeError(f"there is no {pattern} in:\n{text}")
    return found[1]
