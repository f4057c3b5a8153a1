"""A component and the step that it runs mean the same request, and a step starts without what only components need."""

import json
import subprocess
import sys
from importlib import import_module
from typing import Any, get_type_hints

import pulumi
import pytest

from infra.local.requests import MakeBucketRequest, ReleaseRequest, RolloutRequest
from infra.steps import StepRequest, step_input
from tests import ROOT

ROLLOUT: dict[str, Any] = {"container": "0a1b", "port": 8000, "domain": "localhost", "timeout": 60, "secrets": []}


def request_of(module: str) -> type[StepRequest]:
    """The request that a step's module reads."""
    (kind,) = (
        value
        for value in vars(import_module(module)).values()
        if isinstance(value, type) and issubclass(value, StepRequest) and "Request" in value.__name__
    )
    return kind


@pytest.mark.parametrize(
    ("platform", "settings", "count"), [("local", {}, 4), ("local", {"media": "filesystem"}, 4), ("cloud", {}, 3)]
)
def test_every_step_can_read_what_its_component_asks(
    program: Any, platform: str, settings: dict[str, Any], count: int
) -> None:
    commands = program(settings, platform=platform).of_type("command:local:Command")
    assert len(commands) == count
    for command in commands:
        kind = request_of(command.inputs["create"].rpartition(" -m ")[2])
        request = kind(**json.loads(command.inputs["stdin"]))
        for name, type_ in get_type_hints(kind).items():
            assert is_of(getattr(request, name), type_), (command.name, name)


def is_of(value: Any, type_: Any) -> bool:
    """Whether a value read from JSON has the type of its field; a whole number is a float, too."""
    if type_ is float:
        return type(value) in {int, float}
    if type_ == list[str]:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if type_ == dict[str, str]:
        return isinstance(value, dict) and all(isinstance(one, str) for pair in value.items() for one in pair)
    return type(value) is type_


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({key: value for key, value in ROLLOUT.items() if key != "port"}, "missing fields: port; unknown fields: none"),
        ({**ROLLOUT, "prot": 8000}, "missing fields: none; unknown fields: prot"),
    ],
)
def test_a_field_that_is_missing_or_unknown_fails_where_the_component_is_made(
    values: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        step_input(RolloutRequest, **values)


def test_a_request_of_outputs_is_json_with_sorted_keys_and_as_secret_as_they_are(as_stack: Any) -> None:
    as_stack()
    given = {**ROLLOUT, "container": pulumi.Output.from_input("0a1b"), "secrets": [pulumi.Output.secret("TOP")]}
    text, plain = step_input(RolloutRequest, **given), step_input(RolloutRequest, **ROLLOUT)
    loop = pulumi.runtime.sync_await._ensure_event_loop()
    assert loop.run_until_complete(text.future()) == json.dumps({**ROLLOUT, "secrets": ["TOP"]}, sort_keys=True)
    assert loop.run_until_complete(text.is_secret())
    assert not loop.run_until_complete(plain.is_secret())


def test_what_a_request_declares_as_secret_is_in_none_of_its_representations() -> None:
    bucket = MakeBucketRequest(
        container="0a1b",
        endpoint_url="http://127.0.0.1:9000",
        region="us-east-1",
        access_key="KEY",
        secret_key="TOP",
        bucket="media",
        public=True,
        origins=[],
    )
    assert bucket.secret_values() == ["KEY", "TOP"]
    assert "TOP" not in repr(bucket)
    release = ReleaseRequest(
        image="sha256:0a1b",
        environment={"DOMAIN": "localhost", "SECRET_KEY": "TOP"},
        secret_names=["SECRET_KEY"],
        commands=[],
        name="release",
        web="web",
        network="network",
        volumes={},
        labels={},
        timeout=60,
    )
    assert release.secret_values() == ["TOP"]
    assert "TOP" not in repr(release)


@pytest.mark.parametrize("module", ["infra.steps", "infra.local.requests", "infra.cloud.requests"])
def test_a_request_costs_no_heavy_import(module: str) -> None:
    heavy = "{'pulumi', 'docker', 'boto3', 'yaml'}"
    code = f"import {module}, sys; sys.exit(str({heavy} & set(sys.modules) or ''))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_no_step_imports_pulumi() -> None:
    """It would take a second of each step."""
    steps = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in ROOT.glob("infra/*/steps/*.py")]
    assert len(steps) > 10
    code = f"import {', '.join(steps)}, sys; sys.exit('pulumi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


STEP = """
import sys
from dataclasses import dataclass, field
from infra.steps import SECRET, RedactedOutput, StepRequest, quoted, read_request

@dataclass(frozen=True, kw_only=True)
class Request(StepRequest):
    secrets: list[str] = field(repr=False, metadata=SECRET)

output = RedactedOutput(read_request(Request).secret_values(), 5)
output.feed("\\u2713 Gr\\u00f6\\u00dfe, keys1234567890abc\\n".encode())
sys.exit("failed:" + quoted(output.last_lines()))
"""


@pytest.mark.report("hashicorp-vault-plugin#182")
@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
    ids=str,
)
def test_marks_that_the_locale_lacks_end_no_release(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STEP],
        input=json.dumps({"secrets": ["keys1234567890abc"]}).encode(),
        capture_output=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert done.stdout.decode() == "✓ Größe, [secret]\n"
    assert done.stderr.decode().strip() == "failed: Its last lines:\n  | ✓ Größe, [secret]"
