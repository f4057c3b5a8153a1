"""Keeps the output of the last run of the release commands, on every platform."""

import pulumi
import pulumi_command as command


def release_log(release: command.local.Command, parent: pulumi.Resource) -> pulumi.Output[str]:
    """What the command printed when it last ran, a secret.

    When the Command is updated without running (for another time-out, say), its `stdout` becomes empty. It could be
    given its previous output to print it again, but only in its environment, where Linux allows 128 KiB at most.
    """
    kept = pulumi.Stash(
        "release-log",
        input=release.stdout,
        # The command's id changes with each run, and only then.
        opts=pulumi.ResourceOptions(parent=parent, replacement_trigger=release.id),
    )
    log: pulumi.Output[str] = pulumi.Output.secret(kept.output)
    return log
