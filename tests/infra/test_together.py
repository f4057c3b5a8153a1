"""Several questions at once: their answers, and that none is waited for in vain; and what is done beside."""

import threading
import time

import pytest

from infra.together import pause, repeating, together
from tests.waiting import wait_until


def test_questions_are_asked_at_once_and_the_answers_are_in_their_order() -> None:
    both = threading.Barrier(2, timeout=30)

    def first() -> str:
        both.wait()
        pause(0.05)
        return "first"

    def second() -> str:
        both.wait()
        return "second"

    assert together(first, second) == ["first", "second"]


def test_a_question_that_fails_ends_the_other_ones_pause() -> None:
    interrupted = []

    def fails() -> None:
        raise LookupError("no such stack")

    def pauses() -> None:
        try:
            pause(60)
        except KeyboardInterrupt:
            interrupted.append("and put away")
            raise

    begun = time.monotonic()
    with pytest.raises(LookupError, match="no such stack"):
        together(pauses, fails)
    assert interrupted == ["and put away"]
    assert time.monotonic() - begun < 30


def test_what_is_repeated_is_not_done_at_once_nor_after_the_end() -> None:
    done: list[float] = []
    begun = time.monotonic()
    with repeating(lambda: done.append(time.monotonic()), 0.05):
        wait_until(lambda: len(done) > 2, "a third time")
    assert done[0] - begun >= 0.05
    ended = len(done)
    time.sleep(0.2)
    assert len(done) == ended


def test_what_fails_beside_what_is_repeated_ends_that_too() -> None:
    done: list[int] = []
    with pytest.raises(LookupError), repeating(lambda: done.append(1), 0.01):
        raise LookupError
    ended = len(done)
    time.sleep(0.1)
    assert len(done) == ended
