"""A program that printed nothing is asked again, unless it failed or may print nothing."""

import pytest

from infra.local import asking
from tests.infra.local.steps.engine import Container


@pytest.mark.parametrize(
    ("given", "said", "times"),
    [
        ([(0, b"1")], (0, b"1", b""), 1),
        ([(0, b""), (0, b"1")], (0, b"1", b""), 2),
        ([(0, b""), (2, b"gone")], (2, b"", b"gone"), 2),
        ([(2, b"")], (2, b"", b""), 1),
        ([(0, b"")] * asking.ATTEMPTS, (1, b"", b"psql printed nothing\n"), asking.ATTEMPTS),
    ],
)
def test_an_empty_answer_is_none(given: list[tuple[int, bytes]], said: asking.Said, times: int) -> None:
    answers = iter(given)
    container = Container(program=lambda *_: next(answers))
    assert asking.ask(container, ["psql"], {"PGUSER": "app"}) == said  # type: ignore[arg-type]
    assert container.executed == [(["psql"], {"PGUSER": "app"})] * times


def test_a_program_that_may_print_nothing_runs_once() -> None:
    container = Container()
    assert asking.run(container, ["psql"]) == (0, b"", b"")  # type: ignore[arg-type]
    assert len(container.executed) == 1
