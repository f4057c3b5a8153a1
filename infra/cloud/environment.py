"""The app's environment, with the components that it leads to as they are on this platform."""

from infra.cloud.address import Address
from infra.cloud.database import Database
from infra.cloud.storage import MediaStorage
from infra.environment import AppEnvironment

CloudEnvironment = AppEnvironment[Address, Database, MediaStorage]
