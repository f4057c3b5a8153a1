"""What the components of a stack share: its settings, and the network that they stand in."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from infra.components import Network
from infra.settings import Settings

SettingsT = TypeVar("SettingsT", bound=Settings)
NetworkT = TypeVar("NetworkT", bound=Network)


@dataclass(frozen=True)
class Context(Generic[SettingsT, NetworkT]):
    """What every component but the image and the network is made with, whether it needs all of it or not.

    What a component needs besides is an argument of its own, so that the story shows which one is made from which.
    """

    settings: SettingsT
    network: NetworkT
