"""The index page's count of pictures comes from the cache, and from the database where the cache can't say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from gallery import count
from gallery.models import Picture

from tests.app.conftest import picture
from tests.app.gallery.conftest import send

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("local")]


@pytest.fixture(autouse=True)
def _fresh(settings: Any) -> Iterator[None]:
    cache.clear()
    yield
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()


def counts(client: Client) -> int:
    """How often the database counts for a visit of the index page."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/").status_code == 200
    return sum("COUNT(" in query["sql"].upper() for query in queries)


def headline(client: Client) -> str:
    return client.get("/").content.decode().partition("<h1>")[2].partition("</h1>")[0]


def test_the_database_counts_once(visitor: Client) -> None:
    send(visitor, picture())
    assert [counts(visitor) for _ in range(3)] == [1, 0, 0]


def test_an_upload_and_a_deletion_are_counted_at_once(visitor: Client) -> None:
    assert headline(visitor) == "No pictures yet"
    for expected in ("1 picture", "2 pictures"):
        send(visitor, picture())
        assert headline(visitor) == expected
    visitor.post(f"/pictures/{Picture.objects.first().pk}/delete/")
    assert headline(visitor) == "1 picture"
    visitor.post(f"/pictures/{Picture.objects.first().pk}/delete/")
    assert headline(visitor) == "No pictures yet"


def test_where_each_process_has_a_cache_of_its_own_an_upload_to_another_one_is_shown(
    visitor: Client, member: Any
) -> None:
    """The other process's upload is a row that this one's cache has heard nothing of."""
    send(visitor, picture())
    assert headline(visitor) == "1 picture"
    known = cache.get(count.KEY)
    Picture.objects.create(title="There", owner=member, image=SimpleUploadedFile("a.png", picture()))
    cache.set(count.KEY, known)
    assert headline(visitor) == "2 pictures"
    assert 'alt="There"' in visitor.get("/").content.decode()


def test_what_another_process_deleted_is_counted_a_minute_later(visitor: Client) -> None:
    for _ in range(3):
        send(visitor, picture())
    headline(visitor)
    known = cache.get(count.KEY)
    Picture.objects.last().delete()
    cache.set(count.KEY, known, count.LIFE)
    assert headline(visitor) == "3 pictures"
    cache.delete(count.KEY)
    assert headline(visitor) == "2 pictures"


def test_while_the_cache_is_away_the_site_serves(
    visitor: Client, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """With the stack's own backend, and no server where it looks for one."""
    from django_stack.cache_url import cache as of_url

    settings.CACHES = {"default": of_url("redis://127.0.0.1:9/1")}
    send(visitor, picture())
    assert [headline(visitor), headline(visitor)] == ["1 picture", "1 picture"]
    visitor.post(f"/pictures/{Picture.objects.first().pk}/delete/")
    assert headline(visitor) == "No pictures yet"
    assert any(record.name == "django_stack.caches" for record in caplog.records), "the cache was asked"
