"""The check that all processes of a stack have started: one for all, since it watches them side by side."""

from collections.abc import Sequence

import pulumi
import pulumi_command as command

from infra.local.process import Process
from infra.local.requests import StartRequest
from infra.steps import step_command, step_input

START_TIMEOUT = 60  # seconds


def check_starts(name: str, processes: Sequence[Process], opts: pulumi.ResourceOptions) -> command.local.Command:
    """Waits until the containers of all processes run, and fails the update if they don't."""
    return command.local.Command(
        name,
        create=step_command("infra.local.steps.start"),
        add_previous_output_in_env=False,
        stdin=step_input(
            StartRequest,
            containers=[container for process in processes for container in process.containers],
            timeout=START_TIMEOUT,
            secrets=pulumi.Output.all(*(process.secrets for process in processes)).apply(_distinct),
        ),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=["stdout", "stderr"])),
    )


def _distinct(secrets: Sequence[Sequence[str]]) -> list[str]:
    """Those of all processes, most of which are the same."""
    return sorted({secret for some in secrets for secret in some})
