"""Whatever a step prints, and on whichever stream: Pulumi's command plugin finds an end of line before it gives up."""

import io
import json
import re
import subprocess
import sys

import pytest

from infra.short_lines import LONGEST, ShortLines
from infra.steps import QUOTED, RedactedOutput, quoted
from tests import ROOT

PLUGIN = 60_000  # bytes without an end of line; at 65,536 the official plugin stops reading
SECRET = "correct horse battery staple"  # half of it is nothing that a redactor would recognise

STEP = """
import sys
from dataclasses import dataclass, field
from infra.steps import SECRET, RedactedOutput, StepRequest, quoted, read_request

@dataclass(frozen=True, kw_only=True)
class Request(StepRequest):
    secrets: list[str] = field(repr=False, metadata=SECRET)
    prints: str
    errors: str
    times: int

request = read_request(Request)
output = RedactedOutput(request.secret_values(), 5)
for _ in range(request.times):
    output.feed(request.prints.encode())
    print(request.errors, end="", file=sys.stderr, flush=True)
sys.exit(quoted(output.last_lines()))
"""


def lines_of(prints: str, errors: str = "", times: int = 1) -> list[bytes]:
    """What a step prints on both streams, as the plugin reads it: by one pipe."""
    request = {"secrets": [SECRET], "prints": prints, "errors": errors, "times": times}
    done = subprocess.run(
        [sys.executable, "-c", STEP],
        input=json.dumps(request).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert b"Traceback" not in done.stdout
    return done.stdout.split(b"\n")


@pytest.mark.parametrize(
    ("prints", "errors", "times"),
    [
        ("x" * 300_000, "", 1),
        ("x" * 300_000 + "\n", "", 1),
        ("x" * 5_000, "", 60),
        ("", "x" * 300_000, 1),
        ("", "x" * 5_000, 60),
        ("x" * 50_000, "y" * 50_000, 5),
        ("x" * 5_000, "y" * 5_000, 60),
        ("\N{SNOWMAN}" * 100_000, "", 1),
        ("\r 10%|#         | 100/1000 [00:10<01:30]", "", 5_000),
        ("", "\r 10%|#         | 100/1000 [00:10<01:30]", 5_000),
    ],
    ids=lambda value: f"{value[:3]}*{len(value)}" if isinstance(value, str) else None,
)
def test_no_line_is_too_long_for_the_plugin_on_both_streams_together(prints: str, errors: str, times: int) -> None:
    lines = lines_of(prints, errors, times)
    assert max(map(len, lines)) < PLUGIN
    shown = b"".join(lines).partition(b" Its last lines:")[0].decode()  # no character is cut
    for letter in {*prints, *errors} - {"\r", "\n"}:
        assert shown.count(letter) == times * (prints + errors).count(letter)


def test_each_update_of_a_progress_bar_is_a_line_at_once_and_the_last_one_is_quoted() -> None:
    lines = lines_of(" 50%\r 99%\r100%\r\ndone\n")
    assert lines == [b" 50%", b" 99%", b"100%", b"done", b" Its last lines:", b"  | 100%", b"  | done", b""]


@pytest.mark.parametrize("at", range(LONGEST - len(SECRET), LONGEST + 2, 10))
@pytest.mark.parametrize("on_stderr", [False, True])
def test_a_secret_where_a_line_is_cut_is_redacted(at: int, on_stderr: bool) -> None:
    text = "x" * at + SECRET + "y" * 100_000
    shown = b"".join(lines_of(*(("", text) if on_stderr else (text, "")))).decode()
    assert not re.search("corr|hors|batt|stap", shown)
    assert "x[secret]y" in shown


def test_a_line_in_an_error_has_its_beginning_and_its_end() -> None:
    line = f"django.db.utils.DataError: {'x' * 200_000} is too long"
    message = quoted([line, "y" * QUOTED])
    assert len(message) < 3 * QUOTED
    assert re.search(r"\| django\.db\.utils\.DataError: x+ … x+ is too long\n  \| y+$", message)
    assert message.count("y") == QUOTED, "this one is short enough"


def test_a_secret_in_the_middle_of_a_long_line_of_an_error_is_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    for at in range(QUOTED // 2 - len(SECRET), QUOTED // 2 + 2):
        output = RedactedOutput([SECRET], 5)
        output.feed("x" * at + SECRET + "y" * 3 * QUOTED + "\n")
        assert not re.search("corr|hors|batt|stap", quoted(output.last_lines()))
    capsys.readouterr()


def test_cut_lines_are_as_long_as_they_may_be_and_end_at_a_character() -> None:
    shown = io.BytesIO()
    stream = ShortLines(io.TextIOWrapper(shown))
    text = ("é\N{SNOWMAN}\N{GRINNING FACE}" * LONGEST).encode()
    assert stream.write(b"first\n") == 6
    assert stream.write(text) == len(text)
    first, *lines, rest = shown.getvalue().split(b"\n")
    assert first == b"first"
    assert {LONGEST <= len(line) <= LONGEST + 3 for line in lines} == {True}
    assert "".join(line.decode() for line in [*lines, rest]).encode() == text
