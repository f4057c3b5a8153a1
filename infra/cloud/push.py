"""Pushes an image from this machine's engine to ECR."""

import base64
import sys
from typing import Any

from docker.errors import DockerException, ImageNotFound

from infra import endpoint
from infra.cloud.requests import PushImageRequest
from infra.redaction import hide


class PushError(Exception):
    """A push that failed; the message says why, and what to do."""


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
