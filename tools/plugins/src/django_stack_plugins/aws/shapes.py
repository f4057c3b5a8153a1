"""Pulumi's properties in the shapes of AWS's API, and what AWS answers in the form of Pulumi's properties.

The names are the same but for case, plural and a few that a type's table names. Lists that CloudFront wants with their
length, and maps that the API has as lists of names and values, are told from botocore's model.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from django_stack_plugins.resource import PluginError

Names = Mapping[str, str]
_PAIRS = (("key", "value"), ("name", "value"), ("tagkey", "tagvalue"))


def simple(name: str) -> str:
    """What a name has in common in both worlds: `vpcIds` and `VpcId` are `vpcid`."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return plain[:-3] + "y" if plain.endswith("ies") else plain.rstrip("s")


def to_api(shape: Any, value: Any, names: Names, path: str = "") -> Any:
    """The value in the shape that the API takes; `names` has the API's names of properties, by their paths."""
    match shape.type_name:
        case "structure":
            return _structure(shape, value, names, path)
        case "list":
            if isinstance(value, dict) and (pair := _pair(shape.member)):
                return [{pair[0]: name, pair[1]: str(item)} for name, item in sorted(value.items())]
            items = value if isinstance(value, list | tuple) else [value]
            return [to_api(shape.member, item, names, path) for item in items]
        case "map":
            return {name: to_api(shape.value, item, names, path) for name, item in value.items()}
        case "integer" | "long":
            return int(value)
        case "double" | "float":
            return float(value)
        case "boolean":
            return value == "true" if isinstance(value, str) else bool(value)
        case "string":
            return str(value).lower() if isinstance(value, bool) else str(value)
        case _:
            return value


def _structure(shape: Any, value: Any, names: Names, path: str) -> Any:
    counted = {"Quantity", "Items"} <= shape.members.keys()
    if counted and isinstance(value, list):
        items = to_api(shape.members["Items"], value, names, path)
        return {"Quantity": len(items), "Items": items}
    if set(shape.members) == {"Items"} and isinstance(value, dict):
        return {"Items": to_api(shape.members["Items"], value, names, path)}
    if isinstance(value, list):
        value = value[0] if value else {}
    result = {}
    for key, item in value.items():
        name = member(shape.members, key, names, path)
        if name is None and path and key != "__defaults":
            raise PluginError(
                f"django-stack's plugin does not support {path}{key}, which {shape.name} of the API lacks"
            )
        if name is not None and item is not None:
            result[name] = to_api(shape.members[name], item, names, f"{path}{key}.")
    if counted:
        result["Quantity"] = len(result.get("Items", ()))
    return result


def _pair(shape: Any) -> tuple[str, str] | None:
    """The members for name and value, if that is what the structure consists of."""
    if shape.type_name != "structure":
        return None
    by_name = {name.lower(): name for name in shape.members}
    return next(((by_name[key], by_name[value]) for key, value in _PAIRS if key in by_name and value in by_name), None)


def member(members: Iterable[str], key: str, names: Names, path: str = "") -> str | None:
    """The API's member for a property, or None."""
    wanted = names.get(f"{path}{key}", key)
    return next((name for name in members if name == wanted), None) or next(
        (name for name in members if simple(name) == simple(wanted)), None
    )


def from_api(wanted: Any, found: Any, names: Names, path: str = "") -> Any:
    """What AWS has, in the form of what the program wants: the properties that it sets, and the order it gave.

    What the program leaves to AWS isn't compared.
    """
    if isinstance(wanted, dict):
        return _object(wanted, found, names, path)
    if isinstance(wanted, list):
        return _list(wanted, found, names, path)
    if isinstance(wanted, str) and isinstance(found, dict | list) and wanted.startswith(("{", "[")):
        found = json.dumps(found, sort_keys=True)  # a document, which botocore has parsed
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    return wanted if _same(wanted, found) else found


def _object(wanted: dict[str, Any], found: Any, names: Names, path: str) -> Any:
    if isinstance(found, list):
        if all(isinstance(item, dict) for item in found) and (pairs := as_map(found)) is not None:
            return pairs
        found = found[0] if found else {}
    if not isinstance(found, dict):
        return found
    result = {}
    for key, value in wanted.items():
        name = member(found, key, names, path)
        real = found.get(name) if name else None
        if real is None:
            # False, zero and nothing are what the API often leaves out.
            real = value if value in (False, 0, "", [], {}) else None
        if real is not None:
            result[key] = from_api(value, real, names, f"{path}{key}.")
    return result


def as_map(pairs: list[dict[str, Any]]) -> dict[str, Any] | None:
    """A map from a list of names and values, or None if it is another kind of list."""
    result = {}
    for item in pairs:
        by_name = {name.lower(): value for name, value in item.items()}
        pair = next(((key, value) for key, value in _PAIRS if set(by_name) == {key, value}), None)
        if pair is None:
            return None
        result[by_name[pair[0]]] = by_name[pair[1]]
    return result


def _list(wanted: list[Any], found: Any, names: Names, path: str) -> Any:
    if isinstance(found, dict):
        found = found.get("Items") or [] if "Quantity" in found else [found]
    if not isinstance(found, list):
        found = [] if found is None else [found]
    if len(found) == len(wanted) == 1:
        return [from_api(wanted[0], found[0], names, path)]
    every = {key: item[key] for item in wanted if isinstance(item, dict) for key in item}
    rest = list(found)
    kept = []
    for item in wanted:
        # In the program's order, for the API has sets in any.
        match = next((real for real in rest if _same(item, from_api(item, real, names, path))), None)
        if match is not None:
            rest.remove(match)
            kept.append(item)
    return kept + [from_api(every, real, names, path) if every else real for real in rest]


def _same(wanted: Any, found: Any) -> bool:
    """Whether both mean one thing: `30` and 30, `true` and True, a JSON document in another spelling."""
    if wanted == found:
        return True
    if isinstance(wanted, dict | list) or isinstance(found, dict | list) or found is None:
        return False
    texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in (wanted, found)]
    if texts[0] == texts[1]:
        return True
    if all(text.startswith(("{", "[")) for text in texts):
        try:
            return bool(json.loads(texts[0]) == json.loads(texts[1]))
        except ValueError:
            return False
    try:
        return not isinstance(wanted, str | bool) and float(texts[0]) == float(texts[1])
    except ValueError:
        return False
