"""Odd answers of a site: what is shown of them is plain text in one line."""

import pytest

from infra.readiness import READY, Answer, judge_home, judge_readiness


@pytest.mark.report("joining bug 8")
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(500, "text/plain", "\x1b[31mboom\x1b[0m\x07"), "answers 500 Internal Server Error: boom"),
        (Answer(500, "text/html", "<h1>\x1b[1mboom\x1b[0m</h1>"), "answers 500 Internal Server Error: boom"),
        (Answer(0, "", "nothing (SSH-2.0-OpenSSH_9.2\r\n)"), "answers nothing (SSH-2.0-OpenSSH_9.2 )"),
        (Answer(0, "", "nothing (\x15\x03\x01\x00)"), "answers nothing ()"),
    ],
    ids=["colours", "colours in a page", "another protocol", "encrypted"],
)
def test_an_answer_is_shown_as_plain_text_in_one_line(answer: Answer, said: str) -> None:
    url = "http://localhost:8000"
    assert judge_home(answer, f"{url}/").missing == f"the home page {url}/ {said}"
    assert judge_readiness(answer, f"{url}{READY}").missing.startswith(f"{url}{READY} {said}")
