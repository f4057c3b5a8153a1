"""The components of the local platform, in the order in which infra/__main__.py makes them."""

from infra.local.address import Address
from infra.local.cache import Cache
from infra.local.database import Database
from infra.local.image import AppImage
from infra.local.mail import Mail
from infra.local.network import Network
from infra.local.preflight import preflight
from infra.local.process import Process
from infra.local.release import Release
from infra.local.schedules import Schedules
from infra.local.storage import MediaStorage
from infra.local.web import Web
from infra.platforms import Platform

PLATFORM = Platform(
    preflight, AppImage, Network, Address, Database, MediaStorage, Cache, Mail, Release, Process, Web, Schedules
)
