"""What the updates of this folder run on: a registry, a base image, a site, and one stack for all of them."""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
import yaml

from tests import ROOT
from tests.infra.cloud.fake_aws import fake_aws
from tests.infra.cloud.site import Site, tls_site
from tests.infra.cloud.updates.stacks import BASE, Cloud, Stack
from tests.ports import free_ports

DNS = Path(__file__).with_name("dns")


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


@pytest.fixture(scope="package")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real registry on the loopback, where Docker pushes without TLS."""
    folder = tmp_path_factory.mktemp("registry")
    address = f"127.0.0.1:{free_ports(1)[0]}"
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


@pytest.fixture(scope="package")
def base() -> Iterator[None]:
    """A base image that isn't labelled as a stand-in, whatever this machine's own is."""
    engine = docker.from_env()
    dockerfile = "FROM python:3.13-slim-trixie\nLABEL django-stack.stand-in=\n"
    subprocess.run(["docker", "build", "-q", "-t", BASE, "-"], input=dockerfile, text=True, check=True)
    yield
    remove_tags(engine, BASE)


@pytest.fixture(scope="package")
def site(certificate: Path) -> Iterator[Site]:
    with tls_site(certificate) as running:
        yield running


@pytest.fixture(scope="package")
def stack(
    tmp_path_factory: pytest.TempPathFactory, registry: str, base: None, site: Site, certificate: Path
) -> Iterator[Stack]:
    """A cloud stack in its sandbox, not yet up."""
    folder = tmp_path_factory.mktemp("cloud")
    plugin = folder / "bin" / "pulumi-resource-aws"
    plugin.parent.mkdir()
    plugin.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tests.infra.cloud.updates.aws_plugin "$@"\n')
    plugin.chmod(0o755)
    with fake_aws() as fake:
        cloud = Cloud(folder, fake, registry)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PULUMI_"))}
        environment = kept | {
            **fake.environment,
            "PATH": f"{plugin.parent}:{os.environ['PATH']}:{ROOT / '.venv' / 'bin'}",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tools' / 'plugins' / 'src'}:{DNS}",
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


@pytest.fixture(scope="package")
def running(stack: Stack) -> Stack:
    """The stack, up: version 1 serves."""
    stack.up()
    return stack
