"""A server that answers ECS, CloudWatch Logs, ECR, RDS and STS as a test scripts it, and keeps what it was asked.

moto doesn't do here: its tasks always end with exit code 0, and it knows neither stopCode nor circuit breaker.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import pytest
from botocore.loaders import JSONFileLoader
from botocore.retries.standard import ExponentialBackoff

Answer = dict[str, Any]
Reply = Callable[[dict[str, Any]], Answer]
SERVICES = ("ECS", "CLOUDWATCH_LOGS", "ECR", "RDS", "STS")


class RefusalError(Exception):
    """An error of AWS: its code, its words, and the HTTP status."""

    def __init__(self, code: str, words: str = "", status: int = 400) -> None:
        super().__init__(code)
        self.code, self.words, self.status = code, words, status


class FakeAWS:
    """`on("RunTask", first, then, …)` scripts an operation, with answers, refusals or functions; the last one stays."""

    def __init__(self) -> None:
        self.script: dict[str, list[Answer | RefusalError | Reply]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.lock = threading.Lock()
        self.url = ""

    def on(self, operation: str, *answers: Answer | RefusalError | Reply) -> None:
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

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the base class's name
            body = self.rfile.read(int(self.headers["Content-Length"]))
            target = self.headers.get("X-Amz-Target")
            try:
                if target is None:  # RDS and STS speak the older query protocol
                    asked = dict(parse_qsl(body.decode()))
                    action = asked["Action"]
                    answer = {f"{action}Response": {f"{action}Result": fake.answer(action, asked)}}
                    status, kind, text = 200, "text/xml", _xml(answer)
                else:
                    answer = fake.answer(target.rpartition(".")[2], json.loads(body))
                    status, kind, text = 200, "application/x-amz-json-1.1", json.dumps(answer)
            except RefusalError as refusal:
                status, kind = refusal.status, "application/x-amz-json-1.1"
                text = json.dumps({"__type": refusal.code, "message": refusal.words})
                if target is None:
                    kind = "text/xml"
                    text = (
                        f"<ErrorResponse><Error><Type>Sender</Type><Code>{refusal.code}</Code>"
                        f"<Message>{refusal.words}</Message></Error></ErrorResponse>"
                    )
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *arguments: object) -> None:
            """Says nothing: a test prints what it needs."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(JSONFileLoader, "_load_file", lambda self, *arguments: _read(*arguments))
            patch.setattr(ExponentialBackoff, "delay_amount", lambda self, context: 0.01)
            yield fake
    finally:
        server.shutdown()
        server.server_close()


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
