"""What is shown and kept of a program's output is plain text."""

import pytest

from infra.plain import plain
from infra.steps import RedactedOutput, quoted


@pytest.mark.report("joining bug 8")
@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[1;38;5;202mbold\x1b[m \x1b[2K", "bold "),
        ("10%\r 50%\r100%\r", "100%"),
        ("\x1b]8;;https://example.com\x1b\\link\x1b]8;;\x07", "link"),
        ("\x1b(B\x1b[?25lx\x07", "x"),
        ("  two\tcolumns, caf\u00e9 \N{SNOWMAN}", "  two\tcolumns, caf\u00e9 \N{SNOWMAN}"),
        ("[31m is no escape sequence", "[31m is no escape sequence"),
    ],
)
def test_a_line_is_what_a_terminal_shows_in_the_end(line: str, shown: str) -> None:
    assert plain(line) == shown


def test_the_last_lines_in_an_error_are_plain() -> None:
    assert quoted(["\x1b[31mred\x1b[0m", "1%\r99%"]) == " Its last lines:\n  | red\n  | 99%"


@pytest.mark.report("joining bug 8")
def test_colours_hide_no_secret_and_are_not_kept(capsys: pytest.CaptureFixture[str]) -> None:
    output = RedactedOutput(["TOPSECRET"], keep=5)
    output.feed("key \x1b[31mTOP\x1b[0mSECRET\n")
    output.close()
    assert capsys.readouterr().out == "key [secret]\n"
    assert output.last_lines() == ["key [secret]"]
