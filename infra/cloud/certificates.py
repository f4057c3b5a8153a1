"""AWS's public root certificates, by which the app verifies that it talks to its own database (sslmode=verify-full).

No system's trust store contains them. A task gets only those of its region, three of about 1.5 kB each.
"""

import re
from pathlib import Path

# The place of the certificates in a task; infra/cloud/task.py writes them before the app starts.
FOLDER = "/certificates"
FILE = f"{FOLDER}/rds.pem"

_BUNDLE = Path(__file__).with_name("rds-certificates.pem")
_CERTIFICATE = re.compile(
    r"^# Amazon RDS (?P<region>\S+) Root CA .*\n(?P<pem>-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n)",
    re.MULTILINE,
)


def certificates() -> dict[str, str]:
    """The root certificates in PEM form, by region."""
    found: dict[str, str] = {}
    for match in _CERTIFICATE.finditer(_BUNDLE.read_text()):
        found[match["region"]] = found.get(match["region"], "") + match["pem"]
    return found
