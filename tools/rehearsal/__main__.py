"""`python -m tools.rehearsal`: the emulator alone, for trying it; `django-stack rehearse` is the rest."""

import click

from tools.rehearsal.container import Emulator, RehearsalError, connect, explained


@click.group()
def main() -> None:
    """The emulator of AWS alone, in an ordinary Docker network, beside whatever else runs."""


@main.command()
@click.argument("name")
@click.option("--region", default="eu-central-1", show_default=True)
@click.option("--without", default="", help="Overrides to leave out, separated by spaces.")
def up(name: str, region: str, without: str) -> None:
    """Starts the emulator NAME and prints what a shell sets for it."""
    try:
        ports = Emulator(connect(), name, network=None).start(
            lambda line: click.echo(line, err=True), region, without=without
        )
    except RehearsalError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"export AWS_ENDPOINT_URL={ports.url} AWS_ACCESS_KEY_ID=123456789012 AWS_SECRET_ACCESS_KEY=rehearsal")


@main.command()
@click.argument("name")
def down(name: str) -> None:
    """Removes it and all that it made."""
    with explained():
        Emulator(connect(), name, network=None).remove()


@main.command()
@click.argument("name")
@click.option("--lines", default=60, show_default=True)
def log(name: str, lines: int) -> None:
    """Prints the last lines of its log."""
    click.echo(Emulator(connect(), name, network=None).log(lines))


if __name__ == "__main__":
    main()
