"""The contract between a stack and the app: which environment variables there are, and which of them are secret.

The same on every platform; the app reads nothing else (Twelve-Factor, "III. Config").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_random as random

from infra.parts import Address, Database, MediaStorage

if TYPE_CHECKING:
    from infra.settings import Settings

# The port inside the container: not 80, which ECS refuses to a non-root user.
PORT = 8000

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
    "DJANGO_DEBUG": "the setting debug",
    "DEBUG": "the setting debug",
    "SECURE_SSL_REDIRECT": "only the platform's own choice",
    "SECURE_PROXY_SSL_HEADER": "only the platform's own choice",
    "STAGE": "only the stack's name",
    "PORT": f"only {PORT}, the port that the platform expects",
}


class SecretKey(pulumi.ComponentResource):
    """Django's SECRET_KEY: 64 random characters, made once per stack. Exposes `value`, a secret."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:index:SecretKey", name, None, opts)
        password = random.RandomPassword(name, length=64, special=False, opts=pulumi.ResourceOptions(parent=self))
        self.value: pulumi.Output[str] = password.result
        self.register_outputs({"value": self.value})


@dataclass(frozen=True)
class AppEnvironment:
    """The variables of one stack's app, `plain` and `secret` ones by name, and the two services behind them."""

    plain: Mapping[str, pulumi.Input[str]]
    secret: Mapping[str, pulumi.Output[str]]
    database: Database
    media: MediaStorage

    @classmethod
    def of(
        cls, settings: "Settings", address: Address, database: Database, media: MediaStorage, secret_key: SecretKey
    ) -> "AppEnvironment":
        """The contract filled in for one stack."""
        plain: dict[str, pulumi.Input[str]] = {
            "DOMAIN": address.domain,
            "DOMAIN_ALIASES": ",".join(address.domain_aliases),
            "DOMAIN_REDIRECTS": ",".join(settings.domain_redirects),
            "SECURE_SSL_REDIRECT": str(address.https),
            "STAGE": settings.stack,
            "PORT": str(PORT),
        }
        if address.proxy_ssl_header:
            plain["SECURE_PROXY_SSL_HEADER"] = address.proxy_ssl_header
        if settings.debug:
            plain["DJANGO_DEBUG"] = "True"
        secret: dict[str, pulumi.Output[str]] = {
            "DATABASE_URL": database.url,
            "DEFAULT_STORAGE_DSN": media.dsn,
            "SECRET_KEY": secret_key.value,
        }
        if settings.env_is_secret:
            secret |= {name: pulumi.Output.secret(value) for name, value in settings.env.items()}
        else:
            plain |= settings.env
        return cls(plain, secret, database, media)

    @property
    def variables(self) -> dict[str, pulumi.Input[str]]:
        """All variables by name, sorted, for a platform that takes plain and secret ones in one list."""
        return dict(sorted({**self.plain, **self.secret}.items()))
