"""The components of the cloud platform, in the order in which infra/__main__.py makes them."""

from importlib.util import find_spec

import pulumi

if find_spec("pulumi_aws") is None:
    raise pulumi.RunError(
        "The cloud platform needs the package pulumi-aws, which isn't installed, nothing was changed. "
        "Fix: python3 tools/setup cloud (docs/cloud.md)"
    )

from infra.cloud.address import Address
from infra.cloud.cache import Cache
from infra.cloud.database import Database
from infra.cloud.image import AppImage
from infra.cloud.mail import Mail
from infra.cloud.network import Network
from infra.cloud.preflight import preflight
from infra.cloud.process import Process
from infra.cloud.release import Release
from infra.cloud.schedules import Schedules
from infra.cloud.storage import MediaStorage
from infra.cloud.web import Web
from infra.platforms import Platform

PLATFORM = Platform(
    preflight, AppImage, Network, Address, Database, MediaStorage, Cache, Mail, Release, Process, Web, Schedules
)
