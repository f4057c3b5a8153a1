"""What a platform (infra/local, infra/cloud) gives to the story in __main__.py: the same parts, whatever their make.

mypy holds both platforms to these Protocols, where `platform` gives them; the contract test compares them as they run.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import pulumi

if TYPE_CHECKING:
    from infra.environment import AppEnvironment
    from infra.settings import Settings


class AppImage(Protocol):
    """The built image. `name` ends in the hash of its content, equal wherever the content is equal; `id` is fixed."""

    name: str
    id: pulumi.Output[str]


class Network(Protocol):
    """The network that database, tasks and address share; what it exposes is the platform's own affair."""


class Address(Protocol):
    """Where the site answers. `url` is what a visitor opens; with `https`, plain http is redirected there. `origins`
    are those of its pages, for what lets only them in."""

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


class Web(Protocol):
    """The site. `id` is what runs it, a container or a service."""

    id: pulumi.Output[str]


class Platform(Protocol):
    """The module `parts` of a platform. Its parts take each other (`Any` here), never those of another platform."""

    def preflight(self, settings: "Settings") -> None: ...

    def AppImage(self, name: str, settings: "Settings") -> AppImage: ...  # noqa: N802  # made like the class that it is

    def Network(self, name: str, settings: "Settings") -> Network: ...  # noqa: N802

    def Address(self, name: str, settings: "Settings", network: Any) -> Address: ...  # noqa: N802

    def Database(self, name: str, settings: "Settings", network: Any) -> Database: ...  # noqa: N802

    def MediaStorage(  # noqa: N802
        self, name: str, settings: "Settings", network: Any, address: Any
    ) -> MediaStorage: ...

    def Release(  # noqa: N802
        self, name: str, settings: "Settings", network: Any, image: Any, environment: "AppEnvironment"
    ) -> Release: ...

    def Web(  # noqa: N802
        self,
        name: str,
        settings: "Settings",
        network: Any,
        address: Any,
        image: Any,
        environment: "AppEnvironment",
        after: Any,
    ) -> Web: ...


def platform(name: str) -> Platform:
    """The platform of the setting `platform`, local or cloud; the other one's packages are not imported."""
    if name == "local":
        from infra.local import parts as local  # noqa: PLC0415

        return local
    from infra.cloud import parts as cloud  # noqa: PLC0415

    return cloud
