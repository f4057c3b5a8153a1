"""The process around a plugin: a gRPC server on a free port that ends with the engine, and the provider protocol.

Protocol: proto/pulumi/provider.proto of pulumi/pulumi. Secrets are left to the engine (`acceptSecrets` is false: it
hands over plain values and marks the outputs that were secret as inputs); what is secret by nature is wrapped here.
"""

import contextlib
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

import grpc
from google.protobuf import empty_pb2

from django_stack_plugins.loopback import ask_directly
from django_stack_plugins.resource import Failure, InitFailed, Operation, PluginError, Resource, Stop, top_level
from django_stack_plugins.stubs import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)
from django_stack_plugins.values import Change, Properties, decode_properties, encode_properties, reveal

_MESSAGE_LIMIT = 400 * 1024 * 1024  # bytes, as the engine's own
_GRPC_OPTIONS = [("grpc.max_receive_message_length", _MESSAGE_LIMIT), ("grpc.max_send_message_length", _MESSAGE_LIMIT)]
_SHUTDOWN_GRACE = 4.0  # seconds; the engine sends SIGKILL 5 s after its SIGINT


class Engine:
    """The engine's log, as far as a plugin needs it; without an address nothing is shown."""

    def __init__(self, address: str | None) -> None:
        self._stub: engine_pb2_grpc.EngineStub | None = None
        if address:
            self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address, options=_GRPC_OPTIONS))

    def log(self, message: str, urn: str = "", severity: str = "INFO", ephemeral: bool = True) -> None:
        """Show a line; the engine being gone is no error here."""
        if self._stub is None or not message:
            return
        request = engine_pb2.LogRequest(
            severity=engine_pb2.LogSeverity.Value(severity), message=message, urn=urn, ephemeral=ephemeral
        )
        with contextlib.suppress(grpc.RpcError):
            self._stub.Log(request, timeout=10)


def note_use() -> None:
    """Give this environment's file `complete`, if it has one, the present time.

    django-stack's set-up writes the file, and removes an environment whose file is a month old.
    """
    with contextlib.suppress(OSError):
        os.utime(Path(sys.prefix, "complete"))


def serve(register: Callable[[grpc.Server, str | None], Stop]) -> None:
    """Run a plugin: `register` adds its service to the server and returns the event that ends its operations.

    Prints the port, which is how the engine finds it. Ends on SIGINT and SIGTERM, and when the engine is gone.
    """
    note_use()
    ask_directly(os.environ)  # for gRPC here, and for the programs that a plugin runs
    engine_address = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), None)
    ended = threading.Event()
    parent = os.getppid()

    def on_signal(number: int, frame: FrameType | None) -> None:
        del number, frame
        ended.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    workers = ThreadPoolExecutor(max_workers=256)
    server = grpc.server(workers, options=_GRPC_OPTIONS)
    stop = register(server, engine_address)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    ticks = 0
    while not ended.wait(1):
        ticks += 1
        if os.getppid() != parent or (ticks % 5 == 0 and engine_address and not _listening(engine_address)):
            break
    stop.grace = _SHUTDOWN_GRACE - 1
    stop.set()
    server.stop(_SHUTDOWN_GRACE)
    # The server forgets calls whose engine is gone, but their threads have children to end. One that hangs is left.
    finish = threading.Thread(target=workers.shutdown, daemon=True)
    finish.start()
    finish.join(_SHUTDOWN_GRACE)
    os._exit(0)


