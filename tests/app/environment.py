"""The environments that stacks hand to the app, and what comes of one."""

from __future__ import annotations

import traceback
from typing import Any

from django_stack import settings
from django_stack.variables import read

SECRET_KEY = "made-up-for-the-tests-" + "Wq8sYb2KpZ4nTf7GhJ1mXc5VrD9aLe3U"

CLOUD = {
    "DATABASE_URL": "postgres://app:pa%2Fss%40word@db.example.com:5432/app?sslmode=verify-full",
    "DEFAULT_STORAGE_DSN": "s3://a-bucket.s3.eu-central-1.amazonaws.com/",
    "SECRET_KEY": SECRET_KEY,
    "DOMAIN": "www.example.com",
    "DOMAIN_ALIASES": "example.net",
    "DOMAIN_REDIRECTS": "example.com,old.example.com",
    "SECURE_SSL_REDIRECT": "True",
    "SECURE_PROXY_SSL_HEADER": "X-Forwarded-Proto",
    "STAGE": "cloud",
    "PORT": "8000",
}
LOCAL = {
    "DATABASE_URL": "postgres://app:password@database:5432/app",
    "DEFAULT_STORAGE_DSN": (
        "s3://KEY:SECRET@media/?endpoint_url=http%3A%2F%2Fmedia.localhost%3A9000"
        "&addressing_style=path&region_name=us-east-1"
    ),
    "SECRET_KEY": SECRET_KEY,
    "DOMAIN": "localhost",
    "DOMAIN_ALIASES": "localhost,127.0.0.1",
    "DJANGO_DEBUG": "True",
    "SECURE_SSL_REDIRECT": "False",
    "STAGE": "local",
    "PORT": "8000",
}


def settings_of(environ: dict[str, str], **project: Any) -> dict[str, Any]:
    """The settings of a project that has these itself, under an environment; `ENVIRONMENT` is what was read of it."""
    found = read(environ)
    return {"ENVIRONMENT": found, **project, **settings.settings(found, project)}


def everything_said(error: BaseException) -> str:
    """Message and arguments of an error and of all errors behind it, hidden ones included."""
    behind = [each for each in (error.__cause__, error.__context__) if each]
    own = traceback.format_exception_only(error)
    return "".join([*own, repr(error.args), *(everything_said(each) for each in behind)])
