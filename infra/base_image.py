"""How old the base image of the app is. An image that is on a machine is never pulled again by itself."""

from datetime import UTC, datetime
from typing import Any

OLD = 30  # days; Debian and Python publish fixes for security problems more often than that


def age(image: Any, now: datetime) -> int:
    """The days since the newest layer of an image (docker.models.images.Image) was made; 0 if nothing tells.

    The image's own date is not enough: official images carry the date of the Dockerfile's last change, while the layers
    below are built anew (https://github.com/docker-library/official-images, "reproducible").
    """
    seconds = [int(layer.get("Created") or 0) for layer in image.history()]
    newest = max(seconds, default=0)
    return max((now - datetime.fromtimestamp(newest, UTC)).days, 0) if newest > 0 else 0


def age_warning(name: str, days: int, stack: str) -> str:
    """What there is to say about the age; nothing while the image is young enough."""
    if days <= OLD:
        return ""
    return (
        f"python-image {name} is {days} days old, and lacks the security updates since. "
        f"Refresh: django-stack base-image -s {stack}, then pulumi up -s {stack}"
    )
