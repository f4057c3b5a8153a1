"""`django-stack maintenance`: a page instead of the site, for a while."""

import json
import sys
from datetime import UTC, datetime
from ipaddress import ip_network

import click

from infra.commands import stack
from infra.commands.operations import Operations, operations
from infra.commands.operations.maintenance import (
    MESSAGE,
    RETRY_AFTER,
    SEEN_WITHIN,
    Maintenance,
    maintenance_section,
    waits_until_seen,
)

MOST_WORDS = 500  # characters of a message
MOST_NETWORKS = 50


class Network(click.ParamType[str]):
    """An address or a network of IPv4 or IPv6, as `ipaddress` writes it."""

    name = "network"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            found = ip_network(value.strip(), strict=False)
        except ValueError:
            allowed = "addresses and networks such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/48"
            self.fail(f"{value} is no address; allowed: {allowed}", param, ctx)
        return str(found.network_address if found.num_addresses == 1 else found)


@click.group(name="maintenance")
def command() -> None:
    """Shows visitors a page instead of the site, for a while: 503 with Retry-After.

    It takes no `pulumi up`, and lasts until it is turned off, also through one. Health checks, static files and media
    are answered as always, and processes and schedules go on. The page is the project's template maintenance.html.

    \b
    Example:
      django-stack maintenance on -s cloud --message "Back at 10:00 UTC." --allow 203.0.113.7
      django-stack maintenance off -s cloud
    """


@command.command()
@stack.option
@click.option("--message", metavar="TEXT", default=MESSAGE, show_default=True, help="What visitors read.")
@click.option("--allow", metavar="IP", multiple=True, type=Network(), help="Whom to let through; may be repeated.")
@click.option(
    "--retry-after",
    metavar="SECONDS",
    type=click.IntRange(1, 86400),
    default=RETRY_AFTER,
    show_default=True,
    help="When crawlers and programs may come back.",
)
def on(name: str, message: str, allow: tuple[str, ...], retry_after: int) -> int:
    """Turns maintenance on, or changes the message of one that is on.

    An IP is an address or a network, of IPv4 or IPv6. The exit status is 1 when the site doesn't show it.

    \b
    Example:
      django-stack maintenance on -s cloud --allow 203.0.113.0/24 --allow 2001:db8::/48
    """
    if not message.strip() or len(message) > MOST_WORDS:
        words = f"it has {len(message.strip())} characters; allowed: 1 to {MOST_WORDS}"
        raise click.BadParameter(words, param_hint="--message")
    if len(allow) > MOST_NETWORKS:
        raise click.BadParameter(f"{len(allow)} of them; allowed: {MOST_NETWORKS}", param_hint="--allow")
    found = operations(name)
    before = found.maintenance()
    since = before.since if before else datetime.now(UTC)
    found.set_maintenance(Maintenance(since, message.strip(), retry_after, tuple(dict.fromkeys(allow))))
    return _seen(name, found, wanted=True, allow=allow)


@command.command()
@stack.option
def off(name: str) -> int:
    """Turns maintenance off.

    \b
    Example:
      django-stack maintenance off -s cloud
    """
    found = operations(name)
    if not found.maintenance():
        click.echo(f"There is no maintenance of the stack {name}.")
        return 0
    found.set_maintenance(None)
    return _seen(name, found, wanted=False)


@command.command()
@stack.option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(name: str, as_json: bool) -> int:
    """Says whether there is maintenance, since when, and for whom not.

    \b
    Example:
      django-stack maintenance status -s cloud
    """
    found = operations(name).maintenance()
    if as_json:
        click.echo(json.dumps({"on": bool(found), **(found.facts() if found else {})}, indent=2))
        return 0
    section = maintenance_section(found)
    click.echo(f"Maintenance is {section.text}: {found.message}" if found and section else "Maintenance is off.")
    return 0


def _seen(name: str, found: Operations, *, wanted: bool, allow: tuple[str, ...] = ()) -> int:
    """Waits until the site shows it; says so, and what else to do."""
    url, word = found.url(), "on" if wanted else "off"
    if waits_until_seen(url, wanted=wanted):
        but = f" for all visitors but {', '.join(allow)}" if allow else ""
        click.echo(f"Maintenance is {word}{but}{f'. {_end(name)}' if wanted else f': {url}'}")
        return 0
    print(
        f"Maintenance is turned {word}, but {url} doesn't show it after {SEEN_WITHIN:g} seconds. "
        f"Fix: django-stack doctor -s {name}",
        file=sys.stderr,
    )
    return 1


def _end(name: str) -> str:
    return f"To end it: django-stack maintenance off -s {name}"
