"""The step makes the bucket once, says who reads it, and tells a server that is out of reach from one that starts."""

import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from docker.errors import APIError

from infra.local.steps import make_bucket as step
from tests.http_server import Reply, serving
from tests.infra.local.steps.conftest import Run
from tests.infra.local.steps.engine import Container, Engine
from tests.ports import free_ports

LISTED = "<ListAllMyBucketsResult><Buckets>{}</Buckets></ListAllMyBucketsResult>"
HEALTH = ["CMD", "wget", "http://127.0.0.1/health"]


class Server:
    """An S3 server that keeps what it was asked to change: method, path with its query, body."""

    def __init__(self, *buckets: str, refuses: bool = False) -> None:
        self.buckets, self.refuses = buckets, refuses
        self.changes: list[tuple[str, str, str]] = []
        self.url = ""

    def answer(self, request: Any) -> Reply:
        if request.path == "/health":
            return Reply(200, "text/plain", "OK")
        if request.method == "GET":
            names = "".join(f"<Bucket><Name>{name}</Name></Bucket>" for name in self.buckets)
            return Reply(200, "application/xml", LISTED.format(names))
        if self.refuses:
            return Reply(403, "application/xml", "<Error><Code>AccessDenied</Code></Error>")
        self.changes.append((request.method, request.path, request.body.decode()))
        return Reply(200, "application/xml", "")


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    with serving(running.answer) as port:
        running.url = f"http://127.0.0.1:{port}"
        yield running


def asked(url: str, *, public: bool = False) -> dict[str, Any]:
    return {
        "container": "media-id",
        "endpoint_url": url,
        "region": "us-east-1",
        "access_key": "ACCESS-KEY",
        "secret_key": "SECRET-KEY",
        "bucket": "media",
        "public": public,
        "origins": ["http://localhost:8000"],
    }


def places(server: Server) -> list[tuple[str, str]]:
    return [(method, path) for method, path, _ in server.changes]


def test_a_private_bucket_is_made_without_a_policy_and_with_cors_for_the_sites_pages(run: Run, server: Server) -> None:
    assert run("make_bucket", asked(server.url), Engine(Container("media"))) == (0, "", "")
    assert places(server) == [("PUT", "/media"), ("DELETE", "/media?policy"), ("PUT", "/media?cors")]
    rule = {node.tag.rpartition("}")[2]: node.text for node in ElementTree.fromstring(server.changes[2][2])[0]}
    assert (rule["AllowedOrigin"], rule["AllowedHeader"], rule["MaxAgeSeconds"]) == (
        "http://localhost:8000",
        "*",
        "3600",
    )
    methods = [
        node.text for node in ElementTree.fromstring(server.changes[2][2])[0] if node.tag.endswith("AllowedMethod")
    ]
    assert methods == ["GET", "HEAD"], "pages read; whoever writes does so through the app"


def test_everybody_reads_objects_of_a_public_bucket_and_does_nothing_else(run: Run, server: Server) -> None:
    run("make_bucket", asked(server.url, public=True), Engine(Container("media")))
    (policy,) = [json.loads(body) for method, path, body in server.changes if path == "/media?policy"]
    assert policy == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "PublicRead",
                "Effect": "Allow",
                "Principal": "*",
                "Action": ["s3:GetObject"],
                "Resource": ["arn:aws:s3:::media/*"],
            }
        ],
    }


def test_the_server_is_spoken_to_as_one_of_this_machine(
    run: Run, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers within milliseconds; five tries are for one that has just started. A proxy can't reach it."""
    made: list[dict[str, Any]] = []

    def client(service: str, **options: Any) -> Any:
        made.append(options)
        return real(service, **options)

    real = step.boto3.client
    monkeypatch.setattr(step.boto3, "client", client)
    run("make_bucket", asked(server.url), Engine(Container("media")))
    [options] = made
    config = options.pop("config")
    assert options == {
        "endpoint_url": server.url,
        "region_name": "us-east-1",
        "aws_access_key_id": "ACCESS-KEY",
        "aws_secret_access_key": "SECRET-KEY",
    }
    assert (config.connect_timeout, config.read_timeout) == (5, 10)
    assert config.retries["total_max_attempts"] == 1 + 5
    assert (config.signature_version, config.s3, config.proxies) == ("s3v4", {"addressing_style": "path"}, {})


def test_a_server_that_starts_has_a_minute(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[tuple[str, float, list[str]]] = []

    def wait(container: Any, what: str, missing: Any, seconds: float, secrets: list[str]) -> None:
        waited.append((what, seconds, secrets))

    monkeypatch.setattr(step, "wait", wait)
    run("make_bucket", asked(server.url), Engine(Container("media")))
    assert waited == [("The S3 server", 60, ["ACCESS-KEY", "SECRET-KEY"])]


def test_a_bucket_that_is_there_is_not_made_again(run: Run, server: Server) -> None:
    server.buckets = ("media", "other")
    run("make_bucket", asked(server.url), Engine(Container("media")))
    assert ("PUT", "/media") not in places(server)


def test_a_refusal_is_told_with_the_servers_own_words(run: Run, server: Server) -> None:
    server.refuses = True
    status, _, error = run("make_bucket", asked(server.url), Engine(Container("media")))
    assert status == 1
    assert error.startswith("The S3 server did not make the bucket media: ")
    assert "AccessDenied" in error


@pytest.mark.parametrize(
    ("test", "health", "out_of_reach"),
    [(HEALTH, 0, True), (HEALTH, 1, False), (["NONE"], 0, False), (["CMD-SHELL", "true"], 0, False)],
)
def test_a_server_that_is_well_in_its_container_only_is_out_of_reach(
    test: list[str], health: int, out_of_reach: bool
) -> None:
    """Otherwise it is still starting, and is waited for."""
    container = Container("media", program=lambda command, environment: (health, b""))
    container.attrs["Config"]["Healthcheck"] = {"Test": test}
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    if out_of_reach:
        with pytest.raises(SystemExit, match=f"ready in its container, but from here {url}/health answers nothing"):
            step.missing_here(lambda: container, url)
        assert container.executed == [(HEALTH[1:], {})]
    else:
        assert step.missing_here(lambda: container, url).startswith(f"{url}/health answers nothing")


def test_a_container_that_does_not_run_yet_is_waited_for() -> None:
    def stopped(command: list[str], environment: dict[str, str]) -> tuple[int, bytes]:
        raise APIError("409", explanation="container is not running")

    container = Container("media", program=stopped)
    container.attrs["Config"]["Healthcheck"] = {"Test": HEALTH}
    (port,) = free_ports(1)
    assert "answers nothing" in step.missing_here(lambda: container, f"http://127.0.0.1:{port}")


def test_a_server_that_started_a_moment_after_the_first_request_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its health check inside takes a moment, in which the server may have begun to listen outside, too."""
    answers = iter(["http://127.0.0.1/health answers nothing (refused)", ""])
    monkeypatch.setattr(step, "unanswered", lambda url: next(answers))
    container = Container("media")
    container.attrs["Config"]["Healthcheck"] = {"Test": HEALTH}
    assert step.missing_here(lambda: container, "http://127.0.0.1") == ""


def test_a_server_that_refuses_is_not_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "unanswered", lambda url: f"{url} answers 503")
    container = Container("media")
    container.attrs["Config"]["Healthcheck"] = {"Test": HEALTH}
    assert step.missing_here(lambda: container, "http://127.0.0.1") == "http://127.0.0.1/health answers 503"
    assert container.executed == []
