"""The table of reports and the tests that keep their right values belong together."""

import re
from pathlib import Path

from tests import ROOT
from tests.reports import REPORTS


def marked() -> set[str]:
    """The reports that tests carry as a mark."""
    files = [*(ROOT / "tests").rglob("test_*.py"), *(ROOT / "tools").rglob("test_*.py")]
    text = "".join(file.read_text() for file in files if file != Path(__file__))
    return set(re.findall(r"""mark\.report\(\s*["']([^"']+)["']""", text))


def test_every_report_has_a_test_and_every_mark_is_a_report() -> None:
    assert marked() == {report.thread for report in REPORTS}


def test_no_report_stands_twice_and_none_is_without_words() -> None:
    assert len({report.thread for report in REPORTS}) == len(REPORTS)
    assert all(report.situation and report.right for report in REPORTS)
