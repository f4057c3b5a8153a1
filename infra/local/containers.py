"""How the containers of a stack are replaced, the same for all of them."""

from collections.abc import Sequence

import pulumi
from pulumi_docker import ContainerHealthcheckArgsDict

# Docker starts a process in the container for each check, and those of many stacks that nobody uses would keep a
# machine busy (docs/decisions/0050). Engines since 25 look every five seconds until the first good answer, by default.
CHECKED_EVERY = "30s"

# The image's own health check asks the web. Docker takes each value that is missing from it all the same, and the
# provider would find that it isn't what was asked for, in every update.
NO_HEALTH_CHECK: ContainerHealthcheckArgsDict = {
    "tests": ["NONE"],
    "interval": CHECKED_EVERY,
    "timeout": "30s",
    "retries": 3,
    "start_period": "30s",
}


def container_options(
    component: pulumi.ComponentResource, depends_on: Sequence[pulumi.Resource] = ()
) -> pulumi.ResourceOptions:
    """The options of a container that belongs to `component`.

    The old container goes first, because the new one needs its name and its ports. `replace_on_changes=["*"]` is for a
    container that was created but did not start: the engine keeps it with an error in the state, and the next update
    would only update it, which starts nothing and clears the error. "*" includes that error (`#initerror`), so that the
    container is made anew. Docker takes a health check's `start_interval` from the image, too (mailpit's has one), and
    engines before 25 have none, so that nothing we could say is right for all of them.
    """
    return pulumi.ResourceOptions(
        parent=component,
        depends_on=depends_on,
        delete_before_replace=True,
        replace_on_changes=["*"],
        ignore_changes=["healthcheck.startInterval"],
    )
