"""What the components of the local platform are made with."""

from infra.context import Context
from infra.local.network import Network
from infra.local.settings import LocalSettings

LocalContext = Context[LocalSettings, Network]
