"""`django-stack ready`: says where the site is and what to do next. `make local` ends with it."""

from typing import TYPE_CHECKING

import click

from infra.commands import stack

if TYPE_CHECKING:
    from docker.models.containers import Container


@click.command
@stack.option
def command(name: str) -> None:
    """Says where the stack's site is and what to do next. The exit status is 1 when the web container doesn't run.

    \b
    Example:
      django-stack ready -s pr-12
    """
    engine = stack.engine()
    web = stack.web(engine, name)
    url = f"http://{stack.environment(web)['DOMAIN']}:{published(web)}/"
    mail = stack.running(engine, name, "mail")
    mounted = stack.has_source_mounted(web)
    edits = "Pages follow your edits. After a new migration, dependency or setting:" if mounted else "After an edit:"
    print(
        f"\nThe site is up: {url}\n\n"
        f"  To log in at {url}admin/, create a user: {stack.make('manage', name)} ARGS=createsuperuser\n"
        f"  {edits} {stack.make('local', name)}\n"
        f"  The site's logs: {stack.make('logs', name)}\n"
        + (f"  The mails that the site sends: http://localhost:{published(mail)}/\n" if mail else "")
        + f"  Pulumi's own commands: source .venv/bin/activate && pulumi up -s {name}\n"
    )


def published(container: "Container") -> str:
    """The port on this machine at which the container is reached."""
    return next(str(bindings[0]["HostPort"]) for bindings in container.ports.values() if bindings)
