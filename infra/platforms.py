"""The platforms: what each must provide, and which one a stack uses. The only module that knows them all by name."""

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from infra import components
from infra.environment import AppEnvironment
from infra.settings import Settings

if TYPE_CHECKING:
    from infra.cloud.settings import CloudSettings
    from infra.local.settings import LocalSettings

S_contra = TypeVar("S_contra", bound=Settings, contravariant=True)


class Platform(Protocol[S_contra]):
    """The module `platform` of a platform. Its components take the platform's own settings and each other (`Any`)."""

    def preflight(self, settings: S_contra) -> None: ...

    def AppImage(self, name: str, settings: S_contra) -> components.AppImage: ...  # noqa: N802  # called like the class that it is

    def Network(self, name: str, settings: S_contra) -> components.Network: ...  # noqa: N802

    def Address(self, name: str, settings: S_contra, network: Any) -> components.Address: ...  # noqa: N802

    def Database(self, name: str, settings: S_contra, network: Any) -> components.Database: ...  # noqa: N802

    def MediaStorage(  # noqa: N802
        self, name: str, settings: S_contra, network: Any, address: Any
    ) -> components.MediaStorage: ...

    def Release(  # noqa: N802
        self, name: str, settings: S_contra, network: Any, image: Any, environment: AppEnvironment
    ) -> components.Release: ...

    def Web(  # noqa: N802
        self,
        name: str,
        settings: S_contra,
        network: Any,
        address: Any,
        image: Any,
        environment: AppEnvironment,
        after: Any,
    ) -> components.Web: ...


def load_platform(name: str) -> Platform[Any]:
    """The platform that the setting `platform` names; the packages of the other one are not imported."""
    if name == "local":
        from infra.local import platform as local  # noqa: PLC0415

        on_docker: Platform[LocalSettings] = local
        return on_docker
    from infra.cloud import platform as cloud  # noqa: PLC0415

    on_aws: Platform[CloudSettings] = cloud
    return on_aws
