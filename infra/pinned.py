"""The setting `image`: which version of the app it means, and where stacks of the project may have that version."""

import json
import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:  # the commands start faster without Pulumi
    from infra.settings import Settings

OTHER = "stack:"  # what the name of another stack begins with
_TAG = re.compile(r":([0-9a-f]{12})$")


class PinError(Exception):
    """A version that can't be had; the message says why, and what to do."""


@dataclass(frozen=True)
class Neighbour:
    """A stack of the project, as its file has it: `local` with neither region nor profile, or on AWS."""

    name: str
    platform: str
    region: str = ""
    profile: str = ""


def pinned_tag(settings: "Settings", folder: Path) -> str:
    """The hash that the setting means; `folder` is the project's. Raises PinError when the stack it names runs none."""
    if not settings.image.startswith(OTHER):
        return settings.image
    try:
        return running_tag(settings.image.removeprefix(OTHER), folder)
    except PinError as error:
        raise PinError(f"image is {json.dumps(settings.image)}, and {error}") from None


def running_tag(stack: str, folder: Path) -> str:
    """The hash of the version that a stack runs, by its output `image`. Raises PinError."""
    # Exported, since that asks for no passphrase: this stack and the other one may have different ones.
    command = ["pulumi", "stack", "export", "--stack", stack, "--non-interactive"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    except FileNotFoundError:
        raise PinError("there is no pulumi on PATH. Fix: source .venv/bin/activate") from None
    name = shlex.quote(stack)
    if done.returncode:
        why = " ".join(done.stderr.removeprefix("error: ").split())
        raise PinError(f"the stack {stack} can't be read: {why}. Fix: pulumi stack ls, for the stacks that there are")
    deployment = json.loads(done.stdout)["deployment"] or {}  # null before the first `pulumi up`
    resources = deployment.get("resources") or []
    root: dict[str, Any] = next((one for one in resources if one["type"] == "pulumi:pulumi:Stack"), {})
    found = _TAG.search(str((root.get("outputs") or {}).get("image", "")))
    if not found:
        raise PinError(f"the stack {stack} runs no version. Fix: pulumi up -s {name}")
    return found[1]


def neighbours(folder: Path, project: str) -> list[Neighbour]:
    """The project's stacks that have a file in the folder, sorted by name; one that can't be read is left out."""
    found = []
    for file in sorted(folder.glob("Pulumi.*.yaml")):
        try:
            content = yaml.safe_load(file.read_text()) or {}
        except (OSError, ValueError, yaml.YAMLError):
            continue
        config = content.get("config") if isinstance(content, dict) else None
        config = config if isinstance(config, dict) else {}
        name = file.name.removeprefix("Pulumi.").removesuffix(".yaml")
        platform = str(config.get(f"{project}:platform") or "local")
        region, profile = (str(config.get(key) or "") for key in ("aws:region", "aws:profile"))
        found.append(Neighbour(name, platform, region, profile) if region else Neighbour(name, platform))
    return found


def refusal(stack: str, value: str, where: str, own: Sequence[str]) -> str:
    """The error about a version that `where` has (`no engine`, say).

    `own` are the hashes that the stack has, the newest first.
    """
    name = shlex.quote(stack)
    known = f"the stack has: {', '.join(own)}" if own else "the stack has none"
    fix = f"pulumi config set -s {name} image {own[0]}" if own else f"pulumi config rm -s {name} image"
    return f"image is {json.dumps(value)}, a version that {where} has; {known}. Fix: {fix}"
