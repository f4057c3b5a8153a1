"""An image goes from one repository to another byte by byte: by mounts in one registry, through here between two."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from infra.cloud.registry import RegistryError, Repository, copy
from tests.infra.cloud.registries import INDEX, Registry, serving

LAYERS = b"a layer", b"x" * 3_000_000
STAGING, LIVE = "shop/staging", "shop/live"


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()
    made.repository(STAGING)
    made.repository(LIVE)
    with serving(made):
        yield made


@pytest.mark.parametrize("mounts", [True, False])
def test_the_copy_has_the_same_digest_and_every_blob(registry: Registry, mounts: bool) -> None:
    registry.mounts = mounts
    digest = registry.image(STAGING, *LAYERS)
    copy(Repository(registry, STAGING), Repository(registry, LIVE), digest, "0123456789ab")
    assert registry.tags[LIVE] == {"0123456789ab": digest}
    assert registry.manifests[LIVE] == registry.manifests[STAGING]
    assert registry.blobs[LIVE] == registry.blobs[STAGING]
    fetched = [line for line in registry.asked if line.startswith("GET") and "/blobs/" in line]
    assert len(fetched) == (0 if mounts else 3), "what is mounted doesn't come through this machine"


def test_a_second_copy_sends_no_blob(registry: Registry) -> None:
    digest = registry.image(STAGING, *LAYERS)
    for _ in range(2):
        registry.asked.clear()
        copy(Repository(registry, STAGING), Repository(registry, LIVE), digest, "0123456789ab")
    assert not [line for line in registry.asked if "uploads" in line]


def test_another_registry_is_never_asked_to_mount(registry: Registry) -> None:
    with ExitStack() as end:
        other = Registry()
        other.repository(LIVE)
        end.enter_context(serving(other))
        digest = registry.image(STAGING, *LAYERS)
        copy(Repository(registry, STAGING), Repository(other, LIVE), digest, "0123456789ab")
        assert other.tags[LIVE] == {"0123456789ab": digest}
        assert other.blobs[LIVE] == registry.blobs[STAGING]
        assert not [line for line in other.asked if "mount=" in line]


def test_an_index_comes_with_the_images_that_it_lists(registry: Registry) -> None:
    child = registry.image(STAGING, *LAYERS)
    index = json.dumps({"manifests": [{"digest": child}]}).encode()
    digest = registry.put(STAGING, index, INDEX)
    copy(Repository(registry, STAGING), Repository(registry, LIVE), digest, "0123456789ab")
    assert registry.manifests[LIVE] == registry.manifests[STAGING]
    assert registry.tags[LIVE] == {"0123456789ab": digest}


def test_a_manifest_of_another_digest_is_refused_before_anything_is_stored(registry: Registry) -> None:
    digest = registry.image(STAGING, *LAYERS)
    registry.manifests[STAGING][digest] = registry.manifests[STAGING][digest][0] + b" ", INDEX
    with pytest.raises(RegistryError, match=f"where it should have {digest}"):
        copy(Repository(registry, STAGING), Repository(registry, LIVE), digest, "0123456789ab")
    assert not registry.blobs[LIVE]


def test_what_the_registry_refuses_is_said_in_its_words(registry: Registry) -> None:
    digest = registry.image(STAGING, *LAYERS)
    del registry.manifests[STAGING][digest]
    with pytest.raises(RegistryError, match=r"refuses GET manifests/.* \(404\): MANIFEST_UNKNOWN to the registry"):
        copy(Repository(registry, STAGING), Repository(registry, LIVE), digest, "0123456789ab")


def test_a_registry_that_is_gone_is_said(registry: Registry) -> None:
    with ExitStack() as end:
        gone = Registry()
        end.enter_context(serving(gone))
    with pytest.raises(RegistryError, match=r"The registry 127\.0\.0\.1:\d+ can't be reached"):
        Repository(gone, STAGING).manifest("sha256:0")
