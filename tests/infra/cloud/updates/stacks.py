"""A cloud stack on the real engine: its sandbox, and the made-up AWS with a real registry that answers it."""

import base64
import json
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import ROOT
from tests.infra.cloud.fake_aws import FakeAWS, RefusalError

BASE = "django-stack-test/base"
TASK = "arn:aws:ecs:us-east-1:123456789012:task/app/0123456789abcdef"


class Cloud:
    """A made-up AWS with a real registry: what the programs ask of ECS, its logs and ECR is answered from here."""

    def __init__(self, folder: Path, fake: FakeAWS, registry: str) -> None:
        self.fake, self.registry = fake, registry
        self.services = folder / "services.json"
        self.services.write_text("{}")
        self.exit_code = 0
        self.rolls_back_to = ""
        fake.on("GetCallerIdentity", {})
        fake.on("DescribeDBInstances", self._databases)
        fake.on("GetAuthorizationToken", self._login)
        fake.on("DescribeImages", self._image)
        fake.on("ListTasks", {"taskArns": []})
        fake.on("RunTask", {"tasks": [{"taskArn": TASK}], "failures": []})
        fake.on("DescribeTasks", self._task)
        fake.on("GetLogEvents", self._log)
        fake.on("DescribeServices", self._service)

    @property
    def runs(self) -> str:
        """The task definition that the service runs."""
        return str(json.loads(self.services.read_text()).get(self.name, ""))

    name = ""

    def _databases(self, request: dict[str, Any]) -> dict[str, Any]:
        name = self.name.removesuffix("-web")
        runs = {"DBInstanceIdentifier": name, "AvailabilityZone": "us-east-1b", "EngineVersion": "17.6"}
        return {"DBInstances": [runs]}

    def _login(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:password").decode()}]}

    def _image(self, request: dict[str, Any]) -> dict[str, Any]:
        (image,) = request["imageIds"]
        url = f"http://{self.registry}/v2/{request['repositoryName']}/manifests/{image['imageTag']}"
        kind = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD", headers={"Accept": kind})) as answer:
                return {"imageDetails": [{"imageDigest": answer.headers["Docker-Content-Digest"]}]}
        except urllib.error.HTTPError:
            raise RefusalError("ImageNotFoundException", "no such image") from None

    def _task(self, request: dict[str, Any]) -> dict[str, Any]:
        containers = [{"name": "web", "exitCode": self.exit_code}]
        ended = {"lastStatus": "STOPPED", "stopCode": "EssentialContainerExited", "containers": containers}
        return {"tasks": [{"taskArn": TASK, "taskDefinitionArn": self.runs, **ended}]}

    def _log(self, request: dict[str, Any]) -> dict[str, Any]:
        number = len(self.fake.asked("RunTask"))
        # The first release prints more than an environment takes, so that nothing may hand it on in one.
        messages = [f"migrated {number}", *(["x" * 50_000] * 3 if number == 1 else [])]
        return {"events": [{"message": message} for message in messages], "nextForwardToken": "f/1"}

    def _service(self, request: dict[str, Any]) -> dict[str, Any]:
        failed = self.runs
        if self.rolls_back_to:
            self.services.write_text(json.dumps({self.name: self.rolls_back_to}))
        deployments = [{"status": "PRIMARY", "taskDefinition": self.runs, "rolloutState": "COMPLETED"}]
        if failed != self.runs:
            reason = "ECS deployment circuit breaker: tasks failed to start."
            deployments.append({"status": "INACTIVE", "taskDefinition": failed, "rolloutStateReason": reason})
        counts = {"status": "ACTIVE", "desiredCount": 1, "runningCount": 1}
        return {"services": [{**counts, "deployments": deployments, "events": []}]}


class Stack:
    """A cloud stack in a sandbox: its own folder, backend and name, a tiny app, and the made-up AWS around it.

    Its settings are the shipped ones.
    """

    def __init__(self, folder: Path, cloud: Cloud, environment: dict[str, str]) -> None:
        self.folder, self.cloud, self.environment = folder, cloud, environment
        self.name = f"t{secrets.token_hex(3)}"
        self.prefix = f"django-stack-{self.name}"
        cloud.name = f"{self.prefix}-web"
        self.app = folder / "app"
        self.app.mkdir()
        (self.app / "Dockerfile").write_text("ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\nCOPY version.txt /version.txt\n")
        self.version("1")
        (folder / "state").mkdir()
        for entry in ("infra", "Pulumi.yaml", "pyproject.toml"):
            (folder / entry).symlink_to(ROOT / entry)
        (folder / ".venv").symlink_to(sys.prefix)
        self.config: dict[str, Any] = {
            "aws:region": "us-east-1",
            "django-stack:platform": "cloud",
            "django-stack:mail": "none",
            "django-stack:app-path": str(self.app),
            "django-stack:python-image": BASE,
            "django-stack:rollout-timeout": 60,
        }
        self.configure()
        self.pulumi("stack", "init", self.name)

    def version(self, text: str) -> None:
        """Gives the app other content."""
        (self.app / "version.txt").write_text(text)

    def configure(self, **settings: Any) -> None:
        file = self.folder / f"Pulumi.{self.name}.yaml"
        content = yaml.safe_load(file.read_text()) if file.exists() else {}
        self.config |= {f"django-stack:{key.replace('_', '-')}": value for key, value in settings.items()}
        file.write_text(yaml.safe_dump({**content, "config": self.config}))

    def pulumi(self, *arguments: str, good: bool = True, without: tuple[str, ...] = (), **environment: str) -> str:
        """Runs pulumi and gives its output; fails the test unless it ends as it should."""
        variables = {name: value for name, value in (self.environment | environment).items() if name not in without}
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive", *(() if "init" in arguments else ("--stack", self.name))],
            cwd=self.folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=300,
            check=False,
        )
        if (done.returncode == 0) is not good:
            pytest.fail(f"pulumi {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def up(self, *arguments: str, good: bool = True, **more: Any) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", *arguments, good=good, **more)

    def resources(self) -> list[dict[str, Any]]:
        """The resources in the state, secrets encrypted."""
        found: list[dict[str, Any]] = json.loads(self.pulumi("stack", "export"))["deployment"].get("resources") or []
        return found

    def of_type(self, token: str) -> list[dict[str, Any]]:
        return [resource for resource in self.resources() if resource["type"] == token]

    def log(self) -> str:
        """What the last release printed, as the output says."""
        return str(json.loads(self.pulumi("stack", "output", "--json", "--show-secrets"))["release_log"])

    def releases(self) -> int:
        return len(self.cloud.fake.asked("RunTask"))

    def tags(self) -> set[str]:
        """The tags that the registry has of this stack's image."""
        url = f"http://{self.cloud.registry}/v2/django-stack/{self.name}/tags/list"
        with urllib.request.urlopen(url) as answer:
            return set(json.load(answer)["tags"])
