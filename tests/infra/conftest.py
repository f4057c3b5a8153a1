"""Runs the Pulumi program under mocks: a fresh event loop and a fresh program a test, options seen at the monitor."""

import asyncio
import json
import runpy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

import pulumi
import pulumi.runtime
import pytest
import yaml
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockMonitor, MockResourceArgs, Mocks
from pulumi.runtime.proto import source_pb2
from pulumi.runtime.stack import run_pulumi_func

from tests import ROOT
from tests.infra.cloud.made_up import answer, identity
from tests.infra.cloud.made_up import computed as computed_by_aws

DEFAULTS = {
    key: entry["default"] for key, entry in yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"].items()
}
LOCAL, CLOUD = (
    {
        key.removeprefix("django-stack:"): value
        for key, value in yaml.safe_load((ROOT / f"Pulumi.{platform}.yaml").read_text())["config"].items()
    }
    for platform in ("local", "cloud")
)
# What the gallery uses besides the site. Each has tests of its own, with what it needs on the machine.
for _beside in ("processes", "schedules", "cache", "mail"):
    del LOCAL[_beside]


@dataclass
class Registered:
    """A resource as the engine was told of it: type token, name, plain inputs, and the request with its options."""

    type: str
    name: str
    inputs: dict[str, Any]
    request: Any


@dataclass
class Run:
    """What one run of the program registered and exported; `story` has the names of infra/__main__.py."""

    resources: dict[str, Registered] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    secret_outputs: set[str] = field(default_factory=set)
    story: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Registered:
        return self.resources[name]

    def of_type(self, token: str) -> list[Registered]:
        return [resource for resource in self.resources.values() if resource.type == token]

    def env(self, name: str) -> dict[str, str]:
        return dict(entry.split("=", 1) for entry in self[name].inputs["envs"])


class _Mocks(Mocks):
    """Gives every resource an id and the outputs a provider would compute; keeps the plain inputs it was given.

    In a `preview` nothing is computed yet, as at the first `pulumi up`: ids and outputs are unknown.
    """

    def __init__(self, preview: bool) -> None:
        self.preview = preview
        self.inputs: dict[tuple[str, str], dict[str, Any]] = {}

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.inputs[args.typ, args.name] = _plain(args.inputs)
        if self.preview:
            return "", args.inputs
        if args.typ.startswith("aws:"):
            made_up = computed_by_aws(args.typ, args.name, self.inputs[args.typ, args.name])
            return identity(args.typ, args.name, self.inputs[args.typ, args.name]), args.inputs | made_up
        computed: dict[str, dict[str, Any]] = {
            "random:index/randomPassword:RandomPassword": {"result": pulumi.Output.secret(f"{args.name}-random")},
            "random:index/randomId:RandomId": {"hex": "0a1b2c3d"},
            "docker:index/remoteImage:RemoteImage": {"imageId": f"sha256:{args.name}"},
            "docker:index/image:Image": {"repoDigest": f"sha256:{args.name}"},
            "command:local:Command": {"stdout": _printed(args.name), "stderr": ""},
            "pulumi:index:Stash": {"output": args.inputs.get("input")},
        }
        return f"{args.name}-id", args.inputs | computed.get(args.typ, {})

    def call(self, args: Any) -> dict[str, Any]:
        return answer(args.token)


class _Monitor(MockMonitor):
    """The mock monitor that also keeps each request, for the options in it."""

    mocks: _Mocks

    def __init__(self, mocks: _Mocks, run: Run) -> None:
        super().__init__(mocks)
        self.run = run

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  # the protocol's name
        response = super().RegisterResource(request)
        inputs = self.mocks.inputs.get((request.type, request.name), {})
        key = request.name if request.custom else f"{request.name} (component)"
        assert key not in self.run.resources, f"two resources are called {key}"
        self.run.resources[key] = Registered(request.type, request.name, inputs, request)
        return response


def _printed(name: str) -> str:
    """What the program behind a command prints: the one that pushes the image, its digest at last."""
    return f"{name} printed" + (f"\nsha256:{'0123456789abcdef' * 4}\n" if name == "image-push" else "")


def _plain(value: Any) -> Any:
    """The value with secrets unwrapped, as a provider gets it."""
    if isinstance(value, dict):
        if value.get(rpc._special_sig_key) == rpc._special_secret_sig:
            return _plain(value["value"])
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(autouse=True)
def pulumi_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    pulumi.runtime.settings.reset_options()
    asyncio.set_event_loop(None)
    loop.close()


