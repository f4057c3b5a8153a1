"""`django-stack ready`: where the site is, and what to do next; the end of `make local`."""

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
    web = stack.web(stack.engine(), name)
    port = next(bindings[0]["HostPort"] for bindings in web.ports.values() if bindings)
    url = f"http://{stack.environment(web)['DOMAIN']}:{port}/"
    mounted = stack.has_source_mounted(web)
    follows = "Pages follow your edits; a migration, dependency or setting wants" if mounted else "After an edit:"
    print(
        f"\nThe site is up: {url}\n\n"
        f"  {url}admin/ wants a user: {stack.make('manage', name)} ARGS=createsuperuser\n"
        f"  {follows} {stack.make('local', name)}\n"
        f"  What it prints: {stack.make('logs', name)}\n"
        f"  The plain commands, too: source .venv/bin/activate && pulumi up -s {name}\n"
    )
