"""A machine on which a cloud stack can be made, and what preflight says when it can't."""

import time
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pulumi
import pytest

from infra.cloud import preflight as module
from infra.settings import Settings
from tests.infra.cloud.fake_aws import fake_aws

BASE = "python:3.13-slim-trixie"
DAY = 86400
WANTED = version("pulumi-aws")


def ready_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A machine with all that is needed: an own passphrase, the plugin, credentials that are good, an engine."""
    for name in ("PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_DEBUG_PROVIDERS", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "my own")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    plugin = tmp_path / "plugins" / f"resource-aws-v{WANTED}" / "pulumi-resource-aws"
    plugin.parent.mkdir(parents=True)
    plugin.touch()
    image = SimpleNamespace(labels={}, history=lambda: [{"Created": 0}, {"Created": int(time.time()) - 29 * DAY}])
    images = SimpleNamespace(get=lambda name: image, get_registry_data=lambda name: None)
    engine = SimpleNamespace(images=images, ping=lambda: True)
    monkeypatch.setattr(docker, "from_env", lambda **_: engine)
    with fake_aws() as aws:
        for name, value in aws.environment.items():
            monkeypatch.setenv(name, value)
        aws.on("GetCallerIdentity", {})
        aws.on("DescribeDBInstances", {"DBInstances": []})
        yield SimpleNamespace(aws=aws, plugin=plugin, image=image, images=images)


def refusal(settings: Settings) -> str:
    with pytest.raises(pulumi.RunError) as refused:
        module.preflight(settings)
    message = str(refused.value)
    assert "can't be made on AWS, nothing was changed" in message
    assert "Fix: " in message
    return message
