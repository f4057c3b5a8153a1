"""What the components of the cloud platform are made with."""

from infra.cloud.network import Network
from infra.cloud.settings import CloudSettings
from infra.context import Context

CloudContext = Context[CloudSettings, Network]
