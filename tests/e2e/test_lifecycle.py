"""Stacks that come and go: data outlives them, neighbours don't notice, and what is missing comes back."""

import pytest

from tests.e2e.media import fetch
from tests.e2e.stacks import Stack, database_password
from tests.e2e.visitors import Visitor, picture_url

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]


def test_destroy_keeps_the_data_and_the_neighbour(development: Stack, serving: Stack) -> None:
    picture = fetch(Visitor(development).upload("Kept through destroy")).content
    before = development.outputs()
    neighbour = serving.ids()
    volumes = {volume.name for volume in development.volumes()} - {f"{development.prefix}-maintenance"}
    assert volumes == {f"{development.prefix}-database", f"{development.prefix}-media"}
    try:
        development.destroy()
        assert development.containers() == []
        assert development.networks() == []
        assert {volume.name for volume in development.volumes()} == volumes
        assert serving.ids() == neighbour
        assert serving.get("/healthz/ready").status_code == 200
    finally:
        development.up()

    url = picture_url(development.get().text, "Kept through destroy")
    assert fetch(url).content == picture
    after = development.outputs()
    assert database_password(after["DATABASE_URL"]) != database_password(before["DATABASE_URL"])
    assert after["SECRET_KEY"] != before["SECRET_KEY"]
    assert serving.ids() == neighbour
    Visitor(development)  # the user is there as well


def test_containers_removed_or_stopped_by_hand_come_back(serving: Stack) -> None:
    before = serving.ids()
    serving.container("web").remove(force=True)
    serving.container("media").stop(timeout=2)
    serving.up("--refresh")
    serving.wait_until_ready()
    after = serving.ids()
    assert set(after) == set(before)
    assert after[f"{serving.prefix}-web"] != before[f"{serving.prefix}-web"]
    assert after[f"{serving.prefix}-database"] == before[f"{serving.prefix}-database"]
    assert {container.status for container in serving.containers()} == {"running"}
    assert fetch(Visitor(serving).upload("After the repair")).status_code == 200
    serving.up("--expect-no-changes")


def test_the_site_recovers_by_itself_when_postgresql_and_the_s3_server_are_made_anew(serving: Stack) -> None:
    Visitor(serving).upload("Kept through a new PostgreSQL")
    before = serving.ids()
    serving.container("database").remove(force=True)
    serving.container("media").remove(force=True)
    assert serving.get("/healthz/ready").status_code == 503
    assert "$ python manage.py migrate --noinput" in serving.up("--refresh").stdout  # it may be an empty database
    serving.wait_until_ready()
    after = serving.ids()
    assert after[f"{serving.prefix}-database"] != before[f"{serving.prefix}-database"]
    assert after[f"{serving.prefix}-web"] == before[f"{serving.prefix}-web"]
    url = picture_url(serving.get().text, "Kept through a new PostgreSQL")
    assert fetch(url).status_code == 200
