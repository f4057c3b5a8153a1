"""What a platform gives to the story in infra/__main__.py: its components, and what each of them is made from."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Generic, TypeVar

from infra import components
from infra.context import Context, NetworkT, SettingsT
from infra.environment import AppEnvironment, DatabaseT, MediaT
from infra.settings import Settings

ImageT = TypeVar("ImageT", bound=components.AppImage)
AddressT = TypeVar("AddressT", bound=components.Address)
ReleaseT = TypeVar("ReleaseT", bound=components.Release)


@dataclass(frozen=True)
class Platform(Generic[SettingsT, ImageT, NetworkT, AddressT, DatabaseT, MediaT, ReleaseT]):
    """The components of a platform, in the order of the story. The first argument of each is the resource's name.

    A platform has one of these as `PLATFORM` in its module `platform`. There mypy checks that its components expose
    what infra/components.py asks for, and that each takes exactly what those before it are.
    """

    preflight: Callable[[SettingsT], None]
    AppImage: Callable[[str, SettingsT], ImageT]
    Network: Callable[[str, SettingsT], NetworkT]
    Address: Callable[[str, Context[SettingsT, NetworkT]], AddressT]
    Database: Callable[[str, Context[SettingsT, NetworkT]], DatabaseT]
    MediaStorage: Callable[[str, Context[SettingsT, NetworkT], AddressT], MediaT]
    Release: Callable[[str, Context[SettingsT, NetworkT], ImageT, AppEnvironment[DatabaseT, MediaT]], ReleaseT]
    Web: Callable[
        [str, Context[SettingsT, NetworkT], AddressT, AppEnvironment[DatabaseT, MediaT], ReleaseT], components.Web
    ]


# A platform as the story sees it: it knows of each component only what every platform's exposes.
AnyPlatform = Platform[
    Settings,
    components.AppImage,
    components.Network,
    components.Address,
    components.Database,
    components.MediaStorage,
    components.Release,
]


def load_platform(name: str) -> AnyPlatform:
    """The platform of the setting `platform`; the packages of the others are not imported."""
    # Python can't say "one of these, and its own components again": the story gives them back to whom it has them from.
    platform: AnyPlatform = import_module(f"infra.{name}.platform").PLATFORM
    return platform
