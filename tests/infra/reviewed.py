"""What a platform's program registers, in the form of the reviewed tables beside its tests (`reviewed/*.yaml`).

A table has, for each component, its resources by name and type, with every input and the options that aren't Pulumi's
default. Nothing writes the tables: whoever changes an input changes its line, after a look at what AWS or Docker makes
of it, since a wrong one is seen only in a real stack. Another name, type or parent makes a resource anew.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import yaml

from infra.local.labels import state
from tests import ROOT
from tests.infra.conftest import Registered, Run

Table = dict[str, dict[str, Any]]
DOCUMENTS = (
    "containerDefinitions",
    "policy",
    "assumeRolePolicy",
    "secretString",
    "stdin",
    "eventPattern",
    "dashboardBody",
)
OPTIONS = ("protect", "retainOnDelete", "ignoreChanges", "replaceOnChanges", "additionalSecretOutputs")
OF_THE_SDK = (["triggers[*]"], ["bcryptHash", "result"])  # options that it sets by itself
# Words that nothing but people read, and values that have tests of their own.
LEFT_OUT = ("alarmDescription", "code", "comment", "dashboardBody", "description", "inputTemplate")


def table(run: Run) -> Table:
    """The table of a run of the program."""
    found: Table = {}
    tag = run["image"].inputs["imageName"].rpartition(":")[2]
    for resource in run.resources.values():
        if resource.type != "pulumi:pulumi:Stack":
            _, _, types, parent = resource.request.parent.split("::")
            component = found.setdefault("stack" if types == "pulumi:pulumi:Stack" else parent, {})
            component[f"{resource.name} ({re.sub(r'/[a-zA-Z]+', '', resource.type)})"] = _row(resource, tag)
    return found


def unsorted_documents(run: Run) -> list[str]:
    """The JSON documents whose keys aren't sorted: in another order, an update would see a change where none is."""
    return [
        f"{resource.name} > {key}"
        for resource in run.resources.values()
        for key in DOCUMENTS
        if (text := resource.inputs.get(key)) and text != json.dumps(json.loads(text), sort_keys=True)
    ]


def reviewed(*files: Path) -> Table:
    """The table that the files have together: one that follows says only what differs, `null` for what isn't there."""
    together: Table = {}
    for file in files:
        together = _over(together, yaml.safe_load(file.read_text()))
    return together


def _over(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    merged = below | {key: _over(below.get(key), value) for key, value in above.items()}
    return {key: value for key, value in merged.items() if value is not None}


def differences(found: Table, wanted: Table) -> list[str]:
    """A line for each input that isn't as it was reviewed, and for each resource that is missing or new."""
    return list(_differing("", found, wanted))


def _differing(place: str, is_: Any, should: Any) -> list[str]:
    if isinstance(is_, dict) and isinstance(should, dict):
        keys = sorted(key for key in is_.keys() | should.keys() if is_.get(key) != should.get(key))
        return [line for key in keys for line in _differing(f"{place} > {key}", is_.get(key), should.get(key))]
    return [f"{place.removeprefix(' > ')}: is {is_!r}, was reviewed as {should!r}"]


def _row(resource: Registered, tag: str) -> dict[str, Any]:
    inputs = {key: json.loads(value) if key in DOCUMENTS else value for key, value in resource.inputs.items()}
    if "stdin" in inputs:  # tests of the web have the secrets, which are long
        inputs["stdin"].pop("secrets", None)
    for option in OPTIONS:
        value = getattr(resource.request, option)
        if value and (isinstance(value, bool) or list(value) not in OF_THE_SDK):
            inputs[f"option {option}"] = value if isinstance(value, bool) else list(value)
    timeouts = resource.request.customTimeouts
    if waits := {key: value for key in ("create", "update", "delete") if (value := getattr(timeouts, key))}:
        inputs["option customTimeouts"] = waits
    if resource.request.deleteBeforeReplaceDefined:
        inputs["option deleteBeforeReplace"] = resource.request.deleteBeforeReplace
    if "tags" in inputs:  # rules/operations.py has the others
        inputs["tags"] = inputs["tags"]["Name"]
    if "labels" in inputs:
        inputs["labels"] = {entry["label"]: entry["value"] for entry in inputs["labels"]}
    if "containerDefinitions" in inputs:
        inputs["containerDefinitions"] = {one["name"]: _container(one) for one in inputs["containerDefinitions"]}
    if inputs.get("user") == f"{os.getuid()}:{os.getgid()}":
        inputs["user"] = "ME"
    return dict(_plain(inputs, tag))


def _container(definition: dict[str, Any]) -> dict[str, Any]:
    environment = {entry["name"]: entry["value"] for entry in definition["environment"]}
    return {
        **definition,
        "environment": environment,
        "secrets": sorted(one["name"] for one in definition.get("secrets", [])),
    }


def _plain(value: Any, tag: str) -> Any:
    """The value without what differs from machine to machine, or with the content of the app."""
    if isinstance(value, dict):
        return {key: _plain(item, tag) for key, item in value.items() if key not in LEFT_OUT}
    if isinstance(value, list):
        return [_plain(item, tag) for item in value]
    if isinstance(value, float):
        return int(value)  # Pulumi has no other numbers
    if not isinstance(value, str):
        return value
    text = re.sub(r"^exec \S+ -m ", "python -m ", value).replace(str(ROOT), "ROOT").replace(tag, "TAG")
    text = re.sub(r"^[0-9a-f]{64}$", "FINGERPRINT", text)
    text = "CERTIFICATES" if text.startswith("-----BEGIN CERTIFICATE") else text
    return json.loads(text) if text.startswith('{"') else "STATE" if text == state() else text
