"""Pushes an image to ECR unless its tag is already there, and prints its digest last. Run by local.Command."""

import base64
import sys
from typing import Any

from docker.errors import DockerException, ImageNotFound

from infra import endpoint
from infra.cloud.aws import AWSError, client, explain_errors
from infra.cloud.requests import PushImageRequest
from infra.redaction import hide
from infra.steps import read_request


class PushError(Exception):
    """A push that failed; the message says why, and what to do."""


def main() -> None:
    """Exit status 0 when the tag is in the repository, else 1 with the reason on standard error."""
    request = read_request(PushImageRequest)
    try:
        with explain_errors():
            ecr = client("ecr", request)
            digest = find(ecr, request)
            if digest is None:
                push(ecr, request)
                digest = find(ecr, request)
    except (AWSError, PushError) as error:
        sys.exit(str(error))
    if digest is None:
        sys.exit(f"The image was pushed, but {request.repository} doesn't have the tag {request.tag}.")
    print(digest)


def find(ecr: Any, request: PushImageRequest) -> str | None:
    """The digest of the image that has the tag, `sha256:…`, or None."""
    try:
        answer = ecr.describe_images(repositoryName=request.repository, imageIds=[{"imageTag": request.tag}])
    except ecr.exceptions.ImageNotFoundException:
        return None
    digest: str = answer["imageDetails"][0]["imageDigest"]
    return digest


def push(ecr: Any, request: PushImageRequest) -> None:
    """Pushes from this machine's engine, with progress on standard error. The password is stored nowhere."""
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    hide([token, password])
    try:
        engine = endpoint.client(timeout=600)
        engine.images.get(request.image).tag(request.url, request.tag)
        lines = engine.images.push(
            request.url, request.tag, auth_config={"username": user, "password": password}, stream=True, decode=True
        )
        for line in lines:
            if "error" in line:
                raise PushError(f"The image could not be pushed to {request.url}: {line['error']}")
            if line.get("status") in {"Pushed", "Layer already exists"}:
                print(f"{line.get('id', '')}: {line['status']}", file=sys.stderr, flush=True)
    except ImageNotFound:
        raise PushError(
            f"The image {request.image} was built on another machine and is neither here nor in the registry. "
            f"Fix: pulumi up -s {request.built_by.split(':')[2]} --replace '{request.built_by}'"
        ) from None
    except DockerException as error:
        raise PushError(f"The image could not be pushed to {request.url}: {error}") from None


if __name__ == "__main__":
    main()
