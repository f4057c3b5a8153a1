"""Maintenance of a cloud stack: what CloudFront's function reads in its key-value store.

AWS spreads a change of the store to all locations of CloudFront within seconds:
https://aws.amazon.com/blogs/aws/introducing-amazon-cloudfront-keyvaluestore-a-low-latency-datastore-for-cloudfront-functions/
"""

import html
import sys
from collections.abc import Mapping
from typing import Any

import urllib3
from botocore.exceptions import ClientError

from infra import proxies
from infra.cloud.maintenance_keys import MOST_PAGE, STATE, facts_in, in_ascii, keys_of
from infra.commands.operations.cloud_stack import CloudStack, explained
from infra.commands.operations.maintenance import Maintenance

# `manage.py publish_static` publishes the project's page there, with MESSAGE where the message belongs.
PAGE = "static/django_stack/maintenance.html"
MESSAGE = "django-stack-maintenance-message"
SECONDS = 10.0  # for the page
PLAIN = "<!doctype html><html lang=en><meta charset=utf-8><title>Maintenance</title><h1>Maintenance</h1><p>" + MESSAGE


class CloudMaintenance:
    """Reads and writes the store of a stack."""

    def __init__(self, stack: CloudStack) -> None:
        self._stack = stack
        self._name = f"{stack.prefix}-maintenance"
        self._keys = stack.client("cloudfront-keyvaluestore")

    @explained
    def look(self) -> Maintenance | None:
        store = self._store()
        values = self._values(store) if store else {}
        return Maintenance.of(facts_in(values)) if STATE in values else None

    @explained
    def put(self, wanted: Maintenance | None, domain: str) -> None:
        """All keys at once, so that no visitor gets half of it."""
        store = self._store()
        if not store:
            sys.exit(
                f"The stack {self._stack.name} has no key-value store {self._name}: it is older than this command. "
                f"Fix: pulumi up -s {self._stack.name}"
            )
        new = keys_of(wanted.facts(), self._page(domain, wanted.message)) if wanted else {}
        # Before the keys are read, so that AWS refuses the change if somebody else changes them meanwhile.
        version = self._keys.describe_key_value_store(KvsARN=store)["ETag"]
        gone = sorted(self._values(store).keys() - new.keys())
        changes: dict[str, list[dict[str, str]]] = {
            "Puts": [{"Key": key, "Value": value} for key, value in sorted(new.items())],
            "Deletes": [{"Key": key} for key in gone],
        }
        if given := {name: some for name, some in changes.items() if some}:
            self._keys.update_keys(KvsARN=store, IfMatch=version, **given)

    def _store(self) -> str:
        """The ARN of the stack's store; nothing for a stack from before there were stores."""
        try:
            found = self._stack.client("cloudfront").describe_key_value_store(Name=self._name)
        except ClientError as error:
            if error.response["Error"].get("Code") != "EntityNotFound":
                raise
            return ""
        return str(found["KeyValueStore"]["ARN"])

    def _values(self, store: str) -> Mapping[str, str]:
        pages = self._keys.get_paginator("list_keys").paginate(KvsARN=store)
        return {str(one["Key"]): str(one["Value"]) for page in pages for one in page.get("Items", [])}

    def _page(self, domain: str, message: str) -> str:
        """The page that the release published, or else a plain one, and why is said."""
        found, why = published(f"https://{domain}/{PAGE}")
        words = html.escape(message)
        shown = found.replace(MESSAGE, words)
        if found and len(in_ascii(shown)) <= MOST_PAGE:
            return shown
        why = why or f"it has {len(in_ascii(shown))} bytes, and {MOST_PAGE} is the most"
        print(f"The project's page maintenance.html isn't shown, but a plain one: {why}.", file=sys.stderr)
        return PLAIN.replace(MESSAGE, words)


def published(url: str) -> tuple[str, str]:
    """The page at an address; or why there is none."""
    try:
        with proxies.pool(url, SECONDS) as pool:
            answer: Any = pool.request("GET", url, redirect=False)
    except urllib3.exceptions.HTTPError as error:
        return "", f"{url} isn't answered ({error})"
    if answer.status != 200:
        return "", f"{url} answers {answer.status}; the next release publishes it"
    return answer.data.decode(errors="replace"), ""
