"""The contract between a stack and the app: which environment variables there are, and which of them are secret.

The same on every platform; the app reads nothing else (Twelve-Factor, "III. Config").
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Generic, TypeVar

import pulumi
import pulumi_random as random

from infra.components import Address, Cache, Database, Mail, MediaStorage
from infra.reserved import PORT
from infra.settings import Settings

AddressT = TypeVar("AddressT", bound=Address)
DatabaseT = TypeVar("DatabaseT", bound=Database)
MediaT = TypeVar("MediaT", bound=MediaStorage)


class SecretKey(pulumi.ComponentResource):
    """Django's SECRET_KEY: 64 random characters, made once per stack. Exposes `value`, a secret."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:index:SecretKey", name, None, opts)
        password = random.RandomPassword(name, length=64, special=False, opts=pulumi.ResourceOptions(parent=self))
        self.value: pulumi.Output[str] = password.result
        self.register_outputs({"value": self.value})


@dataclass(frozen=True)
class AppEnvironment(Generic[AddressT, DatabaseT, MediaT]):
    """The environment variables of one stack's app, and the components that they lead to.

    No name is both `plain` and `secret`: `env` can't override what the stack sets (infra/reserved.py).
    """

    plain: Mapping[str, pulumi.Input[str]]
    secret: Mapping[str, pulumi.Output[str]]
    address: AddressT
    database: DatabaseT
    media: MediaT

    @classmethod
    def of(
        cls,
        settings: Settings,
        address: AddressT,
        database: DatabaseT,
        media: MediaT,
        secret_key: SecretKey,
        cache: Cache | None,
        mail: Mail | None,
    ) -> "AppEnvironment[AddressT, DatabaseT, MediaT]":
        """The variables of the contract for one stack."""
        plain: dict[str, pulumi.Input[str]] = {
            "DOMAIN": address.domain,
            "DOMAIN_ALIASES": ",".join(address.domain_aliases),
            "DOMAIN_REDIRECTS": ",".join(settings.domain_redirects),
            "SITE_URL": address.url,
            "SECURE_SSL_REDIRECT": str(address.https),
            "STAGE": settings.stack,
            "PORT": str(PORT),
        }
        if address.proxy_ssl_header:
            plain["SECURE_PROXY_SSL_HEADER"] = address.proxy_ssl_header
        plain |= settings.app_variables
        secret: dict[str, pulumi.Output[str]] = {
            "DATABASE_URL": database.url,
            "DEFAULT_STORAGE_DSN": media.dsn,
            "SECRET_KEY": secret_key.value,
        }
        if cache:
            secret |= {"CACHE_URL": cache.url, "REDIS_URL": cache.broker_url}
        if mail:
            plain["EMAIL_URL"] = mail.url
        return cls(plain, secret, address, database, media).with_own(settings.env, settings.secret_env)

    def with_own(
        self, env: Mapping[str, str], secret_env: Collection[str]
    ) -> "AppEnvironment[AddressT, DatabaseT, MediaT]":
        """This environment with variables of the project's own, of which `secret_env` are secret; the same without."""
        if not env:
            return self
        plain = {name: value for name, value in self.plain.items() if name not in env}
        secret = {name: value for name, value in self.secret.items() if name not in env}
        for name, value in env.items():
            if name in secret_env:
                secret[name] = pulumi.Output.secret(value)
            else:
                plain[name] = value
        return replace(self, plain=plain, secret=secret)

    @property
    def variables(self) -> dict[str, pulumi.Input[str]]:
        """All variables, sorted by name, for a platform that takes plain and secret ones in one list."""
        return dict(sorted({**self.plain, **self.secret}.items()))

    # Each made once, and not for each of the stack's containers: outputs are most of what a program's time goes to.

    @cached_property
    def entries(self) -> Sequence[pulumi.Output[str]]:
        """All variables as Docker takes them, `NAME=value`, sorted."""
        return [pulumi.Output.concat(name, "=", value) for name, value in self.variables.items()]

    @cached_property
    def secret_values(self) -> pulumi.Output[list[str]]:
        """The secret values, in the order of their names."""
        return pulumi.Output.all(*(self.secret[name] for name in sorted(self.secret)))
