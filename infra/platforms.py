"""What a platform must provide: the components that infra/__main__.py makes, and what each of them is made from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Generic, TypeVar

from infra import components
from infra.context import Context, NetworkT, SettingsT
from infra.environment import AddressT, AppEnvironment, DatabaseT, MediaT
from infra.processes import ProcessSettings
from infra.settings import Settings

ImageT = TypeVar("ImageT", bound=components.AppImage)
ReleaseT = TypeVar("ReleaseT", bound=components.Release)
ProcessT = TypeVar("ProcessT", bound=components.Process)
WebT = TypeVar("WebT", bound=components.Web)


@dataclass(frozen=True)
class Platform(Generic[SettingsT, ImageT, NetworkT, AddressT, DatabaseT, MediaT, ReleaseT, ProcessT, WebT]):
    """The components of a platform in the order in which they are made; each takes the name of its resource first.

    A platform has one of these, `PLATFORM` in its module `platform`. There mypy checks that each component exposes what
    infra/components.py demands, and that it takes the components before it as they are on this platform.
    """

    preflight: Callable[[SettingsT], None]
    AppImage: Callable[[str, SettingsT], ImageT]
    Network: Callable[[str, SettingsT], NetworkT]
    Address: Callable[[str, Context[SettingsT, NetworkT]], AddressT]
    Database: Callable[[str, Context[SettingsT, NetworkT]], DatabaseT]
    MediaStorage: Callable[[str, Context[SettingsT, NetworkT], AddressT], MediaT]
    Cache: Callable[[str, Context[SettingsT, NetworkT]], components.Cache]
    Mail: Callable[[str, Context[SettingsT, NetworkT]], components.Mail]
    Release: Callable[
        [str, Context[SettingsT, NetworkT], ImageT, AppEnvironment[AddressT, DatabaseT, MediaT]], ReleaseT
    ]
    Process: Callable[
        [
            str,
            Context[SettingsT, NetworkT],
            AppEnvironment[AddressT, DatabaseT, MediaT],
            ReleaseT,
            ProcessSettings,
        ],
        ProcessT,
    ]
    Web: Callable[
        [
            str,
            Context[SettingsT, NetworkT],
            AppEnvironment[AddressT, DatabaseT, MediaT],
            ReleaseT,
            Sequence[ProcessT],
        ],
        WebT,
    ]
    Schedules: Callable[[str, Context[SettingsT, NetworkT], ReleaseT, WebT], components.Schedules]


# Any platform: the program knows of its components only what infra/components.py demands.
AnyPlatform = Platform[
    Settings,
    components.AppImage,
    components.Network,
    components.Address,
    components.Database,
    components.MediaStorage,
    components.Release,
    components.Process,
    components.Web,
]


def load_platform(name: str) -> AnyPlatform:
    """The platform of the setting `platform`; the packages of the others are not imported."""
    # The type promises too much: components take those of their own platform only. The program has no others to pass.
    platform: AnyPlatform = import_module(f"infra.{name}.platform").PLATFORM
    return platform
