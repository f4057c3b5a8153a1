"""How the containers of a stack are replaced, the same for all of them."""

from collections.abc import Sequence

import pulumi


def container_options(
    component: pulumi.ComponentResource, depends_on: Sequence[pulumi.Resource] = ()
) -> pulumi.ResourceOptions:
    """The options of a container that belongs to `component`.

    The old container goes first, because the new one needs its name and its ports. `replace_on_changes=["*"]` is for a
    container that was created but did not start: the engine keeps it with an error in the state, and the next update
    would only update it, which starts nothing and clears the error. "*" includes that error (`#initerror`), so that the
    container is made anew.
    """
    return pulumi.ResourceOptions(
        parent=component, depends_on=depends_on, delete_before_replace=True, replace_on_changes=["*"]
    )
