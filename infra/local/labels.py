"""The labels of every Docker resource of a stack, by which `make repair` and `make clean` find them."""

import hashlib
import os
from functools import cache
from typing import TYPE_CHECKING

from infra import stand_in
from infra.checkout import ROOT

if TYPE_CHECKING:  # commands that look for labels start faster without Pulumi
    from pulumi_docker import ContainerLabelArgsDict

    from infra.local.settings import LocalSettings

PROJECT = "django-stack.project"
STACK = "django-stack.stack"
STATE = "django-stack.state"
RUN = "django-stack.release-run"
PROCESS = "django-stack.process"  # of the containers of one process, several of which are one process to a person
STAND_IN = stand_in.LABEL


def state() -> str:
    """12 hex digits that identify where the state is: another user's or backend's stack of this name isn't ours."""
    url = backend()
    user = str(os.getuid()) if url.startswith("file:") else ""
    return hashlib.sha256(f"{url} {user}".encode()).hexdigest()[:12]


def backend() -> str:
    """The URL of the backend in which Pulumi keeps the state."""
    return os.environ.get("PULUMI_BACKEND_URL") or _backend_of_the_project()


@cache
def _backend_of_the_project() -> str:
    import yaml  # noqa: PLC0415  # the steps need only the names of the labels, and start faster

    return str(yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["backend"]["url"])


def labels(settings: "LocalSettings") -> dict[str, str]:
    """The labels, by name, of everything that is removed with the stack."""
    return {PROJECT: settings.project, STACK: settings.stack, STATE: state()}


def label_args(settings: "LocalSettings", **more: str) -> "list[ContainerLabelArgsDict]":
    """The same labels in the form that pulumi-docker takes, for containers and networks."""
    return _args({**labels(settings), **more})


def data_label_args(settings: "LocalSettings", **more: str) -> "list[ContainerLabelArgsDict]":
    """The labels of volumes, which outlive the stack and may later belong to another state."""
    return _args({PROJECT: settings.project, STACK: settings.stack, **more})


def _args(values: dict[str, str]) -> "list[ContainerLabelArgsDict]":
    return [{"label": label, "value": value} for label, value in sorted(values.items())]
