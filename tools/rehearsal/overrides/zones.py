"""The zones of us-east-1: AWS has six, MiniStack three in each region, of which one has no VPC origins there.

https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html
"""

import re
from typing import Any

from ministack.core.responses import get_region
from ministack.services import ec2

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace

MORE = {"us-east-1": "def"}


def apply(_: EmulatorConfig) -> None:
    """Wraps how zones are described: those that MiniStack lacks are like its third one."""
    describe = ec2._describe_availability_zones

    def describe_availability_zones(params: Any) -> Any:
        status, headers, body = describe(params)
        text = body.decode() if isinstance(body, bytes) else body
        region = get_region()
        third = text[text.rindex("<item>") : text.rindex("</item>") + len("</item>")]
        more = "".join(_like(third, f"{region}{letter}") for letter in MORE.get(region, ""))
        return status, headers, text.replace(third, third + more).encode()

    replace(ec2, "_describe_availability_zones", describe_availability_zones)


def _like(item: str, name: str) -> str:
    """The same item of the answer for another zone."""
    other = re.sub(r"(?<=<zoneName>)[^<]+", name, item)
    return re.sub(r"(?<=<zoneId>)[^<]+", ec2._az_id_for_zone_name(name), other)
