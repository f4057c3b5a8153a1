"""`django-stack` on a cloud stack that a scripted AWS has."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.commands.main import cli
from infra.commands.operations import cloud_stack
from tests.infra.cloud.fake_aws import FakeAWS, fake_aws

PROGRAM = Path(sys.executable).with_name("django-stack")
ECS = "arn:aws:ecs:us-east-1:123456789012"
TASK = f"{ECS}:task/shop-cloud/0123456789abcdef0123456789abcdef"
APP, SHELL = f"{ECS}:task-definition/shop-cloud:7", f"{ECS}:task-definition/shop-cloud-shell"
HOST = "shop-cloud.abc.us-east-1.rds.amazonaws.com"
URL = f"postgres://app:TOP%2FSECRET@{HOST}:5432/app?sslmode=verify-full&sslrootcert=%2Fcertificates%2Frds.pem"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-cloud-environment-AbCdEf"
VERSION = "terraform-20260131120000000000000001"  # of the secret, that of the version that runs


def definition(image: str = "registry/shop@sha256:1") -> dict[str, Any]:
    """A task definition of a version, as ECS describes it."""
    options = {"awslogs-group": "/shop/cloud", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "app"}
    container = {
        "name": "web",
        "image": image,
        "environment": [{"name": "DOMAIN", "value": "www.example.com"}],
        "secrets": [{"name": "DATABASE_URL", "valueFrom": f"{SECRET}:DATABASE_URL::{VERSION}"}],
        "logConfiguration": {"logDriver": "awslogs", "options": options},
    }
    return {"taskDefinition": {"containerDefinitions": [{"name": "prepare"}, container]}}


def task(status: str, **container: Any) -> dict[str, Any]:
    """The answer of DescribeTasks for the one task."""
    one = {"taskArn": TASK, "lastStatus": status, "containers": [{"name": "web", **container}]}
    return {"tasks": [one], "failures": []}


@dataclass
class Cloud:
    """The stack `cloud` of the project `shop`; `programs` is a folder in PATH."""

    folder: Path
    aws: FakeAWS
    programs: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    started: list["subprocess.Popen[str]"] = field(default_factory=list)

    def start(self, *arguments: str, **more: Any) -> "subprocess.Popen[str]":
        """Starts a command as a process of its own, in a group of its own as a terminal has it."""
        process = subprocess.Popen(
            [PROGRAM, arguments[0], "-s", "cloud", *arguments[1:]],
            stdin=more.pop("stdin", subprocess.DEVNULL),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **more,
        )
        self.started.append(process)
        return process

    def run(self, *arguments: str, terminal: bool = False) -> "subprocess.CompletedProcess[str]":
        """Runs a command to its end in this process, which is a second faster."""
        self.monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: terminal))
        self.capsys.readouterr()
        try:
            status = cli.main([arguments[0], "-s", "cloud", *arguments[1:]], standalone_mode=False) or 0
            said = ""
        except SystemExit as end:
            status, said = 1, f"{end.code}\n"
        out, error = self.capsys.readouterr()
        return subprocess.CompletedProcess(arguments, status, out, error + said)

    def program(self, name: str, text: str) -> None:
        """Puts a program in PATH."""
        file = self.programs / name
        file.write_text(f"#!{sys.executable}\n{text}")
        file.chmod(0o755)


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Cloud]:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    (tmp_path / "Pulumi.cloud.yaml").write_text("config: {shop:platform: cloud, aws:region: us-east-1}\n")
    (tmp_path / "bin").mkdir()
    service = {
        "serviceName": "shop-cloud-web",
        "status": "ACTIVE",
        "taskDefinition": APP,
        "loadBalancers": [{"containerName": "web"}],
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}},
    }
    with fake_aws() as aws:
        aws.on("DescribeServices", {"services": [service]})
        aws.on("DescribeTaskDefinition", definition())
        aws.on("GetSecretValue", {"SecretString": json.dumps({"DATABASE_URL": URL})})
        aws.on("RunTask", {"tasks": [{"taskArn": TASK}], "failures": []})
        aws.on("ListTasks", {"taskArns": [TASK]})
        aws.on("StopTask", {"task": {}})
        aws.on("GetLogEvents", {"events": [], "nextForwardToken": "f/1"})
        found = Cloud(tmp_path, aws, tmp_path / "bin", monkeypatch, capsys)
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in {**aws.environment, "PATH": f"{found.programs}:{os.environ['PATH']}"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(cloud_stack, "PAUSE", 0.05)
        monkeypatch.chdir(tmp_path)
        yield found
        for process in found.started:
            if process.poll() is None:
                process.terminate()  # with what it started
                process.communicate(timeout=30)