def _listening(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except OSError:
        return False
    return True


Function = Callable[[Properties], Properties]


def serve_provider(
    version: str,
    resources: Iterable[Resource],
    configuration: "Configuration | None" = None,
    functions: Mapping[str, Function] | None = None,
) -> None:
    """Run a resource plugin; `version` is the official plugin's whose SDK this one serves."""

    def register(server: grpc.Server, engine_address: str | None) -> Stop:
        settings = configuration or Configuration()
        provider = Provider(version, resources, Engine(engine_address), settings, functions or {})
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
        return provider.stop

    serve(register)


class Configuration:
    """A provider's own settings (`docker:host` and the like): none, unless a subclass takes some."""

    names: frozenset[str] = frozenset()

    def configure(self, variables: dict[str, str]) -> None:
        """Take the settings, by their names without the package; raises PluginError."""


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """The provider protocol over a set of resource types, and of functions by their tokens."""

    def __init__(
        self,
        version: str,
        resources: Iterable[Resource],
        engine: Engine,
        configuration: Configuration,
        functions: Mapping[str, Function] | None = None,
    ):
        self._version = version
        self._resources = {resource.token: resource for resource in resources}
        self._engine = engine
        self._configuration = configuration
        self._functions = functions or {}
        self.stop = Stop()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self._version)

    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self._engine = Engine(request.address)
        return empty_pb2.Empty()

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self.stop.set()
        return empty_pb2.Empty()

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        unknown = request.news.fields.keys() - self._configuration.names - {"version", "pluginDownloadURL"}
        failures = [Failure(key, f"django-stack's plugin does not support the setting {key!r}") for key in unknown]
        return provider_pb2.CheckResponse(inputs=request.news, failures=_failures(failures))

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        return provider_pb2.DiffResponse()

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        with _Errors(context):
            self._configuration.configure({key.split(":")[-1]: value for key, value in request.variables.items()})
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        with _Errors(context):
            resource = self._resource(request.urn)
            inputs, failures = resource.check(
                request.urn, _plain(request.olds), _plain(request.news), request.randomSeed
            )
            return provider_pb2.CheckResponse(inputs=encode_properties(inputs), failures=_failures(failures))
        raise AssertionError

    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        with _Errors(context):
            resource = self._resource(request.urn)
            old, new = _plain(request.old_inputs), _plain(request.news)
            found = resource.mends(_plain(request.olds)) + resource.diff(old, new)
            found = [change for change in found if top_level(change.path) not in request.ignoreChanges]
            replaces = [change for change in found if resource.replaces(change)]
            # Two of one fixed name cannot be there at once.
            same_name = resource.auto_named and old.get("name") == new.get("name")
            fixed = same_name and "name" not in new.get("__defaults", [])
            return provider_pb2.DiffResponse(
                changes=provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE,
                replaces=sorted({top_level(change.path) for change in replaces}),
                diffs=sorted({top_level(change.path) for change in found}),
                deleteBeforeReplace=bool(replaces) and (resource.delete_before_replace or fixed),
                detailedDiff={change.path: _property_diff(change, change in replaces) for change in found},
                hasDetailedDiff=True,
            )
        raise AssertionError

    def Create(self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        with _Errors(context):
            resource, inputs = self._resource(request.urn), _plain(request.properties)
            if request.preview:
                preview = resource.preview(resource.complete(inputs), None)
                return provider_pb2.CreateResponse(properties=encode_properties(preview))
            resource_id, state = resource.create(self._operation(request), resource.complete(inputs))
            return provider_pb2.CreateResponse(id=resource_id, properties=encode_properties(state))
        raise AssertionError

    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        with _Errors(context):
            resource = self._resource(request.urn)
            if not request.inputs.fields:
                adopted = resource.adopt(self._operation(request), request.id)
                if adopted is None:
                    return provider_pb2.ReadResponse()
                resource_id, properties, inputs = adopted
                return provider_pb2.ReadResponse(
                    id=resource_id, properties=encode_properties(properties), inputs=encode_properties(inputs)
                )
            inputs = _plain(request.inputs)
            state = resource.read(
                self._operation(request), request.id, _plain(request.properties), resource.complete(inputs)
            )
            if state is None:
                return provider_pb2.ReadResponse()
            drifted = {
                key: state[key] for key in resource.drifting if key in state and key in {**resource.defaults, **inputs}
            }
            drifted = {key: value for key, value in drifted.items() if value != resource.complete(inputs)[key]}
            return provider_pb2.ReadResponse(
                id=request.id, properties=encode_properties(state), inputs=encode_properties({**inputs, **drifted})
            )
        raise AssertionError

    def Update(self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        with _Errors(context):
            resource = self._resource(request.urn)
            old, inputs = _plain(request.olds), _plain(request.news)
            if request.preview:
                preview = resource.preview(resource.complete(inputs), old)
                return provider_pb2.UpdateResponse(properties=encode_properties(preview))
            state = resource.update(self._operation(request), request.id, old, resource.complete(inputs))
            return provider_pb2.UpdateResponse(properties=encode_properties(state))
        raise AssertionError

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        with _Errors(context):
            resource = self._resource(request.urn)
            resource.delete(self._operation(request), request.id, _plain(request.properties))
        return empty_pb2.Empty()

    def Invoke(self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext) -> provider_pb2.InvokeResponse:
        with _Errors(context):
            if request.tok not in self._functions:
                raise PluginError(f"django-stack's plugin does not support the function {request.tok}")
            result = self._functions[request.tok](_plain(request.args))
            response = provider_pb2.InvokeResponse()
            getattr(response, "return").CopyFrom(encode_properties(result))  # Python's own word
            return response
        raise AssertionError

    def _resource(self, urn: str) -> Resource:
        token = urn.split("::")[2].rsplit("$", maxsplit=1)[-1]
        if token not in self._resources:
            raise PluginError(f"django-stack's plugin does not support {token}; it has {', '.join(self._resources)}")
        return self._resources[token]

    def _operation(self, request: Any) -> Operation:
        def log(message: str, severity: str = "INFO", ephemeral: bool = True) -> None:
            self._engine.log(message, request.urn, severity, ephemeral)

        return Operation(urn=request.urn, stop=self.stop, log=log, timeout=request.timeout)


class _Errors:
    """Turn exceptions into gRPC errors: the user's as they are, a bug with the place where it happened."""

    def __init__(self, context: grpc.ServicerContext) -> None:
        self._context = context

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None or not isinstance(error, Exception):
            return
        message = str(error)
        if isinstance(error, InitFailed):
            self._context.set_trailing_metadata(_init_failed(error))
        elif not isinstance(error, PluginError):
            frame = traceback.extract_tb(error.__traceback__)[-1]
            message = f"{type(error).__name__}: {error} (in {Path(frame.filename).name}, line {frame.lineno})"
        self._context.abort(grpc.StatusCode.UNKNOWN, message)


def _init_failed(error: InitFailed) -> tuple[tuple[str, bytes], ...]:
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.resource_id, properties=encode_properties(error.state), reasons=[str(error)]
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error))
    status.details.add().Pack(detail)
    return (("grpc-status-details-bin", status.SerializeToString()),)


def _plain(struct: Any) -> Properties:
    properties: Properties = reveal(decode_properties(struct))
    return properties


def _failures(failures: Iterable[Failure]) -> list[provider_pb2.CheckFailure]:
    return [provider_pb2.CheckFailure(property=failure.name, reason=failure.reason) for failure in failures]


def _property_diff(change: Change, replace: bool) -> provider_pb2.PropertyDiff:
    kind = change.kind.upper() + ("_REPLACE" if replace else "")
    return provider_pb2.PropertyDiff(kind=provider_pb2.PropertyDiff.Kind.Value(kind), inputDiff=True)


def wait_until(operation: Operation, done: Callable[[], bool], seconds: float, interval: float = 0.5) -> bool:
    """Poll until `done`, for so many seconds; False if it never was."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        operation.sleep(interval)
    return True
