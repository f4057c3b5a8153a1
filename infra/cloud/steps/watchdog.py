"""Stops the tasks of a release that was killed. A watchdog, started by `infra.cloud.steps.release`.

It stops those that the release told it of, not all that look like a release's: the next release may run by then. A task
that ECS was asked for at the very moment of the kill runs to its end, unless the next release finds and stops it.
"""

import sys
import time
from contextlib import suppress

from infra.watchdog import left_behind

PATIENCE = 60.0  # seconds for AWS to be reached, and for all of ECS to know a new task


def main() -> None:
    """Waits until the release has ended; then stops its tasks unless the release said that there are none."""
    tasks = left_behind()
    if tasks:
        stop(tasks, *sys.argv[1:])


def stop(tasks: list[str], region: str, profile: str, cluster: str) -> None:
    """Stops the tasks, given by their ARNs; ECS takes that of a stopped one as well."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # only when it acts

    from infra.cloud.aws import client  # noqa: PLC0415
    from infra.cloud.requests import CloudRequest  # noqa: PLC0415

    ecs = client("ecs", CloudRequest(region=region, profile=profile))
    deadline = time.monotonic() + PATIENCE
    while tasks and time.monotonic() < deadline:
        for task in list(tasks):
            with suppress(BotoCoreError, ClientError):
                ecs.stop_task(cluster=cluster, task=task, reason="The release was killed")
                tasks.remove(task)
        time.sleep(1)


if __name__ == "__main__":
    main()
