"""Origin groups. MiniStack records them, and answers 502 where a cache behavior leads to one.

On AWS the first origin is asked, and the second one when the first answers with one of the group's statuses, or not at
all: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/high_availability_origin_failover.html
"""

from typing import Any

from ministack.services import cloudfront

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace

FAILS_OVER = {"GET", "HEAD", "OPTIONS"}


def apply(_: EmulatorConfig) -> None:
    """Puts the groups beside the origins, and asks the second member where the first one fails."""
    parse = cloudfront.parse_distribution_dataplane_config

    def parse_config(distribution: dict[str, Any]) -> dict[str, Any]:
        parsed: dict[str, Any] = parse(distribution)
        origins = parsed["origins"]
        for name, members, statuses in _groups(cloudfront._dist_config_el(distribution)):
            first, second = (origins[member] for member in members)
            origins[name] = {**first, "failover": (statuses, second)}
        return parsed

    replace(cloudfront, "parse_distribution_dataplane_config", parse_config)
    fetch = cloudfront._fetch_from_origin

    async def fetch_from_origin(origin: dict[str, Any], method: str, *arguments: Any) -> Any:
        statuses, second = origin.get("failover", ((), None))
        if second is None or method not in FAILS_OVER:
            return await fetch(origin, method, *arguments)
        try:
            answer = await fetch(origin, method, *arguments)
        except (cloudfront.OriginTimeout, cloudfront.OriginUnreachable):
            return await fetch(second, method, *arguments)
        return await fetch(second, method, *arguments) if answer[0] in statuses else answer

    replace(cloudfront, "_fetch_from_origin", fetch_from_origin)


def _groups(config: Any) -> list[tuple[str, list[str], set[int]]]:
    """Each group's id, its members' ids in their order, and the statuses for which the second is asked."""
    found = []
    for group in config.iter():
        if cloudfront._local_tag_name(group) == "OriginGroup":
            members = [_text(one, "OriginId") for one in group.iter() if _is(one, "OriginGroupMember")]
            statuses = {int(one.text) for one in group.iter() if _is(one, "StatusCode")}
            found.append((_text(group, "Id"), members, statuses))
    return found


def _is(element: Any, name: str) -> bool:
    return bool(cloudfront._local_tag_name(element) == name)


def _text(element: Any, name: str) -> str:
    return str(cloudfront._text(element, name))
