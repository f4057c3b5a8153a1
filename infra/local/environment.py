"""The app's environment, with the components that it leads to as they are on this platform."""

from infra.environment import AppEnvironment
from infra.local.address import Address
from infra.local.database import Database
from infra.local.storage import MediaStorage

LocalEnvironment = AppEnvironment[Address, Database, MediaStorage]
