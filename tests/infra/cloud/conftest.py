"""What tests of the cloud platform share: a certificate of their own, and a machine that preflight accepts."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.settings import Settings
from tests.infra.cloud.preflight_machine import ready_machine

KEY = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
NAMES = "subjectAltName=DNS:localhost,DNS:www.example.com,DNS:*.cloudfront.net"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and its own certificate, for localhost, www.example.com and CloudFront, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    command = [*KEY.split(), "-addext", NAMES, "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return both


machine = pytest.fixture(ready_machine, name="machine")


@pytest.fixture
def settings(as_stack: Any, set_config: Any) -> Settings:
    """Those of a cloud stack as it is shipped."""
    as_stack("cloud")
    set_config(platform="cloud")
    return Settings.load()
