"""Waits until the site is ready and has a home page, or says what is wrong. Run by local.Command.

The provider's own wait would check only every few seconds, and fail without the container's output.
"""

import http.client
import sys
import time
from collections.abc import Callable

from infra.local.requests import RolloutRequest
from infra.local.steps.waiting import engine_errors, later, wait
from infra.readiness import READY, Answer, GracePeriod, ReadinessError, Verdict, ask, judge_home, judge_readiness
from infra.steps import read_request

GRACE_PERIOD = 5.0  # seconds; runserver may just be restarting
PAUSE = 1.0  # seconds
READY_WITHIN, HOME_WITHIN = 5.0, 30.0  # seconds for one answer


def main() -> None:
    """Exit status 0 when the site is up, else 1 with the reason and the container's last lines on standard error."""
    request = read_request(RolloutRequest)
    container = later(request.container)
    try:
        for path, within, judge in ((READY, READY_WITHIN, judge_readiness), ("/", HOME_WITHIN, judge_home)):
            missing = watch(request.port, request.domain, path, within, judge)
            wait(container, "The web container", missing, request.timeout, request.secrets)
    except ReadinessError as error:
        from infra.local.steps.containers import last_lines  # noqa: PLC0415  # not before something is wrong

        sys.exit(f"The web container runs, but {error}.{last_lines(container(), request.secrets)}")


def watch(
    port: int, domain: str, path: str, within: float, judge: Callable[[Answer, str], Verdict]
) -> Callable[[], str]:
    """A function that returns what is missing; nothing when the site answers as it should."""
    host = f"{domain}:{port}"
    grace_period = GracePeriod(GRACE_PERIOD)

    def missing() -> str:
        begun = time.monotonic()
        answer = ask(http.client.HTTPConnection("127.0.0.1", port, timeout=within), path, host)
        verdict = judge(answer, f"http://{host}{path}")
        if verdict.final:
            time.sleep(PAUSE)  # each request adds to the log, whose last lines should say why
        return grace_period.missing(verdict, begun)

    return missing


if __name__ == "__main__":
    with engine_errors():
        main()
