"""`pulumi up` of the whole cloud program on the real engine: AWS is made up, Docker and the registry are real."""

import base64
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from tests.cloud import made_up
from tests.cloud.conftest import ROOT, Site, tls_site
from tests.cloud.fake_aws import FakeAWS, RefusalError, fake_aws

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]

DOMAIN = "www.example.com"
CLOUDFRONT = made_up.CLOUDFRONT
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
        fake.on("DescribeDBInstances", {"DBInstances": [{"AvailabilityZone": "us-east-1b", "EngineVersion": "17.6"}]})
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def registry_program() -> str:
    """Debian's docker-registry: from PATH, or unpacked beside the other tools, so that no service is started."""
    if found := shutil.which("docker-registry"):
        return found
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "django-stack" / "docker-registry"
    program = cache / "usr" / "bin" / "docker-registry"
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        get = ["apt-get", "download", "-q", "docker-registry"]
        if subprocess.run(get, cwd=cache, check=False).returncode != 0:
            subprocess.run(["apt-get", "update", "-q"], check=True)
            subprocess.run(get, cwd=cache, check=True)
        (package,) = cache.glob("docker-registry_*.deb")
        subprocess.run(["dpkg", "-x", str(package), str(cache)], check=True)
        package.unlink()
    return str(program)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real registry on the loopback, where Docker pushes without TLS."""
    folder = tmp_path_factory.mktemp("registry")
    address = f"127.0.0.1:{free_port()}"
    settings = {"version": 0.1, "storage": {"filesystem": {"rootdirectory": str(folder)}}, "http": {"addr": address}}
    (folder / "config.yml").write_text(yaml.safe_dump(settings))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([registry_program(), "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(f"http://{address}/v2/"):
                break
        except OSError:
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
    yield address
    process.terminate()
    process.wait()


def remove_tags(engine: docker.DockerClient, name: str) -> None:
    """Removes the image's names, not the image: the same content may be another's, too."""
    for image in engine.images.list(name=name):
        for tag in image.tags:
            if tag.startswith(name):
                engine.images.remove(tag)


@pytest.fixture(scope="module")
def base() -> Iterator[None]:
    """A base image that isn't labelled as a stand-in, whatever this machine's own is."""
    engine = docker.from_env()
    dockerfile = "FROM python:3.13-slim-trixie\nLABEL django-stack.stand-in=\n"
    subprocess.run(["docker", "build", "-q", "-t", BASE, "-"], input=dockerfile, text=True, check=True)
    yield
    remove_tags(engine, BASE)


@pytest.fixture(scope="module")
def site(certificate: Path) -> Iterator[Site]:
    with tls_site(certificate) as running:
        yield running


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, registry: str, base: None, site: Site, certificate: Path
) -> Iterator[Stack]:
    """A cloud stack in its sandbox, not yet up."""
    folder = tmp_path_factory.mktemp("cloud")
    plugin = folder / "bin" / "pulumi-resource-aws"
    plugin.parent.mkdir()
    plugin.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tests.cloud.aws_plugin "$@"\n')
    plugin.chmod(0o755)
    with fake_aws() as fake:
        cloud = Cloud(folder, fake, registry)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PULUMI_"))}
        environment = kept | {
            **fake.environment,
            "PATH": f"{plugin.parent}:{os.environ['PATH']}:{ROOT / '.venv' / 'bin'}",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tools' / 'plugins' / 'src'}:{ROOT / 'tests' / 'cloud' / 'dns'}",
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_HOME": os.environ.get("PULUMI_HOME", str(Path.home() / ".pulumi")),
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "SSL_CERT_FILE": str(certificate),
            "MADE_UP_REGISTRY": registry,
            "MADE_UP_SITE": site.address,
            "MADE_UP_SERVICES": str(cloud.services),
        }
        made = Stack(folder, cloud, environment)
        yield made
    engine = docker.from_env()
    for name in (f"django-stack/{made.name}", f"{registry}/django-stack/{made.name}"):
        remove_tags(engine, name)


@pytest.fixture(scope="module")
def running(stack: Stack) -> Stack:
    """The stack, up: version 1 serves."""
    stack.up()
    return stack


def test_without_plugin_or_credentials_nothing_is_begun(stack: Stack) -> None:
    """First of all tests, on the empty stack: each is one line, and no resource is made."""
    elsewhere = stack.environment["PATH"].partition(":")[2]
    out = stack.up(good=False, PATH=elsewhere, without=("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    assert "pulumi plugin install resource aws" in out
    assert not [resource for resource in stack.resources() if resource["custom"]]
    no_files = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    out = stack.up(good=False, without=("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), **no_files)
    assert "AWS credentials are missing or can't be verified: Unable to locate credentials" in out
    assert not [resource for resource in stack.resources() if resource["custom"]]


def test_wrong_settings_end_the_program_with_a_line_each(stack: Stack) -> None:
    stack.configure(cpu=300, log_days=31)
    try:
        out = stack.up(good=False)
    finally:
        stack.configure(cpu=256, log_days=30)
    assert "2 settings can't be used, nothing was changed." in out
    assert f"Fix: pulumi config set -s {stack.name} cpu 256" in out
    assert 'log-days is "31"; allowed: days that CloudWatch can keep logs' in out
    assert "Traceback" not in out
    assert not [resource for resource in stack.resources() if resource["custom"]]


def test_a_preview_of_the_empty_stack_knows_what_will_be_made(stack: Stack) -> None:
    if any(resource["custom"] for resource in stack.resources()):
        pytest.fail("the stack is up already; this test comes before the others")
    out = stack.pulumi("preview")
    for kind in ("aws:ecs:Service", "aws:rds:Instance", "aws:ecs:TaskDefinition", "aws:cloudfront:Distribution"):
        assert kind in out


def test_the_first_up_pushes_releases_and_rolls_out(running: Stack, site: Site) -> None:
    assert len(running.tags()) == 1
    assert running.releases() >= 1
    assert running.cloud.runs
    (task,) = {task["taskDefinition"] for task in running.cloud.fake.asked("RunTask")[:1]}
    assert task.startswith("arn:aws:ecs:")
    assert (CLOUDFRONT, "/healthz/ready") in site.asked
    outputs = json.loads(running.pulumi("stack", "output", "--json"))
    assert outputs["url"] == f"https://{CLOUDFRONT}"
    assert outputs["DATABASE_URL"] == outputs["release_log"] == "[secret]"


def test_a_second_up_changes_nothing(running: Stack) -> None:
    releases = running.releases()
    running.up("--expect-no-changes")
    assert running.releases() == releases


def test_no_secret_stands_in_the_state_in_clear(running: Stack) -> None:
    outputs = json.loads(running.pulumi("stack", "output", "--json", "--show-secrets"))
    password = outputs["DATABASE_URL"].partition("app:")[2].partition("@")[0]
    state = json.dumps(running.resources())
    assert len(password) == 32
    for secret in (password, outputs["SECRET_KEY"], outputs["DATABASE_URL"]):
        assert secret not in state


def test_another_time_out_is_no_release_and_keeps_the_log_of_the_last_one(running: Stack) -> None:
    releases, log = running.releases(), running.log()
    assert "migrated 1" in log
    assert len(log) > 150_000
    running.configure(release_timeout=900)
    running.up()
    assert running.releases() == releases
    assert running.log() == log
    assert "migrated" not in json.dumps(running.resources()), "the log is a secret"


def test_a_code_change_releases_first_and_then_rolls(running: Stack) -> None:
    before, releases, tags = running.cloud.runs, running.releases(), running.tags()
    running.version("2")
    running.up()
    assert running.releases() == releases + 1
    assert f"migrated {releases + 1}" in running.log()
    assert running.cloud.runs != before
    assert running.cloud.fake.asked("RunTask")[-1]["taskDefinition"] == running.cloud.runs
    assert len(running.tags() - tags) == 1
    order = [name for name, _ in running.cloud.fake.calls if name in {"RunTask", "DescribeServices"}]
    assert order[-2:] == ["RunTask", "DescribeServices"]


def test_going_back_takes_the_image_that_is_in_the_registry(running: Stack) -> None:
    before = (running.app / "version.txt").read_text()
    tags, logins = running.tags(), len(running.cloud.fake.asked("GetAuthorizationToken"))
    running.version("going on")
    running.up()
    running.version(before)
    running.up()
    assert len(running.tags() - tags) == 1
    assert len(running.cloud.fake.asked("GetAuthorizationToken")) == logins + 1


def test_a_failing_release_leaves_the_service_and_is_tried_again(running: Stack) -> None:
    before, releases = running.cloud.runs, running.releases()
    running.version(f"failing {releases}")
    running.cloud.exit_code = 1
    out = running.up(good=False)
    assert "Release command `python manage.py migrate --noinput` failed with exit status 1" in out
    assert "migrated" in out
    assert running.cloud.runs == before
    running.up(good=False)
    assert running.releases() == releases + 2
    running.cloud.exit_code = 0
    running.up()
    assert running.releases() == releases + 3
    assert running.cloud.runs != before


def test_a_rolled_back_deployment_fails_until_the_way_on_is_taken(running: Stack) -> None:
    before = running.cloud.runs
    running.version(f"rolled back {before}")
    running.cloud.rolls_back_to = before
    out = running.up(good=False)
    assert "ECS went back to" in out
    assert "ECS deployment circuit breaker: tasks failed to start." in out
    assert f"pulumi up -s {running.name} --refresh" in out
    running.cloud.rolls_back_to = ""
    releases = running.releases()
    assert "ECS went back to" in running.up(good=False)  # nothing was mended, so nothing is good
    running.up("--refresh")
    assert running.cloud.runs != before
    assert running.releases() == releases, "the release had succeeded"
    running.up("--expect-no-changes")


def test_a_domain_and_another_zone_are_added_while_the_stack_runs(running: Stack, site: Site) -> None:
    """TLS moves to the load balancer, tasks get another zone, and what stands in the first two stays what it is."""
    before = {subnet["urn"]: subnet["id"] for subnet in running.of_type("aws:ec2/subnet:Subnet")}
    running.configure(domain=DOMAIN, hosted_zone="Z0123456789ABC", media_access="public")
    running.configure(zones="us-east-1a,us-east-1c")
    assert "without us-east-1b, where the database is" in running.up(good=False)
    running.configure(zones="us-east-1a,us-east-1b,us-east-1c")
    running.up()
    assert (DOMAIN, "/healthz/ready") in site.asked
    assert json.loads(running.pulumi("stack", "output", "--json"))["url"] == f"https://{DOMAIN}"
    assert len(running.of_type("aws:cloudfront/distribution:Distribution")) == 1, "the media's"
    after = {subnet["urn"]: subnet["id"] for subnet in running.of_type("aws:ec2/subnet:Subnet")}
    assert len(after) == len(before) + 2
    assert {urn: after[urn] for urn in before} == before
    running.up("--expect-no-changes")


def test_a_changed_secret_is_a_new_roll_out(running: Stack) -> None:
    before = running.cloud.runs
    running.pulumi("config", "set", "--secret", "--path", "env.API_TOKEN", "TOPSECRET")
    running.config = yaml.safe_load((running.folder / f"Pulumi.{running.name}.yaml").read_text())["config"]
    running.up()
    assert running.cloud.runs != before
    assert "TOPSECRET" not in json.dumps(running.resources())


def test_destroy_is_held_up_by_the_protection_of_the_data(running: Stack) -> None:
    """The preview that comes first refuses, so that the site isn't taken down around its data either."""
    before = running.resources()
    out = running.pulumi("destroy", "--yes", good=False)
    assert "protected" in out
    assert running.resources() == before


def test_destroy_goes_through_once_the_data_need_not_be_kept(running: Stack) -> None:
    """Last of all tests: nothing is left but the state of an empty stack."""
    running.configure(keep_data=False)
    running.up()
    running.pulumi("destroy", "--yes", "--skip-preview")
    assert not running.resources()
