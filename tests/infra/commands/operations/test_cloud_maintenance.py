"""Maintenance of a cloud stack: what AWS is asked, by a scripted AWS."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from infra.cloud.maintenance_keys import MOST_PAGE
from infra.commands.main import cli
from infra.commands.operations import cloud_maintenance
from tests.infra.commands.operations.conftest import Cloud
from tests.operations import ELSEWHERE

ARN = "arn:aws:cloudfront::123456789012:key-value-store/0a1b2c3d"
PAGE = f"<h1>Shop</h1><p>{cloud_maintenance.MESSAGE}</p>"


class Store:
    """The key-value store, in the place of its client: its host name would begin with the account."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.version = 1

    def describe_key_value_store(self, KvsARN: str) -> dict[str, Any]:  # noqa: N803
        assert KvsARN == ARN
        return {"ETag": str(self.version)}

    def get_paginator(self, name: str) -> Any:
        assert name == "list_keys"
        return self

    def paginate(self, KvsARN: str) -> list[dict[str, Any]]:  # noqa: N803
        assert KvsARN == ARN
        items = [{"Key": key, "Value": value} for key, value in self.values.items()]
        return [{"Items": items[:3]}, {"Items": items[3:]}, {}]

    def update_keys(self, KvsARN: str, IfMatch: str, **changes: Any) -> None:  # noqa: N803
        assert (KvsARN, IfMatch) == (ARN, str(self.version))
        assert changes
        assert all(changes.values()), "AWS refuses an empty list"
        for one in changes.get("Deletes", []):
            del self.values[one["Key"]]
        self.values |= {one["Key"]: one["Value"] for one in changes.get("Puts", [])}
        self.version += 1


@pytest.fixture
def store(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Store:
    found = Store()
    real = cloud_maintenance.CloudStack.client
    monkeypatch.setattr(
        cloud_maintenance.CloudStack,
        "client",
        lambda stack, service, region="": (
            found
            if service == "cloudfront-keyvaluestore"
            else Named()
            if service == "cloudfront"
            else real(stack, service, region)
        ),
    )
    monkeypatch.setattr(cloud_maintenance, "published", lambda _: (PAGE, ""))
    return found


class Named:
    """CloudFront, which knows the store by its name."""

    def describe_key_value_store(self, Name: str) -> dict[str, Any]:  # noqa: N803
        assert Name == "shop-cloud-maintenance"
        return {"KeyValueStore": {"ARN": ARN}}


def maintenance(cloud: Cloud, verb: str, *arguments: str) -> tuple[int, str]:
    line = ["maintenance", verb, "-s", "cloud", *arguments]
    done = CliRunner().invoke(cli, line, standalone_mode=False)
    return 0 if done.exception is None else 1, done.output


def test_it_is_written_read_changed_and_taken_away_again(cloud: Cloud, store: Store) -> None:
    assert maintenance(cloud, "status") == (0, "Maintenance is off.\n")
    maintenance(cloud, "on", "--allow", ELSEWHERE, "--message", "Back <soon>.")
    assert store.values["page-0"] == "<h1>Shop</h1><p>Back &lt;soon&gt;.</p>"
    assert store.values["networks-0"] == "cb007100/24"
    since = json.loads(store.values["maintenance"])["since"]
    assert maintenance(cloud, "status")[1].endswith(f"not for {ELSEWHERE}: Back <soon>.\n")

    maintenance(cloud, "on", "--allow", "2001:db8::1", "--message", "Longer.", "--retry-after", "60")
    assert json.loads(store.values["maintenance"]) == {"since": since, "retry_after": 60, "pages": 1, "networks": 1}
    assert store.values["networks-0"] == "20010db8000000000000000000000001/128"


def test_off_leaves_no_key(cloud: Cloud, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    maintenance(cloud, "on", "--allow", ELSEWHERE)
    assert store.values
    monkeypatch.setattr("infra.commands.maintenance.waits_until_seen", lambda _, wanted: True)
    maintenance(cloud, "off")
    assert store.values == {}


def test_keys_that_somebody_else_changes_meanwhile_are_not_mixed_with_others(
    cloud: Cloud, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = store.paginate

    def paginate(KvsARN: str) -> list[dict[str, Any]]:  # noqa: N803
        pages = listed(KvsARN)
        store.version += 1
        return pages

    monkeypatch.setattr(store, "paginate", paginate)
    status, _ = maintenance(cloud, "on", "--allow", ELSEWHERE)
    assert (status, store.values) == (1, {}), "the store's version is no longer the one that was read"


def test_a_stack_from_before_there_was_a_store_has_no_maintenance_and_can_have_none(
    cloud: Cloud, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_: Any, Name: str) -> None:  # noqa: N803
        raise ClientError({"Error": {"Code": "EntityNotFound", "Message": "no"}}, "DescribeKeyValueStore")

    monkeypatch.setattr(Named, "describe_key_value_store", missing)
    assert maintenance(cloud, "status") == (0, "Maintenance is off.\n")
    with pytest.raises(SystemExit, match=r"^The stack cloud has no key-value store .* Fix: pulumi up -s cloud$"):
        cli.main(["maintenance", "on", "-s", "cloud"], standalone_mode=False)


@pytest.mark.parametrize("page", ["", "x" * (MOST_PAGE + 1)], ids=["none", "too large"])
def test_without_a_page_that_fits_there_is_a_plain_one_and_it_is_said(
    cloud: Cloud, store: Store, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setattr(cloud_maintenance, "published", lambda _: (page, "" if page else "it isn't there"))
    status, said = maintenance(cloud, "on", "--allow", ELSEWHERE, "--message", "Soon.")
    assert status == 0
    assert "The project's page maintenance.html isn't shown, but a plain one: " in said
    assert store.values["page-0"].endswith("<h1>Maintenance</h1><p>Soon.")
