"""AWS's public root certificates, with which the app checks that it talks to its own database (sslmode=verify-full).

They are no part of any system's trust store. A task gets those of its region only, three of some 1.5 kB each.
"""

import re
from pathlib import Path

# Where a task finds them; infra/cloud/task.py puts them there before the app starts.
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
