"""Maintenance as the commands turn it on: the file of a local stack, and what other commands use."""

from __future__ import annotations

import io
import json
import tarfile
from datetime import UTC, datetime
from typing import Any

import pytest
from docker.errors import NotFound

from infra.commands.maintenance import Network
from infra.commands.operations.local_maintenance import LocalMaintenance
from infra.commands.operations.maintenance import Maintenance, maintenance_section, waits_until_seen
from tests.http_server import Reply, Request, serving

SINCE = datetime(2026, 11, 28, 10, tzinfo=UTC)


class Web:
    """A container of the web, whose files are those that were put there."""

    name = "shop-local-web"

    def __init__(self, *mounted: str) -> None:
        networks = {"shop-local": {"Gateway": "172.18.0.1", "IPv6Gateway": ""}}
        self.attrs = {
            "Mounts": [{"Destination": place} for place in mounted],
            "NetworkSettings": {"Networks": networks},
        }
        self.archive = b""

    def put_archive(self, folder: str, archive: bytes) -> bool:
        assert folder == "/data/maintenance"
        self.archive = archive
        return True

    def get_archive(self, path: str) -> tuple[list[bytes], dict[str, Any]]:
        if not self.archive:
            raise NotFound("no such file")
        assert path == "/data/maintenance/maintenance.json"
        return [self.archive[:100], self.archive[100:]], {}

    @property
    def file(self) -> Any:
        with tarfile.open(fileobj=io.BytesIO(self.archive)) as archive:
            (entry,) = archive.getmembers()
            assert (entry.name, entry.mode) == ("maintenance.json", 0o644)
            file = archive.extractfile(entry)
            assert file
            return json.loads(file.read())


def local(web: Any) -> LocalMaintenance:
    return LocalMaintenance(web, "make local")


def test_what_was_turned_on_is_found_again_and_off_is_a_file_that_says_so() -> None:
    web = Web("/data/maintenance")
    assert local(web).look() is None
    wanted = Maintenance(SINCE, "Grüezi", 60, ("203.0.113.0/24",))
    local(web).put(wanted)
    assert local(web).look() == wanted
    assert web.file["allow"] == ["203.0.113.0/24"]
    local(web).put(None)
    assert (web.file, local(web).look()) == (None, None)


@pytest.mark.parametrize("network", ["127.0.0.1", "127.0.0.0/8", "::1"])
def test_this_machine_is_let_through_by_the_address_that_docker_gives_it(network: str) -> None:
    web = Web("/data/maintenance")
    local(web).put(Maintenance(SINCE, allow=(network,)))
    assert web.file["allow"] == [network, "172.18.0.1"]
    found = local(web).look()
    assert found
    assert found.allow == (network,), "as it was asked for"


def test_a_container_from_before_there_was_maintenance_is_one_line() -> None:
    with pytest.raises(
        SystemExit, match=r"^The container shop-local-web is older than this command\. Fix: make local$"
    ):
        local(Web("/app")).put(Maintenance(SINCE))


@pytest.mark.parametrize(
    ("given", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7/32", "203.0.113.7"),
        ("203.0.113.7/24", "203.0.113.0/24"),
        (" 2001:DB8::1 ", "2001:db8::1"),
        ("2001:db8::/32", "2001:db8::/32"),
    ],
)
def test_addresses_and_networks_are_taken_in_every_form(given: str, network: str) -> None:
    assert Network().convert(given, None, None) == network


def test_the_status_has_a_line_of_it_only_while_it_is_on() -> None:
    assert maintenance_section(None) is None
    section = maintenance_section(Maintenance(SINCE, allow=("192.0.2.1",)))
    assert section
    assert section.text.startswith("on, since ")
    assert section.text.endswith(" ago, not for 192.0.2.1")
    assert section.facts["since"] == "2026-11-28T10:00:00+00:00"
    assert section.is_well, "it is meant"


def test_it_is_waited_for_until_the_site_shows_it() -> None:
    statuses = (502, 200, 503)
    answers = [Reply(status, "text/html", "") for status in statuses]
    answers.append(Reply(503, "text/html", "", {"X-Maintenance": "on"}))

    def answer(request: Request) -> Reply:
        return answers.pop(0) if len(answers) > 1 and request.path == "/" else answers[0]

    with serving(answer) as port:
        assert waits_until_seen(f"http://shop.localhost:{port}/", wanted=True)
        assert len(answers) == 1
        assert not waits_until_seen(f"http://shop.localhost:{port}/", wanted=False, seconds=0.1)


@pytest.mark.parametrize("shown_at", ["/healthz/maintenance", "/"])
def test_it_is_seen_by_who_is_let_through_and_on_a_site_without_a_page_for_everybody(shown_at: str) -> None:
    def answer(request: Request) -> Reply:
        shown = request.path == shown_at
        return Reply(503 if shown else 404, "text/html", "", {"X-Maintenance": "on"} if shown else {})

    with serving(answer) as port:
        url = f"http://shop.localhost:{port}/"
        assert waits_until_seen(url, wanted=True, seconds=5)
        assert not waits_until_seen(url, wanted=False, seconds=0.1)
