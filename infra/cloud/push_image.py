"""Pushes an image to ECR unless its tag is there already, and prints its digest as the last line. Run by local.Command.

Request: {image: id on this machine's engine, built_by: URN, repository: name, url, tag, region, profile}
"""

import base64
import sys
from collections.abc import Mapping
from typing import Any

from docker.errors import DockerException, ImageNotFound

from infra import endpoint
from infra.cloud.aws import AWSError, client, plain_words
from infra.programs import request
from infra.redaction import hide


class PushError(Exception):
    """An image that isn't in the registry; the message says why and what to do."""


def main() -> None:
    """Exit status 0 when the tag is in the repository, else 1 with the reason on standard error."""
    asked = request()
    try:
        with plain_words():
            ecr = client("ecr", asked)
            digest = find(ecr, asked)
            if digest is None:
                push(ecr, asked)
                digest = find(ecr, asked)
    except (AWSError, PushError) as error:
        sys.exit(str(error))
    if digest is None:
        sys.exit(f"The image was pushed, but {asked['repository']} doesn't have the tag {asked['tag']}.")
    print(digest)


def find(ecr: Any, asked: Mapping[str, Any]) -> str | None:
    """The digest of the image that has the tag, `sha256:…`, or None."""
    try:
        answer = ecr.describe_images(repositoryName=asked["repository"], imageIds=[{"imageTag": asked["tag"]}])
    except ecr.exceptions.ImageNotFoundException:
        return None
    digest: str = answer["imageDetails"][0]["imageDigest"]
    return digest


def push(ecr: Any, asked: Mapping[str, Any]) -> None:
    """Pushes from this machine's engine, with progress on standard error. No password is kept anywhere."""
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    hide([token, password])
    try:
        engine = endpoint.client(timeout=600)
        engine.images.get(asked["image"]).tag(asked["url"], asked["tag"])
        lines = engine.images.push(
            asked["url"], asked["tag"], auth_config={"username": user, "password": password}, stream=True, decode=True
        )
        for line in lines:
            if "error" in line:
                raise PushError(f"The image could not be pushed to {asked['url']}: {line['error']}")
            if line.get("status") in {"Pushed", "Layer already exists"}:
                print(f"{line.get('id', '')}: {line['status']}", file=sys.stderr, flush=True)
    except ImageNotFound:
        raise PushError(
            f"The image {asked['image']} was built on another machine and is neither here nor in the registry. "
            f"Fix: pulumi up -s {asked['built_by'].split(':')[2]} --replace '{asked['built_by']}'"
        ) from None
    except DockerException as error:
        raise PushError(f"The image could not be pushed to {asked['url']}: {error}") from None


if __name__ == "__main__":
    main()
