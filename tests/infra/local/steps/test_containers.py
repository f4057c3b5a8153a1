"""The end of a container's log is quoted, and nothing of a secret."""

from infra.local.steps import containers as step
from tests.infra.local.steps.engine import Container


def test_the_last_twenty_lines_are_quoted_without_our_own_requests() -> None:
    ours = 'GET /healthz/ready HTTP/1.1" 503'
    lines = [f"line {number}" for number in range(30)]
    output = step.last_lines(Container(lines=(*lines, *[ours] * 30)), [])
    assert [line.strip(" |") for line in output.splitlines()[1:]] == lines[10:]
    assert ours in step.last_lines(Container(lines=(ours,)), []), "rather these than nothing"


def test_a_secret_that_is_cut_by_the_first_line_is_redacted() -> None:
    """More lines are read than shown: of a value of several lines, the first one shown may be the second half."""
    secret = "first-half-of-a-key\nsecond-half-of-a-key"
    lines = (*secret.splitlines(), *(f"line {number}" for number in range(19)))
    assert "half-of-a-key" not in step.last_lines(Container(lines=lines), [secret])
