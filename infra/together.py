"""Several things at once: questions, none of which is waited for when that has become useless, after Ctrl-C or an
error; and what is done again and again beside something else."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Answer = TypeVar("Answer")

_is_useless: ContextVar[threading.Event | None] = ContextVar("is_useless", default=None)


def together(*questions: Callable[[], Answer]) -> list[Answer]:
    """The answers to questions that are asked in threads of their own, in the order of the questions.

    Raises what the first of them raises, or KeyboardInterrupt. The others are interrupted in their next `pause`, and
    have put away what they began elsewhere when this returns.
    """
    is_useless = threading.Event()

    def ask(question: Callable[[], Answer]) -> Answer:
        _is_useless.set(is_useless)
        return question()

    with ThreadPoolExecutor(len(questions)) as pool:
        futures = [pool.submit(ask, question) for question in questions]
        try:
            ended, _ = wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            is_useless.set()
        for future in ended:
            future.result()
    return [future.result() for future in futures]


def pause(seconds: float) -> None:
    """Sleeps. Raises KeyboardInterrupt as soon as nobody waits for the answer to this question of `together`."""
    is_useless = _is_useless.get()
    if is_useless is None:
        time.sleep(seconds)
    elif is_useless.wait(seconds):
        raise KeyboardInterrupt


@contextmanager
def repeating(work: Callable[[], object], seconds: float) -> Iterator[None]:
    """Does the work in a thread of its own, time and again after so many seconds, and not once more after the end."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(seconds):
            work()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
