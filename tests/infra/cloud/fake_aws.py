"""A server that answers ECS, EC2, ECR, RDS and others as a test scripts it, and keeps what it was asked.

It remains beside the rehearsal for answers that the emulator can't be brought to give: a throttled or refused call, a
task that ECS loses, no capacity, a log that is late, an event that AWS words in its own way, a subnet of another stack.
moto doesn't do here: its tasks always end with exit code 0, and it knows neither stopCode nor circuit breaker.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import pytest
from botocore.loaders import JSONFileLoader
from botocore.retries.standard import ExponentialBackoff

from tests.http_server import Reply, Request, serving

EC2 = "2016-11-15"  # the version of its protocol
Answer = dict[str, Any]
SERVICES = (
    *("ECS", "CLOUDWATCH_LOGS", "EC2", "ECR", "ELASTICACHE", "FREETIER", "RDS", "SECRETS_MANAGER", "SERVICE_QUOTAS"),
    *("SSM", "STS"),
)


class RefusalError(Exception):
    """An error of AWS: its code, its words, and the HTTP status."""

    def __init__(self, code: str, words: str = "", status: int = 400) -> None:
        super().__init__(code)
        self.code, self.words, self.status = code, words, status


Scripted = Answer | RefusalError | Callable[[dict[str, Any]], Answer]


class FakeAWS:
    """`on("RunTask", first, then, …)` scripts an operation, with answers, refusals or functions; the last one stays."""

    def __init__(self) -> None:
        self.script: dict[str, list[Scripted]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.lock = threading.Lock()
        self.url = ""

    def on(self, operation: str, *answers: Scripted) -> None:
        self.script[operation] = list(answers)

    def asked(self, operation: str) -> list[dict[str, Any]]:
        """The requests of an operation so far."""
        return [request for name, request in self.calls if name == operation]

    def answer(self, operation: str, request: dict[str, Any]) -> Answer:
        with self.lock:
            self.calls.append((operation, request))
            answers = self.script.get(operation)
            if not answers:
                raise RefusalError("UnscriptedOperation", f"the test has no answer to {operation}")
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, RefusalError):
            raise answer
        return answer(request) if callable(answer) else answer

    @property
    def environment(self) -> dict[str, str]:
        """What makes boto3 talk to this server, with keys that are nobody's."""
        return {
            **{f"AWS_ENDPOINT_URL_{service}": self.url for service in SERVICES},
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


_read = cache(JSONFileLoader()._load_file)


@contextmanager
def fake_aws() -> Iterator[FakeAWS]:
    """The server, listening on a free port of the loopback.

    Clients in this process are quick: AWS's models are read once for all, a throttled call is tried again in no time.
    """
    fake = FakeAWS()

    def answer(request: Request) -> Reply:
        target = request.headers["X-Amz-Target"]
        return _query(fake, request.body) if target is None else _json(fake, target.rpartition(".")[2], request.body)

    with serving(answer) as port, pytest.MonkeyPatch.context() as patch:
        fake.url = f"http://127.0.0.1:{port}"
        patch.setattr(JSONFileLoader, "_load_file", lambda self, *arguments: _read(*arguments))
        patch.setattr(ExponentialBackoff, "delay_amount", lambda self, context: 0.01)
        yield fake


def _json(fake: FakeAWS, operation: str, body: bytes) -> Reply:
    """Answers in the protocol of ECS, CloudWatch Logs and ECR."""
    kind = "application/x-amz-json-1.1"
    try:
        return Reply(200, kind, json.dumps(fake.answer(operation, json.loads(body))))
    except RefusalError as refusal:
        return Reply(refusal.status, kind, json.dumps({"__type": refusal.code, "message": refusal.words}))


def _query(fake: FakeAWS, body: bytes) -> Reply:
    """Answers in the older query protocol, which RDS and STS speak, and with less around the answer EC2."""
    asked = dict(parse_qsl(body.decode()))
    action = asked["Action"]
    try:
        answer = fake.answer(action, asked)
        result = answer if asked["Version"] == EC2 else {f"{action}Result": answer}
        return Reply(200, "text/xml", _xml({f"{action}Response": result}))
    except RefusalError as refusal:
        error = {"Type": "Sender", "Code": refusal.code, "Message": refusal.words}
        return Reply(refusal.status, "text/xml", _xml({"ErrorResponse": {"Error": error}}))


def _xml(value: Any) -> str:
    """The value as the query protocol has it: an entry of the list `Things` is a `Thing`."""
    if not isinstance(value, dict):
        return escape(str(value))
    return "".join(
        f"<{key}>{''.join(_xml({key.removesuffix('s'): item}) for item in entry)}</{key}>"
        if isinstance(entry, list)
        else f"<{key}>{_xml(entry)}</{key}>"
        for key, entry in value.items()
    )
