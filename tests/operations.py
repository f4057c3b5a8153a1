"""What `django-stack` does to a running stack, in one table for both platforms: on Docker in tests/e2e, on an emulator
of AWS in tests/rehearsal."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

ELSEWHERE, OWN = "203.0.113.0/24", "{own}"  # OWN is the address that the site sees the tests come from
ON_WITHIN = 20.0  # seconds, most of which are the command's start on a machine that has much else to do


@dataclass(frozen=True)
class Case:
    """A command, its exit status, a pattern of what it prints; what the home page answers then, and what is in it."""

    arguments: tuple[str, ...]
    status: int
    says: str
    answers: int
    shows: str = ""


MAINTENANCE = [
    Case(("maintenance", "status"), 0, r"Maintenance is off\.\n", 200),
    Case(("maintenance", "off"), 0, r"There is no maintenance of the stack \S+\.\n", 200),
    Case(
        ("maintenance", "on", "--allow", "everybody"),
        2,
        "everybody is no address; allowed: addresses and networks such as",
        200,
    ),
    Case(
        ("maintenance", "on", "--message", "Back at <ten>, grüezi."),
        0,
        r"Maintenance is on\. To end it: django-stack maintenance off -s \S+\n",
        503,
        "Back at &lt;ten&gt;, gr(ü|&#252;)ezi.",
    ),
    Case(("status", "--json"), 0, r'"maintenance": \{\n +"since": "20', 503),
    Case(("maintenance", "status"), 0, r"on, since \d+ seconds? ago: Back at <ten>, grüezi\.\n", 503),
    Case(
        ("maintenance", "on", "--allow", ELSEWHERE, "--allow", "2001:db8::/48"),
        0,
        r"on for all visitors but 203\.0\.113\.0/24, 2001:db8::/48\.",
        503,
        "We are working on this site",
    ),
    Case(("maintenance", "on", "--allow", ELSEWHERE, "--allow", OWN), 0, r"on for all visitors but", 200),
    Case(("maintenance", "off"), 0, r"Maintenance is off: http", 200),
    Case(("maintenance", "status", "--json"), 0, r'\{\n  "on": false\n\}\n', 200),
]


COMPARISON = [
    Case(("compare", "{name}", "{name}"), 0, r"\n\d{3,} things are the same, 0 differ\.\n", 200),
]


@dataclass(frozen=True)
class Page:
    """An answer of the site. Header names are in small letters."""

    status: int
    headers: dict[str, str]
    text: str


def check(
    case: Case,
    run: Callable[..., tuple[int, str]],
    get: Callable[[str], Page],
    *,
    own: str = "",
    name: str = "",
    within: float = ON_WITHIN,
) -> None:
    """Runs a case: `run` takes arguments of django-stack and returns its exit status and output, `get` takes a path.

    `own` is the address that the site sees the tests come from, `name` the stack's.
    """
    begun = time.monotonic()
    status, said = run(*(argument.format(own=own, name=name) for argument in case.arguments))
    assert (status, bool(re.search(case.says, said))) == (case.status, True), said
    page = get("/")
    while page.status != case.answers and time.monotonic() - begun < within:
        time.sleep(0.2)
        page = get("/")
    assert page.status == case.answers, case
    if case.arguments[1] in {"on", "off"}:
        assert time.monotonic() - begun < within
    assert re.search(case.shows, page.text), page.text
    assert ("x-maintenance" in page.headers) is (case.answers == 503)
    if case.answers == 503:
        assert page.headers["retry-after"] == "300"
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["content-type"].startswith("text/html")
    assert get("/healthz/ready").status == get("/healthz/live").status == 200
