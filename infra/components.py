"""What the components of a platform (infra/local, infra/cloud) expose: the same on every platform.

mypy holds both platforms to these Protocols (infra/platforms.py), and tests/infra/test_platforms.py compares the
values as they run.
"""

from collections.abc import Sequence
from typing import Protocol

import pulumi


class AppImage(Protocol):
    """The built image. `name` ends in the hash of its content, equal wherever the content is equal; `id` is fixed."""

    name: str
    id: pulumi.Output[str]


class Network(Protocol):
    """The network that database, tasks and address share; what it exposes depends on the platform."""


class Address(Protocol):
    """Where the site answers. `url` is what a visitor opens; with `https`, plain http is redirected to it. `origins`
    are the origins of the site's pages, for CORS rules."""

    https: bool
    proxy_ssl_header: str
    domain_aliases: tuple[str, ...]

    @property
    def domain(self) -> pulumi.Input[str]: ...

    @property
    def url(self) -> pulumi.Input[str]: ...

    @property
    def origins(self) -> Sequence[pulumi.Input[str]]: ...


class Database(Protocol):
    """PostgreSQL. `url` is for the app, `host_url` for this machine; `identity` changes when the server is replaced."""

    url: pulumi.Output[str]
    host_url: pulumi.Output[str]
    identity: pulumi.Output[str]


class MediaStorage(Protocol):
    """Where uploaded files go. `dsn` is for the app, `host_dsn` for this machine."""

    dsn: pulumi.Output[str]
    host_dsn: pulumi.Output[str]


class Cache(Protocol):
    """Valkey, which stacks with `cache: valkey` have. `url` and `broker_url` are for the app, CACHE_URL and REDIS_URL;
    `host_url` and `host_broker_url` are the same for this machine."""

    url: pulumi.Output[str]
    broker_url: pulumi.Output[str]
    host_url: pulumi.Output[str]
    host_broker_url: pulumi.Output[str]


class Mail(Protocol):
    """What sends mail, in stacks that have it. `url` is EMAIL_URL; `page` is where mails are shown, or nothing."""

    url: pulumi.Output[str]
    page: str


class Release(Protocol):
    """The release step. `log` is what its last run printed."""

    log: pulumi.Output[str]


class Process(Protocol):
    """What runs beside the web; what comes after it waits until its new version runs. `process` is its name."""

    process: str


class Web(Protocol):
    """The site. `id` is what runs it, a container or a service."""

    id: pulumi.Output[str]


class Schedules(Protocol):
    """What runs at its times, from the version that the site has moved to."""
