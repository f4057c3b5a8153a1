"""What `django-stack rehearse` runs; infra/commands/rehearse.py takes it from here."""

import os
import shlex
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
import yaml

from infra.checkout import ROOT
from tools.rehearsal.container import RehearsalError, connect, explained
from tools.rehearsal.stack import Rehearsal

WEB = "com.amazonaws.ecs.container-name=web"


@click.group()
def command() -> None:
    """The cloud stack on this machine."""


def _explained(function: Callable[..., Any]) -> Callable[..., Any]:
    """Ends the command with a line for what stands in the way."""

    @wraps(function)
    def inner(*arguments: Any, **named: Any) -> Any:
        try:
            with explained():
                return function(*arguments, **named)
        except RehearsalError as error:
            sys.exit(str(error))

    return inner


def _rehearsal() -> Rehearsal:
    here = Path.cwd()
    return Rehearsal(connect(), here if (here / "Pulumi.yaml").is_file() else ROOT)


def _change(text: str) -> tuple[str, Any]:
    """`KEY=VALUE` as a full key and what YAML makes of the value; KEY= takes it away."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise click.BadParameter(f"{text!r} is no setting; allowed: KEY=VALUE, say -c tasks-min=2")
    return key if ":" in key else f"django-stack:{key}", yaml.safe_load(value)


@command.command()
@click.option("-c", "--config", "changes", multiple=True, metavar="KEY=VALUE", help="A setting, until `down`.")
@click.option("--refresh", is_flag=True, help="Compare the state with the emulator first.")
@_explained
def up(changes: tuple[str, ...], refresh: bool) -> None:
    """Brings the rehearsal up, or what has changed since, and says where the site is.

    \b
    Example:
      django-stack rehearse up -c tasks-min=2
    """
    begun = time.monotonic()
    rehearsal = _rehearsal()
    rehearsal.up(lambda line: click.echo(f"rehearse   {line}"), dict(map(_change, changes)), refresh=refresh)
    site = rehearsal.browser_url(rehearsal.outputs["DOMAIN"])
    click.echo(
        f"\nThe rehearsal is up after {time.monotonic() - begun:.0f} s: {site}\n\n"
        "  A user to log in as: django-stack rehearse manage createsuperuser\n"
        "  After an edit: make rehearse\n"
        "  The end: make rehearse-down\n"
    )


@command.command()
@_explained
def down() -> None:
    """Removes the rehearsal: the emulator, all containers, volumes and networks, state and settings.

    \b
    Example:
      django-stack rehearse down
    """
    _rehearsal().down()
    click.echo("The rehearsal is gone.")


@command.command()
@_explained
def status() -> None:
    """Says what is there, and where. The exit status is 1 when there is no rehearsal.

    \b
    Example:
      django-stack rehearse status
    """
    rehearsal = _rehearsal()
    ports = rehearsal.ports
    ecs = rehearsal.client("ecs")
    click.echo(f"emulator   {ports.url}, region {rehearsal.region}, driven by {rehearsal.driver}")
    for cluster in ecs.list_clusters()["clusterArns"]:
        services = ecs.list_services(cluster=cluster)["serviceArns"]
        for service in ecs.describe_services(cluster=cluster, services=services)["services"] if services else []:
            definition = service["taskDefinition"].rpartition("/")[2]
            click.echo(
                f"{service['serviceName']}: {service['runningCount']} of {service['desiredCount']} run {definition}"
            )
    domain = rehearsal.outputs.get("DOMAIN")
    click.echo(f"site       {rehearsal.browser_url(domain)}" if domain else "The stack isn't up. Fix: make rehearse")


@command.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED)
@_explained
def manage(arguments: tuple[str, ...]) -> None:
    """Runs a management command in a task of the site.

    \b
    Example:
      django-stack rehearse manage createsuperuser
    """
    container = _rehearsal().emulator.find(WEB)
    if not container:
        raise RehearsalError("No task of the site runs. Fix: make rehearse")
    terminal = ["--tty"] if sys.stdin.isatty() else []
    os.execvp("docker", ["docker", "exec", "--interactive", *terminal, container, "python", "manage.py", *arguments])


@command.command()
@click.option("--lines", default=100, show_default=True, help="How many of its last lines.")
@_explained
def log(lines: int) -> None:
    """Shows what the emulator printed last.

    \b
    Example:
      django-stack rehearse log --lines 20
    """
    click.echo(_rehearsal().emulator.log(lines))


@command.command()
@_explained
def env() -> None:
    """Prints what leads pulumi, boto3 and AWS's own command line to the rehearsal, for a shell.

    \b
    Example:
      eval "$(django-stack rehearse env)" && pulumi stack output -s rehearsal
    """
    environment = _rehearsal().environment
    for name, value in sorted(environment.items()):
        if os.environ.get(name) != value:
            click.echo(f"export {name}={shlex.quote(value)}")
    for name in sorted(name for name in os.environ if name.startswith("AWS_") and name not in environment):
        click.echo(f"unset {name}")
