"""Waits until the new version is rolled out and the site ready, or says what went wrong. Run by local.Command."""

import http.client
import ssl
import time

from infra import proxies
from infra.cloud.requests import RolloutRequest
from infra.cloud.steps.service import RolloutError, ServiceRollout, check, short
from infra.readiness import READY, GracePeriod, ReadinessError, ask, judge_home, judge_readiness

ANSWER = 30.0  # seconds that one answer may take
MIN_READY_SECONDS = 60.0  # for the site, however long the tasks took


def main() -> None:
    """Exit status 0 when the wanted version serves and is ready, else 1 with the reason on standard error."""
    check(RolloutRequest, lambda request: Rollout(request).run())


class Rollout(ServiceRollout):
    """The roll-out of the site."""

    do = "serve"
    request: RolloutRequest

    def run(self) -> None:
        """Waits; raises RolloutError if the version is rolled back, is broken, or not steady or ready in time."""
        try:
            self.wait_until_steady()
            self.wait_until_ready()
        finally:
            self.watch_again()
        print(f"{short(self.request.task_definition)} serves https://{self.request.domain}", flush=True)

    def wait_until_ready(self) -> None:
        """Sends requests to the site from outside until it is ready and has a home page."""
        domain = self.request.domain
        for path, judge in ((READY, judge_readiness), ("/", judge_home)):
            grace_period = GracePeriod(self.request.tolerance)
            until = max(self.deadline, time.monotonic() + min(MIN_READY_SECONDS, self.request.timeout))
            while True:
                begun = time.monotonic()
                answer = ask(Connection(domain, self.request.connect_to), path, domain)
                try:
                    missing = grace_period.missing(judge(answer, f"https://{domain}{path}"), begun)
                except ReadinessError as error:
                    raise RolloutError(f"The new version runs, but {error}{self.go_back()}") from None
                if not missing:
                    break
                if time.monotonic() > until:
                    raise RolloutError(
                        f"The new version runs, but the site is not ready: {missing}\n"
                        "The next `pulumi up` checks again."
                    )
                time.sleep(self.request.pause)


class Connection(http.client.HTTPSConnection):
    """A connection to `connect_to`, a host (and port), with the name and the certificate of the domain.

    So the check depends on no DNS records, which may be new or somebody else's to create. As with boto3, a proxy that
    the environment names is asked.
    """

    def __init__(self, domain: str, connect_to: str) -> None:
        super().__init__(domain, timeout=ANSWER)
        self._place = connect_to

    def connect(self) -> None:
        host, _, port = self._place.partition(":")
        plain = proxies.connect(host, int(port or 443), ANSWER)
        self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)


if __name__ == "__main__":
    main()
