"""What the environment says, for a settings file to use before it ends with `apply`.

    from django_stack import environment

    if environment.DEBUG:
        INSTALLED_APPS += ["debug_toolbar"]

A malformed environment ends the process, as in `apply`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from django_stack.refusal import exit_with_problems
from django_stack.variables import Environment, InvalidEnvironmentError, read

if TYPE_CHECKING:
    DEBUG: bool
    DOMAIN: str  # the site's host name; "" without one
    SITE_URL: str  # scheme, host and perhaps port; "" without one
    SITE_NAME: str
    STAGE: str  # the stack's name; "" while the image is built
    GIT_BRANCH: str
    HTTPS: bool  # whether visitors come by https
    HAS_CACHE: bool
    HAS_DATABASE: bool  # false while the image is built
    HAS_MAIL: bool


def __getattr__(name: str) -> object:
    """One of the names above, read anew each time, since tests and tools change the environment."""
    if not name.isupper():  # Python itself asks for some
        raise AttributeError(name)
    try:
        found = values(read(os.environ))
    except InvalidEnvironmentError as error:
        exit_with_problems("The environment has values that cannot be used:", error.problems)
    if name not in found:
        raise AttributeError(f"django_stack.environment has no {name}; it has {', '.join(found)}")
    return found[name]


def values(found: Environment) -> dict[str, object]:
    """The names of this module and their values in an environment."""
    return {
        "DEBUG": found.debug,
        "DOMAIN": found.domain,
        "SITE_URL": found.site_url or found.own_url,
        "SITE_NAME": found.site_name,
        "STAGE": found.stage,
        "GIT_BRANCH": found.git_branch,
        "HTTPS": found.ssl_redirect,
        "HAS_CACHE": found.cache is not None,
        "HAS_DATABASE": found.database is not None,
        "HAS_MAIL": found.email is not None,
    }
