"""Several questions at once: their answers, and that none is waited for in vain."""

import threading
import time

import pytest

from infra.together import pause, together


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
