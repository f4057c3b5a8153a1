"""The site by numbers of connections, by processors, and by ways to keep database connections.

A container as the stack's web, limited as a task of Fargate is. Processor time for a request is the figure that depends
least on what else the machine does.
"""

import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psutil
import requests

from benchmarks.plot import OTHER, OURS, Bar
from benchmarks.report import Section
from benchmarks.sandbox import Sandbox
from benchmarks.throughput import Server, find, start
from tests.e2e.stacks import Stack
from tests.e2e.visitors import Visitor
from tests.ports import free_ports

SECONDS = 4
CONNECTIONS = (1, 16, 64, 256)
# Processors, MiB, and the workers and threads that are tried with them.
TASKS = [
    (0.25, 512, [(1, 4), (1, 8), (2, 4), (4, 4)]),
    (0.5, 1024, [(1, 4), (1, 8), (2, 4), (4, 4)]),
    (1.0, 2048, [(1, 8), (2, 4), (3, 4), (4, 4)]),
    (2.0, 4096, [(2, 4), (2, 8), (4, 4), (8, 4)]),
]
SLOW = 32  # visitors who have sent half a request
# What follows DATABASE_URL, by the way in which connections are kept.
DATABASE = {
    "kept by each thread for 60 s (as shipped)": "",
    "Django's pool (pool=true)": "pool=true",
    "a new one for each request": "conn_max_age=0",
}


def measure(place: Sandbox) -> list[Section]:
    """Three tables, on one database."""
    stack = place.stack("site")
    stack.up()
    visitor = Visitor(stack)
    for number in range(12):  # a full page
        visitor.upload(f"Picture {number}")
    return [by_connections(stack, visitor), by_processors(stack), by_database(stack)]


def by_connections(stack: Stack, visitor: Visitor) -> Section:
    """What the image's own command answers, with slow visitors beside at last."""
    rows, bars = [], []
    with served(stack, Server("django-stack"), {}) as (container, port):
        page = requests.get(f"http://127.0.0.1:{port}/", timeout=10).text
        style = find(r'href="(/static/gallery/style[^"]*\.css)"', page)
        cases: list[tuple[int, int]] = [*((number, 0) for number in CONNECTIONS), (16, SLOW)]
        for number, slow in cases:
            with slow_visitors(port, slow):
                asked = [ask(container, port, path, number) for path in ("/", style, "/healthz/live")]
            name = f"{number}" + (f", beside {slow} slow ones" if slow else "")
            rows.append([name, *(shown(one) for one in asked)])
            bars.append(Bar(name, asked[0]["rate"], "a page, by connections"))
    times = uploads(visitor)
    rows.append(
        ["1 (uploads)", f"{len(times) / sum(times):.0f} (median {sorted(times)[len(times) // 2] * 1e3:.0f} ms)", "", ""]
    )
    head = ["connections", "page with queries", "static file", "health (live)"]
    notes = [
        f"Requests a second; median and 99 % of the time to the answer, processor time of the container for each; wrk, "
        f"{SECONDS} s each. The page shows twelve pictures. An upload is a PNG that is checked, stored in S3 and "
        "recorded, form and redirect included.",
    ]
    return Section("site", "The site by connections", head, rows, notes, bars, unit="requests/s")


def by_processors(stack: Stack) -> Section:
    """Which numbers of workers and threads suit a task's processors."""
    rows, bars = [], []
    for cpus, memory, choices in TASKS:
        limits = {"nano_cpus": int(cpus * 1e9), "mem_limit": f"{memory}m"}
        for workers, threads in [*choices, (0, 0)]:
            env = {"WEB_CONCURRENCY": f"{workers}", "GUNICORN_CMD_ARGS": f"--threads={threads}"} if workers else {}
            name = f"{workers} of {threads} threads" if workers else "as shipped"
            with served(stack, Server(name, env=env), limits) as (container, port):
                page = ask(container, port, "/", 16)
                crowd = ask(container, port, "/", 64)
                total = memory_of(container)
            rows.append([f"{cpus:g}", name, shown(page), shown(crowd), f"{total:.0f} of {memory} MiB"])
            colour = OTHER if workers else OURS
            bars.append(Bar(name, page["rate"], f"a page, {cpus:g} vCPU, by workers", colour))
    head = ["vCPU", "workers", "page, 16 connections", "page, 64 connections", "memory, all processes"]
    notes = ["As in [site.md](site.md). Memory is counted after the load, shared pages once (PSS)."]
    return Section("site-processors", "The site by processors", head, rows, notes, bars, unit="requests/s")


