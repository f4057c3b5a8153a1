"""What the tests of the aws plugin share: the emulator, and a resource's life as the engine leads it."""

import io
import os
import re
import threading
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self

import moto.settings
from aws_samples import SAMPLES
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from django_stack_plugins.aws import TYPES
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.session import Session
from django_stack_plugins.resource import Operation, Stop
from django_stack_plugins.values import Change, Properties, reveal

ACCOUNT, REGION = "123456789012", "eu-central-1"
KINDS = {kind.__name__: kind for kind in TYPES}


class _Quiet(WSGIRequestHandler):
    """No line a request."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Says nothing."""


class Emulator:
    """moto's server on a free port; `asked` are the calls it got, `instead` what is put in the place of its answers."""

    def __init__(self) -> None:
        moto.settings.ACM_VALIDATION_WAIT = 1  # seconds until a certificate is issued
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.asked: list[str] = []
        self.instead: list[tuple[bytes, bytes, int]] = []

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which the SDKs find it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "key",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._server.shutdown()

    def reset(self) -> None:
        """Empty the account."""
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")).close()
        self.asked.clear()
        self.instead.clear()

    def put(self, text: str, instead_of: str, times: int) -> None:
        """Change the next answers that have this text: AWS takes its time, moto doesn't."""
        self.instead.append((instead_of.encode(), text.encode(), times))

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        action = re.search(rb"(?:^|&)Action=(\w+)", body)
        by_path = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        self.asked.append(target or (action[1].decode() if action else by_path))
        head: list[Any] = []
        answer = b"".join(self._app(environ, lambda *arguments: head.append(arguments)))
        for index, (old, new, times) in enumerate(self.instead):
            if times and old in answer:
                answer, self.instead[index] = answer.replace(old, new), (old, new, times - 1)
        status, headers = head[0][:2]
        fixed = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start_response(status, [*fixed, ("Content-Length", str(len(answer)))])
        return [answer]


@dataclass
class Thing:
    """A resource that was made: its type, what the program says, its id and state."""

    kind: AWSResource
    inputs: Properties
    id: str
    state: Properties
    operation: Operation

    def read(self) -> Properties | None:
        return reveal(self.kind.read(self.operation, self.id, self.state, self.kind.complete(self.inputs)))  # type: ignore[no-any-return]

    def changes(self, **news: Any) -> list[Change]:
        """What differs between what AWS has and what the program says, or would say with these inputs."""
        real = {key: value for key, value in (self.read() or {}).items() if key in self.kind.inputs}
        return self.kind.diff(real, _without_none({**self.inputs, **news}))

    def update(self, **news: Any) -> Properties:
        """Change the inputs; None takes one away."""
        inputs = _without_none({**self.inputs, **news})
        self.state = reveal(self.kind.update(self.operation, self.id, self.state, self.kind.complete(inputs)))
        self.inputs = inputs
        return self.state

    def delete(self) -> None:
        self.kind.delete(self.operation, self.id, self.state)


def _without_none(inputs: Properties) -> Properties:
    return {key: value for key, value in inputs.items() if value is not None}


class Account:
    """An account of the emulator's, and the plugin's types with it."""

    def __init__(self, session: Session, emulator: Emulator) -> None:
        self.session, self.emulator = session, emulator
        self._samples: dict[str, Thing] = {}
        self.others: dict[str, str] = {}

    def zone(self, name: str) -> str:
        """The id of a hosted zone."""
        if name not in self.others:
            zone = self.ask("route53", "CreateHostedZone", Name=name, CallerReference=name)["HostedZone"]
            self.others[name] = str(zone["Id"]).rpartition("/")[2]
        return self.others[name]

    def operation(self, kind: AWSResource, name: str = "thing", timeout: float = 0) -> Operation:
        urn = f"urn:pulumi:stack::project::{kind.token}::{name}"
        return Operation(urn, Stop(), lambda *arguments, **options: None, timeout)

    def make(self, kind_name: str, inputs: Properties, *, name: str = "thing", timeout: float = 0) -> Thing:
        """Check and make a resource as the engine does."""
        kind = KINDS[kind_name](self.session)
        operation = self.operation(kind, name, timeout)
        checked, failures = kind.check(operation.urn, {}, inputs, b"seed")
        assert not failures, failures
        resource_id, state = kind.create(operation, kind.complete(checked))
        return Thing(kind, inputs, resource_id, reveal(state), operation)

    def sample(self, kind_name: str, **inputs: Any) -> Thing:
        """The test's one resource of this type, with others that it needs; `inputs` are instead of the usual ones."""
        if kind_name not in self._samples:
            self._samples[kind_name] = self.make(kind_name, {**SAMPLES[kind_name](self), **inputs})
        return self._samples[kind_name]

    def other(self, kind_name: str) -> Thing:
        """Another one like the sample."""
        return self.make(kind_name, SAMPLES[kind_name](self))

    def ask(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        """A call of the API, beside the plugin."""
        return self.session.call(service, operation, request)
