"""Checks whether a site is up, for the roll-out checks of all platforms.

A 200 alone doesn't prove it: a project whose settings don't apply the contract may answer every path with a page. And a
site that is ready may still have no page to show, so the home page is requested as well, by the site's own host name.
"""

import html
import http.client
import json
import re
import time
from dataclasses import dataclass

from infra.plain import without_escapes

READY = "/healthz/ready"
MAINTENANCE = "X-Maintenance"  # the header of the answer while `django-stack maintenance` is on
BODY = 64 * 1024  # bytes of an answer that are read; Django's debug pages name the error in the first 20 KB
WORDS = 300  # characters of an answer that are shown
STEP_2 = (
    "put the two lines of docs/bring-your-own.md, step 2, at the end of the settings module that the site runs with"
)


class ReadinessError(Exception):
    """The site won't become ready, however long one waits; the message says why and what to do."""


@dataclass(frozen=True)
class Answer:
    """An answer to a GET: its status (0 if there was none), media type, and the beginning of its text or the error."""

    status: int
    kind: str
    text: str
    hangs: bool = False
    is_maintenance: bool = False  # not the version's own answer


@dataclass(frozen=True)
class Verdict:
    """What is wrong, empty for a good answer, and what to do about it; `final` means that waiting won't help."""

    missing: str = ""
    fix: str = ""
    final: bool = False


def ask(connection: http.client.HTTPConnection, path: str, host: str) -> Answer:
    """GETs a path, with `host` as the Host header, within the connection's time-out (seconds). Follows no redirect.

    `http.client` uses no proxies, which is right for a site on this machine; another needs a connection that does.
    """
    seconds = connection.timeout or 0
    until = time.monotonic() + seconds
    try:
        headers = {"Host": host, "User-Agent": "roll-out check", "Accept": "text/html, application/json, */*"}
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        text = _beginning(response, until).decode(errors="replace")
        maintenance = MAINTENANCE in response.headers
        return Answer(response.status, response.headers.get_content_type(), text, is_maintenance=maintenance)
    except TimeoutError:
        return Answer(0, "", f"nothing within {seconds:g} seconds", hangs=True)
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, "", f"nothing ({error})")
    finally:
        connection.close()


def _beginning(response: http.client.HTTPResponse, until: float) -> bytes:
    """The first bytes of the body, also of a page that doesn't end in time."""
    body = b""
    try:
        while len(body) < BODY and time.monotonic() < until and (more := response.read1(BODY)):
            body += more
    except (OSError, http.client.HTTPException):
        return body
    return body


def judge_readiness(answer: Answer, url: str) -> Verdict:
    """Ready is a 200 with the contract's JSON. Its 503, no answer, and a load balancer's 502 to 504 are not final."""
    health = _health(answer.text)
    if answer.status == 200 and health.get("status") == health.get("database") == "ok":
        return Verdict()
    missing = f"{url} answers {_in_words(answer)}"
    if answer.status in {0, 502, 503, 504} or {"status", "database"} <= health.keys():
        return Verdict(missing)
    why = "which is not the contract's answer: the project's settings don't apply it"
    return Verdict(f"{missing}, {why}", STEP_2, final=True)


def judge_home(answer: Answer, url: str) -> Verdict:
    """A page, a redirect, a login, a 404 and the like pass. A 400, a 5xx and a page that hangs don't.

    While there is maintenance nobody sees the home page, so that it can't be judged.
    """
    if answer.is_maintenance:
        return Verdict()
    if 200 <= answer.status < 500 and answer.status != 400:
        return Verdict()
    missing = f"the home page {url} answers {_in_words(answer)}"
    if answer.status == 400:
        host = url.partition("://")[2].strip("/")
        fix = f"{STEP_2}, and let nothing after them remove {host.partition(':')[0]} from ALLOWED_HOSTS"
        return Verdict(missing, fix, final=True)
    if answer.hangs:
        return Verdict(missing, "find out what the page waits for", final=True)
    return Verdict(missing, "correct what the page or the log names", final=answer.status != 0)


def _health(text: str) -> dict[str, object]:
    try:
        health = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return health if isinstance(health, dict) else {}


class GracePeriod:
    """Judges a site's successive answers; for `seconds` the previous version may still answer."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None

    def missing(self, verdict: Verdict, begun: float) -> str:
        """What is missing so far. Raises ReadinessError after nothing but final verdicts for longer than that.

        `begun` is the `time.monotonic()` of the request.
        """
        if not verdict.final:
            self._since = None
            return verdict.missing
        self._since = self._since or begun
        if time.monotonic() - self._since < self._seconds:
            return verdict.missing
        raise ReadinessError(f"{verdict.missing}. Fix: {verdict.fix}, then run `pulumi up`")


def _in_words(answer: Answer) -> str:
    """Such as `404 Not Found: its title`, in one line."""
    if not answer.status:
        return " ".join(without_escapes(answer.text).split())
    reason = http.client.responses.get(answer.status, "")
    words = _words(answer)
    return f"{answer.status} {reason}".strip() + (f": {words}" if words else "")


def _words(answer: Answer) -> str:
    """The first line of a text; the title or first heading of a page, with the exception on Django's debug page."""
    text = without_escapes(answer.text)
    if answer.kind == "text/html" or text.lstrip()[:1] == "<":
        text = re.sub(r"(?is)<(script|style)\b.*?</\1>|<!--.*?-->", " ", text)
        heading = re.search(r"(?is)<title[^>]*>(?P<words>[^<]*\w[^<]*)</title>|<h(\d)[^>]*>(?P<more>.*?)</h\2>", text)
        exception = re.search(r'(?is)<pre class="exception_value">(.*?)</pre>', text)
        found = [heading["words"] or heading["more"]] if heading else []
        found += [exception[1]] if exception else []
        tagless = [html.unescape(re.sub(r"<[^>]*>", " ", part)) for part in found or [text]]
        text = ": ".join(" ".join(part.split()) for part in tagless) if found else tagless[0]
    line = next((" ".join(line.split()) for line in without_escapes(text).splitlines() if line.strip()), "")
    return line if len(line) <= WORDS else f"{line[:WORDS]}…"