def by_database(stack: Stack) -> Section:
    """What it costs to keep connections in another way, and how many there are then."""
    rows, bars = [], []
    web = stack.container("web")
    url = dict(entry.split("=", 1) for entry in web.attrs["Config"]["Env"])["DATABASE_URL"]
    for name, argument in DATABASE.items():
        env = {"DATABASE_URL": url + ("&" if "?" in url else "?") * bool(argument) + argument}
        with served(stack, Server(name, env=env), {}) as (container, port):
            asked = ask(container, port, "/", 16)
            (address,) = [one["IPAddress"] for one in container.attrs["NetworkSettings"]["Networks"].values()]
            open_ones = stack.query("SELECT count(*) FROM pg_stat_activity WHERE client_addr = %s::inet", address)[0][0]
        rows.append([name, shown(asked), f"{open_ones}"])
        bars.append(Bar(name, asked["rate"], "a page, by connections", OURS if "shipped" in name else OTHER))
    head = ["connections are", "page, 16 connections", "open afterwards"]
    notes = ["As in [site.md](site.md). The pool has its own defaults: four connections in each worker."]
    return Section("site-database", "The site by database connections", head, rows, notes, bars, unit="requests/s")


@contextmanager
def served(stack: Stack, server: Server, limits: Mapping[str, Any]) -> Iterator[tuple[Any, int]]:
    port = free_ports(1)[0]
    container = start(stack, server, port, **limits)
    try:
        container.reload()
        ask(container, port, "/", 16, 2)  # warm
        yield container, port
    finally:
        container.remove(force=True)


def ask(container: Any, port: int, path: str, connections: int, seconds: int = SECONDS) -> dict[str, Any]:
    """Requests a second, times, failures, and ms of the container's processor time for each request."""
    command = ["wrk", "--threads", "1", "--connections", f"{connections}", "--latency", "--duration", f"{seconds}s"]
    before = processor_time(container)
    told = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{path}"], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    spent = processor_time(container) - before
    answered = int(find(r"(\d+) requests in", told))
    return {
        "rate": float(find(r"Requests/sec: +([\d.]+)", told)),
        "half": find(r" 50% +([\d.]+\w+)", told) if answered else "none",
        "most": find(r" 99% +([\d.]+\w+)", told) if answered else "none",
        "failed": sum(map(int, re.findall(r"(?:responses:|connect|read|write|timeout) (\d+)", told))),
        "spent": spent / max(answered, 1),
    }


def shown(asked: Mapping[str, Any]) -> str:
    failed = f", {asked['failed']} failed" if asked["failed"] else ""
    return f"{asked['rate']:.0f} ({asked['half']}, {asked['most']}; {asked['spent']:.2f} ms){failed}"


def processor_time(container: Any) -> float:
    """Milliseconds that the container has had so far."""
    return float(container.stats(stream=False, one_shot=True)["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e6


def memory_of(container: Any) -> float:
    """MiB of all processes, shared pages once."""
    processes = [psutil.Process(int(row[1])) for row in container.top(ps_args="-eo user,pid,args")["Processes"]]
    return sum(process.memory_full_info().pss for process in processes) / 1024**2


@contextmanager
def slow_visitors(port: int, number: int) -> Iterator[None]:
    """Visitors who have sent half a form, and no more."""
    half = b"POST /login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nusername="
    sockets = []
    try:
        for _ in range(number):
            sockets.append(socket.create_connection(("127.0.0.1", port), timeout=10))
            sockets[-1].sendall(half)
        yield
    finally:
        for one in sockets:
            one.close()


def uploads(visitor: Visitor) -> list[float]:
    """Seconds of each of some uploads, one after the other."""
    times = []
    for number in range(15):
        begin = time.perf_counter()
        visitor.upload(f"Upload {number}")
        times.append(time.perf_counter() - begin)
    return times
