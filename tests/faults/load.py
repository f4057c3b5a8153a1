"""Somebody who asks all the time, and somebody who writes all the time: what they got while something broke."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise

import psycopg
import requests

PAUSE = 0.02  # seconds between a client's requests


@dataclass
class Load:
    """What the clients got: for each request when it began and ended (monotonic seconds) and its status, 0 for none."""

    answers: list[tuple[float, float, int]] = field(default_factory=list)

    @property
    def failed(self) -> list[tuple[float, float, int]]:
        return [answer for answer in sorted(self.answers) if answer[2] != 200]

    @property
    def gap(self) -> float:
        """The longest time between two good answers, in seconds."""
        good = sorted(end for _, end, status in self.answers if status == 200)
        return max((after - before for before, after in pairwise(good)), default=0.0)

    @property
    def slowest(self) -> float:
        """The longest that a good answer took, in seconds."""
        return max((end - begin for begin, end, status in self.answers if status == 200), default=0.0)


@contextmanager
def asking(url: str, clients: int = 4, timeout: float = 30) -> Iterator[Load]:
    """Clients ask for a page all the time, each request over a connection of its own, until the block ends."""
    load, stop = Load(), threading.Event()

    def ask() -> None:
        while not stop.is_set():
            begin, status = time.monotonic(), 0
            with suppress(requests.RequestException):
                status = requests.get(url, timeout=timeout, headers={"Connection": "close"}).status_code
            load.answers.append((begin, time.monotonic(), status))
            stop.wait(PAUSE)

    with _threads([ask] * clients, stop):
        yield load


@contextmanager
def writing(database_url: str) -> Iterator[list[int]]:
    """Writes numbers into the table `faults` all the time; gives those whose commit the database said yes to."""
    written: list[int] = []
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            with suppress(psycopg.OperationalError), psycopg.connect(database_url, connect_timeout=2) as connection:
                connection.autocommit = True
                while not stop.is_set():
                    number += 1
                    connection.execute("insert into faults values (%s)", (number,))
                    written.append(number)
            stop.wait(0.1)

    with psycopg.connect(database_url, connect_timeout=5) as connection:
        connection.execute("create table if not exists faults (number bigint)")
        connection.execute("truncate faults")
    with _threads([write], stop):
        yield written


@contextmanager
def _threads(programs: list[Callable[[], None]], stop: threading.Event) -> Iterator[None]:
    threads = [threading.Thread(target=program, daemon=True) for program in programs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
