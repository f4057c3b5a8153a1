"""Says where the site is and what to do next. Run by `make local`: ready.py STACK"""

import sys

from infra.local import stack as here


def main() -> None:
    """Prints it; ends with one line when the web container doesn't run."""
    (stack,) = sys.argv[1:]
    web = here.web(here.engine(), stack)
    port = next(bindings[0]["HostPort"] for bindings in web.ports.values() if bindings)
    url = f"http://{here.environment(web)['DOMAIN']}:{port}/"
    mounted = here.has_source_mounted(web)
    follows = "Pages follow your edits; a migration, dependency or setting wants" if mounted else "After an edit:"
    print(
        f"\nThe site is up: {url}\n\n"
        f"  {url}admin/ wants a user: {here.make('manage', stack)} ARGS=createsuperuser\n"
        f"  {follows} {here.make('local', stack)}\n"
        f"  What it prints: {here.make('logs', stack)}\n"
        f"  The plain commands, too: source .venv/bin/activate && pulumi up -s {stack}\n"
    )


if __name__ == "__main__":
    main()
