"""What is in the key-value store that CloudFront's function reads, while there is maintenance."""

import json
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network
from typing import Any

STATE = "maintenance"
PAGE, NETWORKS = "page-", "networks-"
# What a key and its value may have together is 1 KB:
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html#limits-keyvaluestores
MOST_BYTES = 1000
ROOM = MOST_BYTES - len(f"{NETWORKS}99")
MOST_PAGE = 16 * ROOM  # one call of UpdateKeys takes 50 keys


def keys_of(facts: Mapping[str, Any], page: str) -> dict[str, str]:
    """The values by their keys. `facts` are a Maintenance's; the page is cut, character by character, in ASCII."""
    text = in_ascii(page)
    pages = _pieces(text)
    networks = list(_joined(networks_of(facts["allow"])))
    state = {**facts, "pages": len(pages), "networks": len(networks)}
    shown = {STATE: json.dumps({key: state[key] for key in ("since", "retry_after", "pages", "networks")})}
    shown |= {f"{PAGE}{number}": part for number, part in enumerate(pages)}
    shown |= {f"{NETWORKS}{number}": part for number, part in enumerate(networks)}
    # What the function has no use for: the message and the networks as people write them.
    shown |= {f"about-{number}": part for number, part in enumerate(_pieces(json.dumps(dict(facts))))}
    return shown


def facts_in(values: Mapping[str, str]) -> dict[str, Any]:
    """The facts of a Maintenance that `keys_of` wrote."""
    parts = (values.get(f"about-{number}", "") for number in range(len(values)))
    found: dict[str, Any] = json.loads("".join(parts))
    return found


def in_ascii(page: str) -> str:
    """The page with other characters as HTML's references, so that a byte is a character."""
    return page.encode("ascii", "xmlcharrefreplace").decode()


def networks_of(allow: Iterable[str]) -> list[str]:
    """Each network as its address in hex digits, and the number of bits that count."""
    found = [ip_network(one) for one in allow]
    return [f"{one.network_address.packed.hex()}/{one.prefixlen}" for one in found]


def _pieces(text: str) -> list[str]:
    return [text[place : place + ROOM] for place in range(0, len(text), ROOM)]


def _joined(words: Iterable[str]) -> Iterator[str]:
    """The words in as few texts as have room for them."""
    line = ""
    for word in words:
        if line and len(line) + 1 + len(word) > ROOM:
            yield line
            line = ""
        line = f"{line} {word}" if line else word
    if line:
        yield line
