"""What a platform (infra/local, infra/cloud) gives to the story in __main__.py: the same parts, whatever their make."""

from typing import Protocol

import pulumi


class AppImage(Protocol):
    """The built image. `name` ends in the hash of its content, equal wherever the content is equal."""

    name: str


class Address(Protocol):
    """Where the site answers. `url` is what a visitor opens; with `https`, plain http is redirected there."""

    https: bool
    proxy_ssl_header: str
    domain_aliases: tuple[str, ...]

    @property
    def domain(self) -> pulumi.Input[str]: ...

    @property
    def url(self) -> pulumi.Input[str]: ...


class Database(Protocol):
    """PostgreSQL. `url` is for the app, `host_url` for this machine, `identity` changes when it's another one."""

    url: pulumi.Output[str]
    host_url: pulumi.Output[str]
    identity: pulumi.Output[str]


class MediaStorage(Protocol):
    """Where uploaded files go. `dsn` is for the app, `host_dsn` for this machine."""

    dsn: pulumi.Output[str]
    host_dsn: pulumi.Output[str]


class Release(Protocol):
    """The release step. `log` is what its last run printed."""

    log: pulumi.Output[str]
