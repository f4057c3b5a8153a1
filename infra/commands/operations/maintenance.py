"""Maintenance of a stack: visitors get 503 and a page, but for those who are let through."""

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import urllib3

from infra import proxies
from infra.commands.operations.status import Section, ago
from infra.readiness import MAINTENANCE

MESSAGE = "We are working on this site."
RETRY_AFTER = 300  # seconds
EVERYBODY = "/healthz/maintenance"  # where nobody is let through
SHOWN_AT = (EVERYBODY, "/")
SEEN_WITHIN = 30.0  # seconds
PAUSE = 0.5


@dataclass(frozen=True)
class Maintenance:
    """When it began (UTC), what visitors read, the seconds in `Retry-After`, and the networks that are let through."""

    since: datetime
    message: str = MESSAGE
    retry_after: int = RETRY_AFTER
    allow: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """What JSON can hold."""
        return {
            "since": self.since.isoformat(timespec="seconds"),
            "message": self.message,
            "retry_after": self.retry_after,
            "allow": list(self.allow),
        }

    @staticmethod
    def of(facts: dict[str, Any]) -> "Maintenance":
        """The inverse of `facts`. Raises KeyError, ValueError or TypeError."""
        since = datetime.fromisoformat(str(facts["since"])).astimezone(UTC)
        return Maintenance(since, str(facts["message"]), int(facts["retry_after"]), tuple(map(str, facts["allow"])))


def maintenance_section(found: Maintenance | None) -> Section | None:
    """A line of the status, while there is maintenance."""
    if not found:
        return None
    let_through = f", not for {', '.join(found.allow)}" if found.allow else ""
    return Section(f"on, since {ago(found.since)}{let_through}", found.facts())


def waits_until_seen(url: str, *, wanted: bool, seconds: float = SEEN_WITHIN) -> bool:
    """Waits until the site at `url` answers with maintenance, or without it; False if it didn't in that time.

    It is looked for where nobody is let through, and on the home page: a version from before that path has it there
    alone. A site on this machine is asked at the loopback, where its name may lead nowhere.
    """
    parts = urllib3.util.parse_url(url)
    site = f"https://{parts.netloc}" if parts.scheme == "https" else f"http://127.0.0.1:{parts.port or 80}"
    until = time.monotonic() + seconds
    with proxies.pool(site, 5.0) as pool:
        while True:
            with suppress(urllib3.exceptions.HTTPError):  # a site that doesn't answer is asked again
                host = {"Host": parts.netloc or ""}
                answers = [pool.request("GET", f"{site}{path}", headers=host, redirect=False) for path in SHOWN_AT]
                if any(MAINTENANCE in answer.headers for answer in answers) is wanted:
                    return True
            if time.monotonic() > until:
                return False
            time.sleep(PAUSE)
