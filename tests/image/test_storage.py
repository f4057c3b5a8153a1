"""The S3 storage against the real S3 server: what the server itself must do for it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django_stack.storage_dsn import S3
from django_stack.storages import S3Media

from tests.image.services import Services

pytestmark = pytest.mark.docker

UPLOADS = 5


@pytest.fixture
def storage(services: Services) -> S3Media:
    endpoint = f"http://{services.address(services.media)}:9000"
    return S3Media(S3.of("media", services.key, services.secret, "us-east-1", endpoint, addressing_style="path"))


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


@pytest.mark.report("minio#7335")
@pytest.mark.parametrize("size", [100, 9 * 1024 * 1024], ids=["in one request", "in parts"])
@pytest.mark.parametrize(
    ("before", "name", "reason"),
    [
        ("docs", "docs/x", "its folder exists already as a file"),
        ("docs/x/y", "docs/x", "it exists already as a folder"),
        ("", "f" * 256, "longer than 255 bytes"),
        ("", "é" * 128, "longer than 255 bytes"),
        ("", "/".join("d" * 200 for _ in range(6)), "S3 allows names of 1024 bytes"),
    ],
    ids=["below a file", "above a file", "long", "long in UTF-8", "long altogether"],
)
def test_a_key_that_can_not_be_a_file_is_refused_in_one_sentence(
    services: Services, storage: S3Media, size: int, before: str, name: str, reason: str
) -> None:
    folder = f"no-file-{size}-{len(before + name)}"
    if before:
        storage.save(f"{folder}/{before}", ContentFile(b"first"))
    objects = services.objects()
    with pytest.raises(SuspiciousFileOperation) as refused:
        storage.save(f"{folder}/{name}", ContentFile(b"x" * size))
    assert str(refused.value).startswith(f"'{folder}/{name}' can't be stored: ")
    assert reason in str(refused.value)
    assert ("S3 on AWS would store it" in str(refused.value)) is (len(name) <= 1024)
    cause = refused.value.__context__
    assert cause is None or refused.value.__suppress_context__, "botocore's traceback is not shown"
    assert services.objects() == objects


@pytest.mark.parametrize(
    "name",
    [
        "f" * 255,
        "/".join("d" * 200 for _ in range(4)),
        "Case.txt",
        "case.txt",
        "\u00e9.txt",
        "e\u0301.txt",
        "a b+c%2Fd?e#f.txt",
        "\N{PILE OF POO}.txt",
        ".hidden",
        "trailing.",
    ],
    ids=ascii,
)
def test_any_other_key_is_stored_as_it_is(services: Services, storage: S3Media, name: str) -> None:
    name = f"as-it-is/{name}"
    assert storage.save(name, ContentFile(name.encode())) == name
    assert name in services.objects()
    with storage.open(name) as file:
        assert file.read() == name.encode()


def test_a_folder_goes_with_its_last_file(services: Services, storage: S3Media) -> None:
    """As in S3, where there are no folders: its name is free then."""
    storage.save("going/going/gone.txt", ContentFile(b"1"))
    storage.delete("going/going/gone.txt")
    assert storage.listdir("going") == ([], [])
    assert storage.save("going", ContentFile(b"2")) == "going"
    storage.save("empty.txt", ContentFile(b""))
    assert storage.size("empty.txt") == 0
