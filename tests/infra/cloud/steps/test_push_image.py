"""An image is pushed once per content: a tag that is in the registry is taken as it is."""

import base64
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import ImageNotFound

from infra import endpoint
from tests.infra.cloud.fake_aws import FakeAWS, RefusalError
from tests.infra.cloud.steps.conftest import Run

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
ASKED: dict[str, Any] = {
    "image": "sha256:nowhere",
    "built_by": "urn:pulumi:cloud::django-stack::docker:index/image:Image::image",
    "repository": "django-stack/cloud",
    "url": "123456789012.dkr.ecr.us-east-1.amazonaws.com/django-stack/cloud",
    "tag": "0123456789ab",
    "region": "us-east-1",
    "profile": "",
}


def push(run: Run, **environment: str) -> tuple[int, str, str]:
    return run("infra.cloud.steps.push_image", ASKED, environment)


def test_a_tag_that_is_there_gives_its_digest_and_nothing_is_built_or_pushed(aws: FakeAWS, run: Run) -> None:
    aws.on("DescribeImages", {"imageDetails": [{"imageDigest": DIGEST}]})
    assert push(run, DOCKER_HOST="unix:///nowhere") == (0, f"{DIGEST}\n", "")
    assert json.loads(json.dumps(aws.asked("DescribeImages"))) == [
        {"repositoryName": "django-stack/cloud", "imageIds": [{"imageTag": "0123456789ab"}]}
    ]


def test_an_engine_that_is_gone_is_said_plainly(aws: FakeAWS, run: Run) -> None:
    aws.on("DescribeImages", RefusalError("ImageNotFoundException"))
    aws.on("GetAuthorizationToken", {"authorizationData": [{"authorizationToken": "QVdTOnNlY3JldA=="}]})
    code, _, error = push(run, DOCKER_HOST="unix:///nowhere")
    assert code == 1
    assert "could not be pushed" in error


def test_a_missing_permission_is_said_plainly(aws: FakeAWS, run: Run) -> None:
    aws.on("DescribeImages", RefusalError("AccessDeniedException", "not authorized to perform: ecr:DescribeImages"))
    code, _, error = push(run)
    assert code == 1
    assert "AWS refuses DescribeImages, your credentials lack a permission" in error


class Registry:
    """This machine's engine, with one image, which pushes with the given lines of progress."""

    def __init__(self, *lines: dict[str, str], there: bool = True) -> None:
        self.lines, self.there = lines, there
        self.tagged: list[tuple[str, str]] = []
        self.pushed: list[dict[str, Any]] = []
        self.images = SimpleNamespace(get=self._get, push=self._push)

    def _get(self, name: str) -> Any:
        if not self.there:
            raise ImageNotFound(name)
        assert name == ASKED["image"]
        return SimpleNamespace(tag=lambda url, tag: self.tagged.append((url, tag)))

    def _push(self, url: str, tag: str, **options: Any) -> Iterator[dict[str, str]]:
        self.pushed.append({"url": url, "tag": tag, **options})
        return iter(self.lines)


TOKEN = base64.b64encode(b"AWS:the-password:of-today").decode()


@pytest.fixture
def registry(aws: FakeAWS, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    registry = Registry(
        {"id": "aaa", "status": "Preparing"},
        {"id": "aaa", "status": "Pushed"},
        {"id": "bbb", "status": "Layer already exists"},
        {"status": "digest: of the-password:of-today"},
    )
    aws.on("GetAuthorizationToken", {"authorizationData": [{"authorizationToken": TOKEN}]})
    aws.on("DescribeImages", RefusalError("ImageNotFoundException"), {"imageDetails": [{"imageDigest": DIGEST}]})
    asked_within: list[int] = []
    monkeypatch.setattr(endpoint, "client", lambda timeout: asked_within.append(timeout) or registry)
    yield registry
    assert set(asked_within) <= {600}, "a large layer may take minutes, without a word of the engine"


def test_an_image_is_pushed_under_its_tag_and_its_digest_is_all_of_the_output(run: Run, registry: Registry) -> None:
    assert push(run) == (0, f"{DIGEST}\n", "aaa: Pushed\nbbb: Layer already exists\n")
    assert registry.tagged == [(ASKED["url"], ASKED["tag"])]
    [pushed] = registry.pushed
    assert (pushed["url"], pushed["tag"], pushed["stream"], pushed["decode"]) == (
        ASKED["url"],
        ASKED["tag"],
        True,
        True,
    )
    assert pushed["auth_config"] == {"username": "AWS", "password": "the-password:of-today"}


def test_what_the_registry_refuses_is_told_without_the_password(run: Run, registry: Registry) -> None:
    registry.lines = ({"error": "denied: the-password:of-today"}, {"id": "aaa", "status": "Pushed"})
    code, out, error = push(run)
    assert (code, out) == (1, "")
    assert error.startswith(f"The image could not be pushed to {ASKED['url']}: denied: ")
    assert "Pushed" not in error


def test_an_image_of_another_machine_is_built_again_by_the_fix(run: Run, registry: Registry) -> None:
    registry.there = False
    code, _, error = push(run)
    assert code == 1
    assert f"The image {ASKED['image']} was built on another machine" in error
    assert error.endswith(f"Fix: pulumi up -s cloud --replace '{ASKED['built_by']}'\n")


def test_a_push_after_which_the_tag_is_missing_is_no_success(aws: FakeAWS, run: Run, registry: Registry) -> None:
    aws.on("DescribeImages", RefusalError("ImageNotFoundException"))
    code, out, error = push(run)
    assert (code, out) == (1, "")
    assert "The image was pushed, but django-stack/cloud doesn't have the tag 0123456789ab." in error
