"""Property values: their wire format (protobuf `Struct`) and how two sets of them differ.

On the Python side a value is None, bool, int, float, str, list, dict, `UNKNOWN` (known only after the update) or
`Secret`. The signatures are those of Pulumi's protocol: sdk/go/common/resource/sig and plugin/rpc.go in pulumi/pulumi.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import struct_pb2

Properties = dict[str, Any]

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
# One id for every type of unknown value: bool, number, string, array, asset, archive, object.
_UNKNOWNS = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
_UNKNOWN_STRING = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class Unknown:
    """The type of `UNKNOWN`."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that the engine encrypts in the state and hides in output."""

    value: Any


def decode(value: struct_pb2.Value) -> Any:
    """Turn one wire value into Python; whole numbers become int."""
    match value.WhichOneof("kind"):
        case "bool_value":
            return value.bool_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
        case "list_value":
            return [decode(item) for item in value.list_value.values]
        case "struct_value":
            return _decode_object(value.struct_value)
        case _:
            return None


def _decode_object(struct: struct_pb2.Struct) -> Any:
    fields = {key: decode(item) for key, item in struct.fields.items()}
    match fields.get(_SIGNATURE):
        case signature if signature == _SECRET:
            return Secret(fields.get("value"))
        case signature if signature == _OUTPUT:
            value = fields.get("value", UNKNOWN)
            return Secret(value) if fields.get("secret") else value
        case _:
            return fields


def decode_properties(struct: struct_pb2.Struct) -> Properties:
    """Decode a message's top level; null properties are left out, as if never set."""
    return {key: value for key, item in struct.fields.items() if (value := decode(item)) is not None}


def encode(value: Any) -> struct_pb2.Value:
    """The inverse of `decode`."""
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, Unknown):
        return struct_pb2.Value(string_value=_UNKNOWN_STRING)
    if isinstance(value, Secret):
        return struct_pb2.Value(struct_value=encode_properties({_SIGNATURE: _SECRET, "value": value.value}))
    if isinstance(value, Mapping):
        return struct_pb2.Value(struct_value=encode_properties(value))
    if isinstance(value, Iterable):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[encode(item) for item in value]))
    raise TypeError(f"not a property value: {type(value).__name__}")


def encode_properties(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Encode a message's top level; None is left out."""
    return struct_pb2.Struct(fields={key: encode(item) for key, item in properties.items() if item is not None})


def reveal(value: Any) -> Any:
    """Strip every `Secret` wrapper, at any depth."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, dict):
        return {key: reveal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [reveal(item) for item in value]
    return value


def has_unknown(value: Any) -> bool:
    """True if the value, or anything in it, is known only after the update."""
    if isinstance(value, Unknown):
        return True
    if isinstance(value, Secret):
        return has_unknown(value.value)
    if isinstance(value, dict):
        return any(map(has_unknown, value.values()))
    return isinstance(value, list) and any(map(has_unknown, value))


@dataclass(frozen=True)
class Change:
    """One difference between old and new inputs: `path` as the engine spells it, `kind` "add", "delete" or "update"."""

    path: str
    kind: str


def _join(path: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    if re.fullmatch(r"\w+", key):
        return f"{path}.{key}" if path else key
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'{path}["{escaped}"]'


def changes(old: Any, new: Any, path: str = "", unordered: Callable[[str], bool] = lambda _: False) -> list[Change]:
    """List the differences, each as deep as it lies; lists for whose path `unordered` says so are compared as sets."""
    if isinstance(new, Unknown) or isinstance(old, Unknown):
        return [Change(path, "add" if old is None else "update")]
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for key in sorted({*old, *new}):
            found += changes(old.get(key), new.get(key), _join(path, key), unordered)
        return found
    if isinstance(old, list) and isinstance(new, list):
        if unordered(path):
            old, new = _aligned(old, new)
        found = []
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else None
            after = new[index] if index < len(new) else None
            found += changes(before, after, _join(path, index), unordered)
        return found
    if old == new and isinstance(old, bool) == isinstance(new, bool):
        return []
    if old is None:
        return [Change(path, "add")]
    return [Change(path, "delete" if new is None else "update")]


def _aligned(old: list[Any], new: list[Any]) -> tuple[list[Any], list[Any]]:
    """Put equal members of two sets at the same index: what is left at the end really differs."""
    rest = list(old)
    common, added = [], []
    for item in new:
        if item in rest:
            rest.remove(item)
            common.append(item)
        else:
            added.append(item)
    return common + rest, common + added