class Nothing(Mocks):
    """Settings and preflight register nothing, so nothing is ever asked of these."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        raise AssertionError(f"{args.name} was registered")

    def call(self, args: Any) -> dict[str, Any]:
        raise AssertionError(f"{args.token} was called")


@pytest.fixture
def as_stack(pulumi_loop: asyncio.AbstractEventLoop) -> Iterator[Callable[[], None]]:
    """Makes Pulumi's runtime believe that the stack's program runs, for code that registers nothing."""

    def begin(stack: str = "local") -> None:
        pulumi.runtime.set_mocks(Nothing(), project="django-stack", stack=stack, preview=False)

    yield begin
    pulumi_loop.run_until_complete(pulumi.runtime.stack.wait_for_rpcs())


Program = Callable[..., Run]
_runs: dict[str, Run] = {}


def write_config(
    settings: dict[str, Any] | None = None, *, secrets: tuple[str, ...] = (), platform: str = "local"
) -> None:
    """Sets a stack's config: Pulumi.yaml's defaults, its platform's stack file, what the test gives (None removes)."""
    # A cloud stack names a mail server or sends no mail on purpose; as shipped, it is refused for that.
    values = DEFAULTS | {"local": LOCAL, "cloud": {"mail": "none"} | CLOUD}[platform] | (settings or {})
    pulumi.runtime.set_all_config(
        {
            key if ":" in key else f"django-stack:{key}": value if isinstance(value, str) else json.dumps(value)
            for key, value in values.items()
            if value is not None
        },
        [f"django-stack:{key}" for key in secrets],
    )


@pytest.fixture
def set_config() -> Callable[..., None]:
    """Sets a stack's config, see `write_config`."""
    return write_config


def run_program(
    loop: asyncio.AbstractEventLoop,
    patch: pytest.MonkeyPatch,
    settings: dict[str, Any] | None = None,
    *,
    secrets: tuple[str, ...] = (),
    stack: str = "",
    platform: str = "local",
    preview: bool = False,
    misfit: str = "",
) -> Run:
    """Runs infra/__main__.py on a fresh loop with settings over a platform's own; `misfit` is postgres-image's."""
    module = import_module(f"infra.{platform}.platform")
    without_preflight = replace(module.PLATFORM, preflight=lambda settings: None)  # asks around; tested by itself
    patch.setattr(module, "PLATFORM", without_preflight)
    patch.setattr("infra.local.source.working_folder", lambda image_id: "/app")  # asks the Docker engine, as the next
    patch.setattr("infra.local.image_check.misfit", lambda engine, image_id, settings, volume: misfit)
    # Where in the program a resource was made is not asked for here, and takes a quarter of the time to find out.
    patch.setattr("pulumi.runtime.resource._get_stack_trace", source_pb2.StackTrace)
    result = Run()
    mocks = _Mocks(preview)
    pulumi.runtime.set_mocks(
        mocks, project="django-stack", stack=stack or platform, preview=preview, monitor=_Monitor(mocks, result)
    )
    root = pulumi.runtime.settings.get_root_resource()
    assert root is not None
    root.outputs = {}  # type: ignore[attr-defined]  # it is one for all runs
    write_config(settings, secrets=secrets, platform=platform)
    main = str(ROOT / "infra" / "__main__.py")
    loop.run_until_complete(run_pulumi_func(lambda: result.story.update(runpy.run_path(main))))
    for name, value in root.outputs.items():  # type: ignore[attr-defined]
        output = pulumi.Output.from_input(value)
        result.outputs[name] = loop.run_until_complete(output.future())
        if loop.run_until_complete(output.is_secret()):
            result.secret_outputs.add(name)
    return result


@pytest.fixture
def program(pulumi_loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Runs infra/__main__.py, and gives what it registered and exported.

    A fresh program for each set of arguments; tests that ask for the same one share it, to read.
    """

    def run(settings: dict[str, Any] | None = None, **more: Any) -> Run:
        asked = json.dumps([settings or {}, more], sort_keys=True)
        if asked not in _runs:
            _runs[asked] = run_program(pulumi_loop, monkeypatch, settings, **more)
        return _runs[asked]

    return run


@pytest.fixture
def cloud(program: Program) -> Program:
    """The same for the cloud platform."""

    def run(settings: dict[str, Any] | None = None, **more: Any) -> Run:
        return program(settings, platform="cloud", **more)

    return run
