"""Kinds of settings that say when something happens."""

import re
from difflib import get_close_matches
from typing import Any
from zoneinfo import available_timezones

from infra.contract import cron
from infra.contract.malformed import MalformedError
from infra.setting_kinds.base import Setting
from infra.settings_reader import Reader


class Cron:
    """A cron expression, which both platforms can run."""

    allowed = (
        "a cron expression of five fields (minute, hour, day of the month, month, day of the week) with numbers, "
        "`*`, lists, ranges and steps; days of the month or of the week, not both"
    )

    def read(self, reader: Reader, setting: Setting[Any]) -> str:
        value = " ".join(reader.value_as_written(setting.key).split())
        if why := _wrong(value):
            allowed = "a cron expression of five fields, such as 15 3 * * * for a quarter past three"
            reader.note_wrong(setting.key, allowed, _proposed(value), but=f", which {why}")
        return value


class TimeZone:
    """The name of a time zone."""

    allowed = "a time zone of the IANA database, such as `Europe/Zurich` or `UTC`"

    def read(self, reader: Reader, setting: Setting[Any]) -> str:
        value = reader.value_as_written(setting.key)
        try:
            cron.zone_of(value)
        except MalformedError:
            reader.note_wrong(setting.key, self.allowed.replace("`", ""), _near(value) or setting.default_text)
        return value


def _wrong(expression: str) -> str:
    """What is wrong with the expression, after `which`; nothing if it can be used."""
    try:
        cron.check(expression)
    except MalformedError as error:
        return str(error).rstrip(".")
    return ""


def _proposed(value: str) -> str:
    """An expression that can be used and that is likely meant: other tools have more fields, names and signs."""
    expression = cron.NICKNAMES.get(value.lower(), value)
    fields = re.sub(r"^cron\((.*)\)$", r"\1", expression).upper().split()
    if len(fields) == 6:  # with a year at its end at AWS, else with seconds before it
        fields = fields[:5] if "?" in fields[:5] else fields[1:]
    fields = [field.replace("?", "*") for field in fields]
    if len(fields) == 5:
        fields[4] = fields[4].replace("-SUN", "-7")
        if fields[2] != "*" and fields[4] != "*":
            fields[4] = "*"
    proposed = " ".join(fields)
    return "0 3 * * *" if _wrong(proposed) else proposed


def _near(value: str) -> str:
    """The time zone that is likely meant: another spelling, or the city alone."""
    zones = {zone.lower(): zone for zone in sorted(available_timezones()) if "/" in zone}
    cities = {zone.rpartition("/")[2]: zone for zone in sorted(zones, reverse=True)}
    word = value.strip().lower().replace(" ", "_")
    if word == "utc":
        return "UTC"
    near = get_close_matches(word, zones, n=1, cutoff=0.8)
    city = get_close_matches(word.rpartition("/")[2], cities, n=1, cutoff=0.8)
    return zones[near[0]] if near else zones[cities[city[0]]] if city else ""
