"""What the stack's programs ask on this machine, they ask without the proxy that the shell names."""

import os
from typing import Any
from urllib.parse import urlsplit

import pytest

from infra.dsn import S3DSN
from tests.e2e.stacks import Stack
from tests.steps import run_step

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]

NOWHERE = "http://127.0.0.1:9"


def run(module: str, request: dict[str, Any]) -> None:
    """Runs a program as `local.Command` does, with a proxy that doesn't answer."""
    inherited = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    proxies = {
        name: NOWHERE for kind in ("http", "https", "all") for name in (f"{kind}_proxy", f"{kind}_proxy".upper())
    }
    done = run_step(module, request, inherited | proxies)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


@pytest.mark.report("pulumi#2651")
def test_the_roll_out_check_asks_the_site_and_no_proxy(serving: Stack) -> None:
    container = serving.container("web")
    port = serving.ports["web-port"]
    run(
        "infra.local.steps.rollout",
        {"container": container.id, "port": port, "domain": "localhost", "timeout": 3, "secrets": []},
    )


@pytest.mark.report("pulumi#2651")
def test_the_bucket_is_made_without_a_proxy(serving: Stack) -> None:
    dsn = S3DSN.parse(serving.outputs()["DEFAULT_STORAGE_DSN"])
    request = {
        "container": serving.container("media").id,
        "endpoint_url": f"http://127.0.0.1:{urlsplit(dsn.endpoint_url).port}",
        "region": dsn.region,
        "access_key": dsn.access_key,
        "secret_key": dsn.secret_key,
        "bucket": f"{dsn.bucket}-proxy",
        "public": False,
        "origins": [f"http://localhost:{serving.ports['web-port']}"],
    }
    run("infra.local.steps.make_bucket", request)
    client = serving.bucket().client
    assert f"{dsn.bucket}-proxy" in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    client.delete_bucket(Bucket=f"{dsn.bucket}-proxy")
