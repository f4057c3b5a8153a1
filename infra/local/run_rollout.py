"""Waits until the site is ready and has a home page, or says what is wrong. Run by local.Command.

Request: {container: id, port: where the site is published, domain: its host name, timeout: seconds, secrets: [values]}

The provider's own wait would look every few seconds, and fail without a word of the container's.
"""

import http.client
import sys
import time
from collections.abc import Callable
from typing import Any

from infra import endpoint
from infra.local.containers import engine_errors, last_lines, wait
from infra.programs import request
from infra.readiness import READY, Answer, Patience, ReadinessError, Verdict, ask, judge_home, judge_readiness

TOLERANCE = 5.0  # seconds; runserver may just be starting again
PAUSE = 1.0  # seconds
READY_WITHIN, HOME_WITHIN = 5.0, 30.0  # seconds for one answer


def main() -> None:
    """Exit status 0 when the site is up, else 1 with the reason and the container's last lines on standard error."""
    asked = request()
    container = endpoint.client().containers.get(asked["container"])
    try:
        for path, within, judge in ((READY, READY_WITHIN, judge_readiness), ("/", HOME_WITHIN, judge_home)):
            lacks = watch(asked, path, within, judge)
            wait(container, "The web container", lacks, asked["timeout"], asked["secrets"])
    except ReadinessError as error:
        sys.exit(f"The web container runs, but {error}.{last_lines(container, asked['secrets'])}")


def watch(
    asked: dict[str, Any], path: str, within: float, judge: Callable[[Answer, str], Verdict]
) -> Callable[[], str]:
    """Says what is lacking whenever it's called; nothing when the site answers well."""
    host = f"{asked['domain']}:{asked['port']}"
    patience = Patience(TOLERANCE)

    def lacking() -> str:
        asked_at = time.monotonic()
        answer = ask(http.client.HTTPConnection("127.0.0.1", asked["port"], timeout=within), path, host)
        verdict = judge(answer, f"http://{host}{path}")
        if verdict.final:
            time.sleep(PAUSE)  # each look adds to the log, whose last lines shall say why
        return patience.lacking(verdict, asked_at)

    return lacking


if __name__ == "__main__":
    with engine_errors():
        main()
