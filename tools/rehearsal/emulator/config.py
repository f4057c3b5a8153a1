"""Where the emulator is: what the overrides and the server share."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.rehearsal.emulator.certificates import Authority

# A Docker volume, which the tasks have, too.
CERTIFICATES = Path("/certificates")
API_PORT = 4566


@dataclass(frozen=True)
class EmulatorConfig:
    """One emulator's place. `address` is its own on the Docker network, `port` that of its API on the machine.

    `volume` is the Docker volume with the certificates that tasks trust, `label` what marks all that it makes.
    `enforces_iam`: calls are refused that the caller's policies don't allow; else nobody is refused anything.
    """

    region: str
    account: str
    address: str
    port: int
    volume: str
    label: str
    authority: Authority = field(repr=False)
    enforces_iam: bool = False

    @staticmethod
    def of(environ: Mapping[str, str]) -> "EmulatorConfig":
        """As the container's environment says."""
        region = environ["REHEARSAL_REGION"]
        return EmulatorConfig(
            region=region,
            account=environ["REHEARSAL_ACCOUNT"],
            address=socket.gethostbyname(socket.gethostname()),
            port=int(environ["REHEARSAL_PORT"]),
            volume=environ["REHEARSAL_VOLUME"],
            label=environ["REHEARSAL_LABEL"],
            authority=Authority.make(CERTIFICATES),
            enforces_iam=environ.get("REHEARSAL_IAM") == "enforced",
        )

    @property
    def settings(self) -> dict[str, str]:
        """MiniStack's own settings."""
        return {
            "MINISTACK_REGION": self.region,
            "MINISTACK_ACCOUNT_ID": self.account,
            "GATEWAY_PORT": str(API_PORT),
            "MINISTACK_DOCKER_TIMEOUT": "120",  # a busy engine takes longer than the default ten seconds
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "RDS_TMPFS_SIZE": "1g",
            "LOG_LEVEL": "INFO",
            "AUTH": "true" if self.enforces_iam else "false",
        }
