"""The labels that every Docker resource of a stack carries, by which `make repair` and `make clean` find them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the programs that look for labels start faster without Pulumi
    from pulumi_docker import ContainerLabelArgsDict

    from infra.settings import Settings

PROJECT = "django-stack.project"
STACK = "django-stack.stack"
RUN = "django-stack.release-run"
STAND_IN = "django-stack.stand-in"


def labels(settings: "Settings") -> dict[str, str]:
    """The labels by name."""
    return {PROJECT: settings.project, STACK: settings.stack}


def label_args(settings: "Settings", **more: str) -> "list[ContainerLabelArgsDict]":
    """The labels as pulumi-docker wants them, for containers, networks and volumes alike."""
    return [{"label": label, "value": value} for label, value in sorted((labels(settings) | more).items())]
