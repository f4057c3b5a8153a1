"""What the components of a stack are made with: its settings and its network."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from infra.components import Network
from infra.settings import Settings

SettingsT = TypeVar("SettingsT", bound=Settings)
NetworkT = TypeVar("NetworkT", bound=Network)


@dataclass(frozen=True)
class Context(Generic[SettingsT, NetworkT]):
    """What every component is made with, except for the image and the network; not each of them needs both.

    Whatever else a component needs is an argument of its own, so that the program shows what it is made from.
    """

    settings: SettingsT
    network: NetworkT
