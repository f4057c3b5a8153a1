"""Whether a release may run migrations that take something away; `migrate` of django_stack looks at them."""

import os
import sys

# What the step is started with where no data is kept.
ANY_MIGRATION = "any-migration"
# What the app reads, in django_stack/management/commands/migrate.py. The second one is taken from the environment of
# `pulumi up`, and names the migrations: left behind, it allows no others.
REFUSES, ALLOWED = "REFUSE_DESTRUCTIVE_MIGRATIONS", "DESTRUCTIVE_MIGRATIONS"


def release_arguments(*, keep_data: bool) -> str:
    """What follows the release step's command line."""
    return "" if keep_data else f" {ANY_MIGRATION}"


def release_variables() -> dict[str, str]:
    """The variables for the commands of the release step that runs, besides the stack's own."""
    found = {} if ANY_MIGRATION in sys.argv[1:] else {REFUSES: "1"}
    if ALLOWED in os.environ:
        found[ALLOWED] = os.environ[ALLOWED]
    return found
