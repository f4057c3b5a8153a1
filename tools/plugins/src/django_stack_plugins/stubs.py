"""The gRPC stubs that the Pulumi SDK ships, without the rest of the SDK.

Importing `pulumi` itself takes half a second a plugin, of which `pulumi up` starts four. The stubs need nothing of it,
so they are loaded below two empty packages of that name, which are taken away again: a later `import pulumi` is the
real one.
"""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType


@contextmanager
def _bare_packages() -> Iterator[None]:
    """Let `pulumi` and `pulumi.runtime` be importable without running their `__init__`, unless they were already."""
    spec = importlib.util.find_spec("pulumi")
    if "pulumi" in sys.modules or spec is None or not spec.submodule_search_locations:
        yield
        return
    root = Path(spec.submodule_search_locations[0])
    bare = {"pulumi": root, "pulumi.runtime": root / "runtime"}
    for name, path in bare.items():
        module = ModuleType(name)
        module.__path__ = [str(path)]
        sys.modules[name] = module
    try:
        yield
    finally:
        for name in bare:
            del sys.modules[name]


with _bare_packages():
    from pulumi.runtime.proto import (
        engine_pb2,
        engine_pb2_grpc,
        language_pb2,
        language_pb2_grpc,
        plugin_pb2,
        provider_pb2,
        provider_pb2_grpc,
        status_pb2,
    )

__all__ = [
    "engine_pb2",
    "engine_pb2_grpc",
    "language_pb2",
    "language_pb2_grpc",
    "plugin_pb2",
    "provider_pb2",
    "provider_pb2_grpc",
    "status_pb2",
]
