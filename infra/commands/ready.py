"""`django-stack ready`: says where the site is and what to do next. `make local` ends with it."""

import click

from infra.commands import stack


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
    url = stack.url(web)
    mail = stack.running(engine, name, "mail")
    mounted = stack.has_source_mounted(web)
    edits = "Pages follow your edits. After a new migration, dependency or setting:" if mounted else "After an edit:"
    print(
        f"\nThe site is up: {url}\n\n"
        f"  To log in at {url}admin/, create a user: {stack.make('manage', name)} ARGS=createsuperuser\n"
        f"  {edits} {stack.make('local', name)}\n"
        f"  The site's logs: {stack.make('logs', name)}\n"
        + (f"  The mails that the site sends: http://localhost:{stack.published(mail)}/\n" if mail else "")
        + f"  Pulumi's own commands: source .venv/bin/activate && pulumi up -s {name}\n"
    )
