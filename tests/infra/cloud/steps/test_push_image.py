"""An image is pushed once per content: a tag that is in the registry is taken as it is."""

import json
from typing import Any

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
