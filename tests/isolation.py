"""A pytest plugin: the app's tests see nothing of the caller's environment, such as outputs of a stack once sourced.

Named by `-p` in pyproject.toml, because pytest-django reads Django's settings before any conftest.py.
"""

import os

CONTRACT = {
    "CACHE_URL",
    "DATABASE_URL",
    "DEBUG",
    "DEFAULT_DATABASE_DSN",
    "DEFAULT_FROM_EMAIL",
    "DJANGO_DEBUG",
    "DOMAIN",
    "DOMAIN_ALIASES",
    "DOMAIN_REDIRECTS",
    "EMAIL_URL",
    "GIT_BRANCH",
    "PORT",
    "SENTRY_DSN",
    "SITE_NAME",
    "STAGE",
    "STATIC_ROOT",
    "WEB_CONCURRENCY",
}
PREFIXES = ("AWS_", "DEFAULT_STORAGE_", "DJANGO_", "SECRET_KEY", "SECURE_")

for name in list(os.environ):
    if name in CONTRACT or name.startswith(PREFIXES):
        del os.environ[name]
