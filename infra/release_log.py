"""Keeps what the last run of the release commands printed, on every platform."""

import pulumi
import pulumi_command as command


def release_log(release: command.local.Command, parent: pulumi.Resource) -> pulumi.Output[str]:
    """What the command printed when it last ran, a secret.

    An update that is no reason to run it (another time-out, say) replaces its `stdout` by nothing. The command could
    be handed its earlier output for printing it again, but in its environment, where Linux takes 128 KiB at most.
    """
    kept = pulumi.Stash(
        "release-log",
        input=release.stdout,
        # The command's id is another one after each run, and only then.
        opts=pulumi.ResourceOptions(parent=parent, replacement_trigger=release.id),
    )
    log: pulumi.Output[str] = pulumi.Output.secret(kept.output)
    return log
