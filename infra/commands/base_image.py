"""`django-stack base-image`: pins the newest base image, so that the next `pulumi up` builds on it."""

import subprocess
import sys

import click
from docker.errors import DockerException

from infra import credentials, fixes, podman
from infra.commands import stack
from infra.names import IMAGE

KEY = "python-image"


@click.command
@stack.option
def command(name: str) -> None:
    """Pins the newest base image of the stack by its digest, in the setting python-image.

    The tag stays, and its digest is what the registry has for it now. The next `pulumi up` builds on that image, on
    every machine on the same one. Nothing is built or changed before.

    \b
    Example:
      django-stack base-image -s cloud
      pulumi up -s cloud
    """
    engine = stack.engine()
    done = _pulumi("get", name, KEY)
    before = done.stdout.strip() if done.returncode == 0 else fixes.default(KEY)
    tag = before.partition("@")[0]
    if not IMAGE.fullmatch(before):
        sys.exit(f"{KEY} is {before!r}, which is no image. Fix: {fixes.remove(name, KEY)}")
    try:
        digest = engine.images.get_registry_data(tag).id
    except (DockerException, OSError) as error:
        reason = getattr(error, "explanation", None) or error
        if podman.asks_no_registry(error):
            sys.exit(
                f"This engine can't ask the registry of {tag} for its digest ({reason}). Nothing was changed. "
                f"Fix: docker pull {tag}, and set {KEY} to {tag}@ and the digest with which the output of this ends: "
                f"docker image inspect --format '{{{{index .RepoDigests 0}}}}' {tag}"
            )
        sys.exit(
            f"The registry of {tag} doesn't tell its digest: {reason}. Nothing was changed. Fix: "
            + (credentials.fix(error) or "check the name, or log in to the registry (docker login)")
        )
    after = f"{tag}@{digest}"
    if after == before:
        click.echo(f"{KEY} of stack {name} is the newest already: {after}")
        return
    done = _pulumi("set", name, KEY, after)
    if done.returncode:
        sys.exit(done.stderr.strip())
    click.echo(f"{KEY} of stack {name}\n  was {before}\n  is  {after}\nNext: pulumi up -s {name}")


def _pulumi(verb: str, name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = ["pulumi", "config", verb, "--stack", name, "--non-interactive", *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        sys.exit("There is no pulumi on PATH. Fix: source .venv/bin/activate")
