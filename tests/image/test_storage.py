"""The S3 storage against the real S3 server: what the server itself must do for it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.files.base import ContentFile
from environment.storage_dsn import S3
from environment.storages import S3Media

from tests.image.services import Services

pytestmark = pytest.mark.docker

UPLOADS = 5


@pytest.mark.parametrize("size", [100, 9 * 1024 * 1024], ids=["in one request", "in parts"])
def test_uploads_of_one_name_at_the_same_moment_are_as_many_files(services: Services, size: int) -> None:
    """All have looked and found the name free, before any of them writes; so the server must refuse to overwrite."""
    endpoint = f"http://{services.address(services.media)}:9000"
    location = S3.of("media", services.key, services.secret, "us-east-1", endpoint, addressing_style="path")
    together = threading.Barrier(UPLOADS)

    class Storage(S3Media):
        waited = False

        def exists(self, name: str) -> Any:
            found = super().exists(name)
            if not self.waited:
                self.waited = True
                together.wait(30)
            return found

    contents = [bytes([number]) * size for number in range(UPLOADS)]
    with ThreadPoolExecutor(UPLOADS) as pool:
        names = list(
            pool.map(lambda content: Storage(location).save(f"same-{size}.bin", ContentFile(content)), contents)
        )
    bucket = services.bucket()
    stored = [bucket.get_object(Bucket="media", Key=name)["Body"].read() for name in names]
    assert stored == contents
    assert f"same-{size}.bin" in names
