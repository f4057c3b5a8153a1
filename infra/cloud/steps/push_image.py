"""Pushes an image to ECR unless its tag is already there, and prints its digest last. Run by local.Command."""

import sys
from typing import Any

from infra.cloud.aws import AWSError, client, explain_errors
from infra.cloud.push import PushError, push
from infra.cloud.requests import PushImageRequest
from infra.steps import read_request


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


if __name__ == "__main__":
    main()
