"""Fixtures: plugins driven over gRPC as the engine does it, a tiny Docker image, and projects for the real engine."""

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import docker
import grpc
import pytest
from docker.errors import DockerException
from plugin_harness import BASE_IMAGE, SCRIPTS, FakeEngine, Plugin, Project

from django_stack_plugins.docker import endpoint
from django_stack_plugins.stubs import engine_pb2_grpc, provider_pb2_grpc

if TYPE_CHECKING:
    from aws_account import Account, Emulator

    from django_stack_plugins.aws.session import Session


@pytest.fixture(scope="session")
def engine_server() -> Iterator[tuple[FakeEngine, str]]:
    engine = FakeEngine()
    server = grpc.server(ThreadPoolExecutor(8))
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield engine, f"127.0.0.1:{port}"
    server.stop(0)


def start(name: str, engine: FakeEngine, address: str) -> Plugin:
    """Start a console script like the engine does."""
    process = subprocess.Popen([str(SCRIPTS / f"pulumi-resource-{name}"), address], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    port = int(process.stdout.readline())
    stub = provider_pb2_grpc.ResourceProviderStub(grpc.insecure_channel(f"127.0.0.1:{port}"))
    return Plugin(process, stub, engine)


def end(plugin: Plugin) -> None:
    plugin.process.terminate()
    plugin.process.wait(10)


@pytest.fixture(scope="session")
def running(engine_server: tuple[FakeEngine, str]) -> Iterator[dict[str, Plugin]]:
    """The plugins that tests share, by name."""
    plugins: dict[str, Plugin] = {}
    yield plugins
    for plugin in plugins.values():
        end(plugin)


@pytest.fixture
def shared_plugin(engine_server: tuple[FakeEngine, str], running: dict[str, Plugin]) -> Callable[[str], Plugin]:
    """Give a plugin that runs since a test first asked for it, as between two resources of an update."""
    engine_server[0].lines.clear()

    def give(name: str) -> Plugin:
        if name not in running:
            running[name] = start(name, *engine_server)
        return running[name]

    return give


@pytest.fixture
def start_plugin(engine_server: tuple[FakeEngine, str]) -> Iterator[Callable[[str], Plugin]]:
    """Start a plugin of the test's own, for what ends or cancels it; it is ended with the test."""
    engine_server[0].lines.clear()
    with ExitStack() as ending:

        def own(name: str) -> Plugin:
            plugin = start(name, *engine_server)
            ending.callback(end, plugin)
            return plugin

        yield own


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[docker.DockerClient]:
    """The Docker engine, with an image of a static busybox: tests need no registry."""
    try:
        client = endpoint.client()
    except DockerException as error:
        pytest.fail(f"these tests need a Docker engine: {error}")
    if not client.images.list(BASE_IMAGE):
        busybox = shutil.which("busybox")
        assert busybox, "these tests need a static busybox (package busybox-static)"
        _build_base_image(client, Path(busybox))
    yield client
    client.close()


def _build_base_image(client: docker.DockerClient, busybox: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(busybox, folder)
        Path(folder, "Dockerfile").write_text(
            "FROM scratch\n"
            "COPY busybox /bin/busybox\n"
            'RUN ["/bin/busybox", "--install", "-s", "/bin"]\n'
            "ENV PATH=/bin\n"
            'CMD ["sh"]\n'
        )
        client.images.build(path=folder, tag=BASE_IMAGE, rm=True)


@pytest.fixture
def unique(docker_engine: docker.DockerClient) -> Iterator[str]:
    """A name of one's own; whatever Docker has under it is removed after the test."""
    name = f"plugins-test-{uuid.uuid4().hex[:8]}"
    yield name
    for container in docker_engine.containers.list(all=True, filters={"name": name}, ignore_removed=True):
        container.remove(force=True, v=True)
    for network in docker_engine.networks.list(names=[name]):
        network.remove()
    for volume in docker_engine.volumes.list(filters={"name": name}):
        volume.remove(force=True)
    for image in docker_engine.images.list(filters={"reference": f"{name}*"}):
        for tag in image.tags:  # by name: the same content may have others' names, too
            if tag.startswith(name):
                docker_engine.images.remove(tag)


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the CLI and, beside it, the language host: found elsewhere on PATH, the engine warns."""
    beside = shutil.which("pulumi", path=str(Path(sys.executable).parent))  # of a .venv that isn't activated
    binary = os.environ.get("PULUMI_BIN") or shutil.which("pulumi") or beside
    if binary is None:
        pytest.fail("these tests need the pulumi CLI: set PULUMI_BIN or put it on PATH")
    folder = tmp_path_factory.mktemp("bin")
    try:
        os.link(Path(binary).resolve(), folder / "pulumi")
    except OSError:  # another file system
        shutil.copy(binary, folder / "pulumi")
    (folder / "pulumi-language-python").symlink_to(SCRIPTS / "pulumi-language-python")
    return folder


def _path_without_plugins() -> list[str]:
    """PATH's folders but those with plugins in them: the engine would take them for the ones under test."""
    folders = os.environ["PATH"].split(os.pathsep)
    return [folder for folder in folders if not any(Path(folder).glob("pulumi-resource-*"))]


@pytest.fixture
def project(tmp_path: Path, programs: Path) -> Iterator[Project]:
    """A project whose plugins lie in the engine's own plugin folder, where no warning tells of them."""
    home, folder = tmp_path / "home", tmp_path / "project"
    for path in (home, tmp_path / "state", folder / "infra"):
        path.mkdir(parents=True)
    for name, version in (("random", "4.21.4"), ("docker", "5.2.0"), ("command", "1.2.1")):
        cache = home / "plugins" / f"resource-{name}-v{version}"
        cache.mkdir(parents=True)
        (cache / f"pulumi-resource-{name}").symlink_to(SCRIPTS / f"pulumi-resource-{name}")
    (folder / "Pulumi.yaml").write_text(
        f"name: plugins-test\nmain: infra\nruntime: {{name: python, options: {{virtualenv: {sys.prefix}}}}}\n"
    )
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(programs), *_path_without_plugins()]),
        "PULUMI_HOME": str(home),
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    project = Project(folder, environment, str(programs / "pulumi"))
    project.write("")
    project.run("stack", "init", "test")
    yield project
    project.write("")
    project.run("destroy", "--yes", "--skip-preview")


@pytest.fixture(scope="session")
def emulator() -> Iterator["Emulator"]:
    """An AWS in the tests' own process."""
    from aws_account import Emulator  # moto takes a second to import

    with Emulator() as running:
        yield running


@pytest.fixture(scope="module")
def aws_session(emulator: "Emulator") -> Iterator["Session"]:
    """The aws plugin's session with it, for a module: clients take a while to make, and other modules don't see it."""
    from aws_account import REGION

    from django_stack_plugins.aws.session import Session

    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in emulator.environment.items():
            patch.setenv(name, value)
        session = Session()
        session.configure({"region": REGION})
        yield session


@pytest.fixture
def account(aws_session: "Session", emulator: "Emulator") -> "Account":
    """An empty account."""
    from aws_account import Account

    emulator.reset()
    return Account(aws_session, emulator)
