"""A version gets into the stack's own repository: it is there, another stack's has it, or this machine's engine."""

from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from infra.cloud import versions
from infra.cloud.registry import RegistryError
from tests.infra.cloud.fake_aws import Answer, FakeAWS, RefusalError
from tests.infra.cloud.registries import Registry, serving
from tests.infra.cloud.steps.conftest import Run

TAG = "0123456789ab"
OWN, OTHER = "shop/live", "shop/staging"
ASKED: dict[str, Any] = {
    "repository": OWN,
    "tag": TAG,
    "others": [{"repository": OTHER, "region": "eu-west-1", "profile": ""}],
    "region": "us-east-1",
    "profile": "",
}


def copy(run: Run) -> tuple[int, str, str]:
    return run("infra.cloud.steps.copy_image", ASKED)


@pytest.fixture
def registry(aws: FakeAWS, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry, as ECR knows it too, and an engine without images."""
    made = Registry()
    made.repository(OWN)
    made.repository(OTHER)

    def describe_images(request: dict[str, Any]) -> Answer:
        digest = made.tags[request["repositoryName"]].get(TAG)
        if not digest:
            raise RefusalError("ImageNotFoundException")
        return {"imageDetails": [{"imageDigest": digest}]}

    aws.on("DescribeImages", describe_images)
    aws.on("DescribeRepositories", lambda request: made.describe_repositories(request["repositoryNames"]))
    aws.on("GetAuthorizationToken", made.get_authorization_token())
    with_images(monkeypatch)
    with ExitStack() as end:
        end.enter_context(serving(made))
        yield made


def with_images(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """What this machine's engine has."""
    images = [{"RepoTags": [name], "Id": "sha256:here", "Size": 1, "Created": 1} for name in names]
    engine = SimpleNamespace(api=SimpleNamespace(images=lambda filters: images))
    monkeypatch.setattr(versions, "endpoint", SimpleNamespace(client=lambda timeout: engine))


def test_a_version_that_is_there_is_its_digest_and_nothing_is_copied(run: Run, registry: Registry) -> None:
    registry.tags[OWN][TAG] = digest = registry.image(OWN, b"layer")
    assert copy(run) == (0, f"{digest}\n", "")
    assert not registry.asked


def test_another_stacks_version_is_copied_with_its_digest(run: Run, registry: Registry) -> None:
    registry.tags[OTHER][TAG] = digest = registry.image(OTHER, b"layer")
    status, output, _ = copy(run)
    assert (status, output) == (0, f"{digest}\n")
    assert registry.tags[OWN] == {TAG: digest}
    assert registry.blobs[OWN] == registry.blobs[OTHER]


def test_a_version_of_this_machine_is_pushed_as_it_is(
    run: Run, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_images(monkeypatch, f"shop/local:{TAG}")
    pushed: list[Any] = []

    def push(ecr: Any, request: Any) -> None:
        pushed.append(request)
        registry.tags[OWN][TAG] = "sha256:pushed"

    monkeypatch.setattr(versions, "push", push)
    assert copy(run)[:2] == (0, "sha256:pushed\n")
    (request,) = pushed
    assert (request.image, request.tag) == ("sha256:here", TAG)
    assert request.url == f"127.0.0.1:{registry.port}/{OWN}"


def test_an_account_that_can_not_be_asked_does_not_have_it(
    aws: FakeAWS, run: Run, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.on("DescribeImages", RefusalError("ImageNotFoundException"), RefusalError("AccessDeniedException"))
    status, _, error = copy(run)
    assert status == 1
    assert f"The version {TAG} is nowhere any more." in error


def test_a_refusal_of_the_stacks_own_account_is_said(aws: FakeAWS, run: Run, registry: Registry) -> None:
    aws.on("DescribeImages", RefusalError("AccessDeniedException", "not authorized"))
    assert "your credentials lack a permission" in copy(run)[2]


def test_another_digest_after_the_copy_is_no_success(
    run: Run, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.tags[OTHER][TAG] = digest = registry.image(OTHER, b"layer")

    def other(*_: Any) -> None:
        registry.tags[OWN][TAG] = "sha256:other"

    monkeypatch.setattr(versions, "copy", other)
    status, output, error = copy(run)
    assert (status, output) == (1, "")
    assert f"{OWN} has sha256:other under {TAG}, where it should have {digest}." in error


def test_what_the_registry_refuses_is_said(run: Run, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.tags[OTHER][TAG] = registry.image(OTHER, b"layer")

    def refuse(*_: Any) -> None:
        raise RegistryError("The registry refuses POST blobs/uploads/ (403): no")

    monkeypatch.setattr(versions, "copy", refuse)
    assert copy(run) == (1, "", "The registry refuses POST blobs/uploads/ (403): no\n")
