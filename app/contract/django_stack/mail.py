"""How the site sends mail: as the environment says, else as the project does, else into the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import django

from django_stack.variables import Environment

OWN = {"EMAIL_BACKEND", "EMAIL_HOST"}  # a project that has one of them says where its mail goes
TIMEOUT = 10  # seconds; without it a server that doesn't answer holds a worker for ever
# What a URL leaves out is Django's default, not a project's: a login of its own would be told to the stack's server.
DEFAULTS = {
    "EMAIL_HOST": "localhost",
    "EMAIL_HOST_PASSWORD": "",
    "EMAIL_HOST_USER": "",
    "EMAIL_PORT": 25,
    "EMAIL_SSL_CERTFILE": None,
    "EMAIL_SSL_KEYFILE": None,
    "EMAIL_USE_SSL": False,
    "EMAIL_USE_TLS": False,
}
CONSOLE = {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
# The options of a mailer by the settings that they replace: docs.djangoproject.com/en/6.1/topics/email/
OPTIONS = {
    "EMAIL_FILE_PATH": "file_path",
    "EMAIL_HOST": "host",
    "EMAIL_HOST_PASSWORD": "password",
    "EMAIL_HOST_USER": "username",
    "EMAIL_PORT": "port",
    "EMAIL_TIMEOUT": "timeout",
    "EMAIL_USE_SSL": "use_ssl",
    "EMAIL_USE_TLS": "use_tls",
}


def mail(environment: Environment, project: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of mail. A project may have more in ANYMAIL.

    One that says nothing about mail would send it to a server on the same machine, where a container has none.
    """
    if "MAILERS" in project and django.VERSION >= (6, 1):
        found = mailers(environment, project)
    else:
        own = {} if project.keys() & OWN else CONSOLE
        found = DEFAULTS | environment.email if environment.email else dict(own)
        found.setdefault("EMAIL_TIMEOUT", project.get("EMAIL_TIMEOUT", TIMEOUT))
    if "ANYMAIL" in found:
        found["ANYMAIL"] = {**project.get("ANYMAIL", {}), **found["ANYMAIL"]}
    if environment.from_email:
        found |= {"DEFAULT_FROM_EMAIL": environment.from_email, "SERVER_EMAIL": environment.from_email}
    return found


def mailers(environment: Environment, project: Mapping[str, Any]) -> dict[str, Any]:
    """For a project with MAILERS, beside which Django 6.1 refuses the settings EMAIL_*."""
    if not environment.email:
        return {}
    old = dict(environment.email)
    options = {OPTIONS[name]: old.pop(name) for name in sorted(OPTIONS.keys() & old.keys())}
    default = {"BACKEND": old.pop("EMAIL_BACKEND"), "OPTIONS": options}
    if default["BACKEND"].endswith("smtp.EmailBackend"):
        default["OPTIONS"] = {"timeout": TIMEOUT, **options}
    return {**old, "MAILERS": {**project["MAILERS"], "default": default}}
