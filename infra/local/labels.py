"""The labels that every Docker resource of a stack carries, by which `make repair` and `make clean` find them."""

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from infra import stand_in

if TYPE_CHECKING:  # the commands that look for labels start faster without Pulumi
    from pulumi_docker import ContainerLabelArgsDict

    from infra.local.settings import LocalSettings

PROJECT = "django-stack.project"
STACK = "django-stack.stack"
STATE = "django-stack.state"
RUN = "django-stack.release-run"
STAND_IN = stand_in.LABEL

ROOT = Path(__file__).resolve().parents[2]


def state() -> str:
    """12 hex digits for where the state is: a stack of the same name of another user or backend isn't ours."""
    url = backend()
    user = str(os.getuid()) if url.startswith("file:") else ""
    return hashlib.sha256(f"{url} {user}".encode()).hexdigest()[:12]


def backend() -> str:
    """The URL of where Pulumi keeps the state."""
    return os.environ.get("PULUMI_BACKEND_URL") or _backend_of_the_project()


@cache
def _backend_of_the_project() -> str:
    return str(yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["backend"]["url"])


def labels(settings: "LocalSettings") -> dict[str, str]:
    """The labels of what comes and goes with the stack, by name."""
    return {PROJECT: settings.project, STACK: settings.stack, STATE: state()}


def label_args(settings: "LocalSettings") -> "list[ContainerLabelArgsDict]":
    """The labels as pulumi-docker wants them, for containers and networks alike."""
    return _args(labels(settings))


def data_label_args(settings: "LocalSettings", **more: str) -> "list[ContainerLabelArgsDict]":
    """The same for volumes, which outlive the stack and may go over to another state."""
    return _args({PROJECT: settings.project, STACK: settings.stack, **more})


def _args(values: dict[str, str]) -> "list[ContainerLabelArgsDict]":
    return [{"label": label, "value": value} for label, value in sorted(values.items())]
