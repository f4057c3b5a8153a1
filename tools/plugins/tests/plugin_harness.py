"""What the tests drive plugins with: the calls that the engine makes, and projects for the real engine."""

import atexit
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2

from django_stack_plugins.stubs import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc, status_pb2
from django_stack_plugins.values import Properties, decode_properties, encode_properties

SOURCE = Path(__file__).parents[1] / "src"
BASE_IMAGE = "plugins-test-base:latest"


@dataclass
class FakeEngine(engine_pb2_grpc.EngineServicer):
    """Collects the lines that a plugin logs."""

    lines: list[str] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def Log(self, request: engine_pb2.LogRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        with self.arrived:
            self.lines.append(request.message)
            self.arrived.notify_all()
        return empty_pb2.Empty()

    def wait_for(self, line: str, seconds: float = 10) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: line in self.lines, timeout=seconds), self.lines


@dataclass
class Plugin:
    """A running resource plugin and the calls that the engine makes."""

    process: subprocess.Popen[str]
    stub: provider_pb2_grpc.ResourceProviderStub
    engine: FakeEngine

    @staticmethod
    def urn(token: str, name: str = "thing") -> str:
        return f"urn:pulumi:stack::project::my:Parent${token}::{name}"

    def check(self, token: str, news: Properties, olds: Properties | None = None, seed: bytes = b"") -> Any:
        return self.stub.Check(
            provider_pb2.CheckRequest(
                urn=self.urn(token),
                olds=encode_properties(olds or {}),
                news=encode_properties(news),
                randomSeed=seed,
            )
        )

    def inputs(self, token: str, news: Properties, olds: Properties | None = None) -> Properties:
        response = self.check(token, news, olds)
        assert not response.failures, response.failures
        return decode_properties(response.inputs)

    def diff(self, token: str, old: Properties, new: Properties, state: Properties | None = None) -> Any:
        return self.stub.Diff(
            provider_pb2.DiffRequest(
                id="id",
                urn=self.urn(token),
                olds=encode_properties(state or {}),
                old_inputs=encode_properties(old),
                news=encode_properties(new),
            )
        )

    def create(
        self, token: str, inputs: Properties, preview: bool = False, timeout: float = 0
    ) -> tuple[str, Properties]:
        response = self.stub.Create(
            provider_pb2.CreateRequest(
                urn=self.urn(token), properties=encode_properties(inputs), preview=preview, timeout=timeout
            )
        )
        return response.id, decode_properties(response.properties)

    def update(self, token: str, resource_id: str, old: Properties, news: Properties) -> Properties:
        response = self.stub.Update(
            provider_pb2.UpdateRequest(
                id=resource_id, urn=self.urn(token), olds=encode_properties(old), news=encode_properties(news)
            )
        )
        return decode_properties(response.properties)

    def read(self, token: str, resource_id: str, state: Properties, inputs: Properties) -> Any:
        return self.stub.Read(
            provider_pb2.ReadRequest(
                id=resource_id,
                urn=self.urn(token),
                properties=encode_properties(state),
                inputs=encode_properties(inputs),
            )
        )

    def delete(self, token: str, resource_id: str, state: Properties) -> None:
        self.stub.Delete(
            provider_pb2.DeleteRequest(id=resource_id, urn=self.urn(token), properties=encode_properties(state))
        )


def fails(call: Callable[[], object]) -> grpc.RpcError:
    """The error by which the call fails."""
    with pytest.raises(grpc.RpcError) as error:
        call()
    return error.value


def error_text(call: Callable[[], object]) -> str:
    """The words by which the call fails, which are all that the user sees."""
    return fails(call).details() or ""


def init_failed(error: grpc.RpcError) -> Any:
    """The detail by which a plugin says that the resource exists but is not right."""
    (packed,) = (entry.value for entry in error.trailing_metadata() if entry.key == "grpc-status-details-bin")
    status = status_pb2.Status.FromString(packed)
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(detail)
    return detail


@dataclass
class Project:
    """A Pulumi project in a temporary folder, run by the real engine with these plugins."""

    folder: Path
    environment: dict[str, str]
    pulumi: str

    def write(self, program: str) -> None:
        (self.folder / "infra" / "__main__.py").write_text(program)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.pulumi, *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, fails: bool = False) -> str:
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=120)
        assert (process.returncode != 0) == fails, output
        return output

    def up(self, *arguments: str, fails: bool = False) -> str:
        return self.run("up", "--yes", "--skip-preview", "--color", "never", *arguments, fails=fails)

    def resources(self) -> dict[str, Any]:
        """The state's resources by logical name, secrets still encrypted."""
        deployment = json.loads(self.run("stack", "export"))["deployment"]
        return {resource["urn"].rsplit("::", 1)[-1]: resource for resource in deployment.get("resources", [])}


def _console_scripts() -> Path:
    """A folder with the package's console scripts as pyproject.toml names them, for the code as it stands here."""
    folder = Path(tempfile.mkdtemp(prefix="plugins-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    project = tomllib.loads((SOURCE.parent / "pyproject.toml").read_text())["project"]
    for name, entry in project["scripts"].items():
        module, _, function = entry.partition(":")
        script = folder / name
        script.write_text(
            f"#!{sys.executable}\n"
            f"import sys\nsys.path.insert(0, {str(SOURCE)!r})\n"
            f"from {module} import {function}\nsys.exit({function}())\n"
        )
        script.chmod(0o755)
    return folder


SCRIPTS = _console_scripts()
