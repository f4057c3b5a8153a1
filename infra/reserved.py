"""What the contract between a stack and the app reserves: the port, and names that `env` can't override, or can."""

import re
from collections.abc import Mapping

# The port inside the container: not 80, which ECS refuses to a non-root user.
PORT = 8000

# The one variable that a platform may set and `env` overrides: the number of web workers.
WORKERS = "WEB_CONCURRENCY"
WORKER_COUNT = re.compile(r"[1-9][0-9]{0,2}")

# Names that `env` can't override, and what to use instead.
RESERVED: Mapping[str, str] = {
    "DATABASE_URL": "only the stack's own database",
    "DEFAULT_DATABASE_DSN": "only the stack's own database",
    "DEFAULT_STORAGE_DSN": "the secret setting storage-dsn",
    **{
        f"DEFAULT_STORAGE_{part}": "the secret setting storage-dsn"
        for part in (
            "BUCKET",
            "ACCESS_KEY_ID",
            "SECRET_ACCESS_KEY",
            "CUSTOM_DOMAIN",
            "REGION",
            "ENDPOINT_URL",
        )
    },
    "SECRET_KEY": "only the stack's own random key (SECRET_KEY_FALLBACKS may be set)",
    "DOMAIN": "the setting domain",
    "DOMAIN_ALIASES": "the setting domain-aliases",
    "DOMAIN_REDIRECTS": "the setting domain-redirects",
    "SITE_URL": "only the platform's own choice, by the setting domain",
    "DJANGO_DEBUG": "the setting debug",
    "DEBUG": "the setting debug",
    "SECURE_SSL_REDIRECT": "only the platform's own choice",
    "SECURE_PROXY_SSL_HEADER": "only the platform's own choice",
    "STAGE": "only the stack's name",
    "PORT": f"only {PORT}, the port that the platform expects",
}
