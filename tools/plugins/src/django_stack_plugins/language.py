"""pulumi-language-python: runs the user's program in the Python of its virtual environment.

Protocol: proto/pulumi/language.proto of pulumi/pulumi. Only running programs is supported, not code generation; the
plugins that a program needs are not announced, because the engine would download them.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2

from django_stack_plugins.resource import PluginError, Stop
from django_stack_plugins.server import serve
from django_stack_plugins.stubs import language_pb2, language_pb2_grpc, plugin_pb2
from django_stack_plugins.values import Properties, decode_properties

_RUNNER = Path(__file__).parent / "program_runner" / "__main__.py"
_ALREADY_SHOWN = 32  # the exit code by which the runner says that the user has seen an error


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """The language runtime protocol for Python programs."""

    def __init__(self, engine_address: str | None) -> None:
        self._engine_address = engine_address
        self.stop = Stop()

    def Handshake(
        self, request: language_pb2.LanguageHandshakeRequest, context: grpc.ServicerContext
    ) -> language_pb2.LanguageHandshakeResponse:
        self._engine_address = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        # No version: the official host has the CLI's, while this one fits whichever CLI finds it.
        return plugin_pb2.PluginInfo()

    def GetRequiredPackages(
        self, request: language_pb2.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPackagesResponse:
        return language_pb2.GetRequiredPackagesResponse()

    def GetRequiredPlugins(
        self, request: language_pb2.GetRequiredPluginsRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPluginsResponse:
        return language_pb2.GetRequiredPluginsResponse()

    def RuntimeOptionsPrompts(
        self, request: language_pb2.RuntimeOptionsRequest, context: grpc.ServicerContext
    ) -> language_pb2.RuntimeOptionsResponse:
        return language_pb2.RuntimeOptionsResponse()

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self.stop.set()
        return empty_pb2.Empty()

    def Run(self, request: language_pb2.RunRequest, context: grpc.ServicerContext) -> language_pb2.RunResponse:
        try:
            python = Python.of(request.info)
        except PluginError as error:
            return language_pb2.RunResponse(error=str(error))
        arguments = {
            "monitor": request.monitor_address,
            "engine": self._engine_address,
            "project": request.project,
            "stack": request.stack,
            "organization": request.organization,
            "root_directory": request.info.root_directory,
            "pwd": request.pwd,
            "dry_run": request.dryRun,
            "parallel": request.parallel,
            "program": request.info.entry_point or ".",
        }
        environment = {
            **python.environment,
            # Read by the SDK itself; on the command line everybody on the machine could see them.
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        command = [python.executable, "-u", str(_RUNNER), json.dumps(arguments)]
        try:
            process = subprocess.Popen(command, env=environment, cwd=request.pwd or None, stdin=subprocess.DEVNULL)
        except OSError as error:
            return language_pb2.RunResponse(error=f"could not run {python.executable}: {error}")
        ended = threading.Event()
        # The request ends when the engine does; a cancelled or abandoned program is interrupted.
        context.add_callback(lambda: _interrupt(process))
        threading.Thread(target=_interrupt_on, args=(self.stop, ended, process), daemon=True).start()
        code = process.wait()
        ended.set()
        if code == 0:
            return language_pb2.RunResponse()
        if code == _ALREADY_SHOWN or self.stop.is_set():
            return language_pb2.RunResponse(bail=True)
        if code < 0:
            return language_pb2.RunResponse(error=f"the program was ended by {signal.Signals(-code).name}")
        return language_pb2.RunResponse(error=f"the program exited with code {code}")

    def InstallDependencies(
        self, request: language_pb2.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        try:
            for command in _install_commands(request.info):
                yield language_pb2.InstallDependenciesResponse(stdout=f"{' '.join(command)}\n".encode())
                process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                for line in process.stdout or ():
                    yield language_pb2.InstallDependenciesResponse(stdout=line)
                if process.wait():
                    context.abort(grpc.StatusCode.UNKNOWN, f"{command[0]} failed with code {process.returncode}")
        except PluginError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))

    def About(self, request: language_pb2.AboutRequest, context: grpc.ServicerContext) -> language_pb2.AboutResponse:
        script = "import json, sys; print(json.dumps([sys.executable, '.'.join(map(str, sys.version_info[:3]))]))"
        executable, version = self._ask(request.info, script, context)
        return language_pb2.AboutResponse(executable=executable, version=version)

    def GetProgramDependencies(
        self, request: language_pb2.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetProgramDependenciesResponse:
        script = (
            "import json, importlib.metadata as m; "
            "print(json.dumps(sorted({(d.metadata['Name'], d.version) for d in m.distributions()})))"
        )
        found = [
            language_pb2.DependencyInfo(name=name, version=version)
            for name, version in self._ask(request.info, script, context)
        ]
        return language_pb2.GetProgramDependenciesResponse(dependencies=found)

    @staticmethod
    def _ask(info: language_pb2.ProgramInfo, script: str, context: grpc.ServicerContext) -> Any:
        try:
            python = Python.of(info)
            asked = subprocess.run(
                [python.executable, "-c", script], env=python.environment, capture_output=True, text=True, check=True
            )
        except (PluginError, OSError, subprocess.CalledProcessError) as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        return json.loads(asked.stdout)


class Python:
    """An interpreter for a program, and the environment variables that activate it."""

    def __init__(self, executable: str, environment: Mapping[str, str]) -> None:
        self.executable = executable
        self.environment = dict(environment)

    @classmethod
    def of(cls, info: language_pb2.ProgramInfo) -> "Python":
        """Find it: the `virtualenv` option (relative to Pulumi.yaml), uv's `.venv`, the active one, or PATH's python.

        Raises PluginError if the option names no virtual environment or an option is not supported.
        """
        options = _options(info)
        if option := options.get("virtualenv"):
            path = Path(info.root_directory, option)
            if not (path / "bin/python").exists():
                raise PluginError(f"the runtime option virtualenv is {option!r}, but {path}/bin/python does not exist")
            return cls.in_virtualenv(path)
        candidates = [Path(active)] if (active := os.environ.get("VIRTUAL_ENV")) else []
        program = Path(info.program_directory or ".").resolve()
        if options.get("toolchain") == "uv" or any((folder / "uv.lock").exists() for folder in _upward(program)):
            candidates[:0] = [folder / ".venv" for folder in _upward(program)]
        for candidate in candidates:
            if (candidate / "bin/python").exists():
                return cls.in_virtualenv(candidate)
        wanted = os.environ.get("PULUMI_PYTHON_CMD")
        found = shutil.which(wanted) if wanted else shutil.which("python3") or shutil.which("python")
        return cls(found or sys.executable, os.environ)

    @classmethod
    def in_virtualenv(cls, path: Path) -> "Python":
        path = path.resolve()
        search = f"{path / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        environment = {**os.environ, "VIRTUAL_ENV": str(path), "PATH": search}
        environment.pop("PYTHONHOME", None)
        return cls(str(path / "bin/python"), environment)


def _upward(folder: Path) -> list[Path]:
    return [folder, *folder.parents]


def _options(info: language_pb2.ProgramInfo) -> Properties:
    options = decode_properties(info.options)
    unknown = sorted(options.keys() - {"virtualenv", "toolchain"})
    if unknown:
        raise PluginError(f"django-stack's language host does not support the runtime option {', '.join(unknown)}")
    if options.get("toolchain", "pip") not in ("pip", "uv"):
        raise PluginError(f"django-stack's language host does not support the toolchain {options['toolchain']!r}")
    return options


def _install_commands(info: language_pb2.ProgramInfo) -> Iterator[list[str]]:
    option = _options(info).get("virtualenv")
    if option and not Path(info.root_directory, option, "bin/python").exists():
        yield [shutil.which("python3") or sys.executable, "-m", "venv", str(Path(info.root_directory, option))]
    python = Python.of(info).executable
    for folder in dict.fromkeys([Path(info.program_directory), Path(info.root_directory)]):
        if (folder / "requirements.txt").exists():
            yield [python, "-m", "pip", "install", "-r", str(folder / "requirements.txt")]
            return


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)


def _interrupt_on(stop: Stop, ended: threading.Event, process: subprocess.Popen[bytes]) -> None:
    """Interrupt the program once operations must stop, and kill it if that does not end it."""
    while not ended.wait(0.2):
        if stop.is_set():
            _interrupt(process)
            if not ended.wait(min(stop.grace, 5)):
                process.kill()
            return


def main() -> None:
    """Console script."""

    def register(server: grpc.Server, engine_address: str | None) -> Stop:
        host = LanguageHost(engine_address)
        language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
        return host.stop

    serve(register)
