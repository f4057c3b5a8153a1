"""Durations as Go writes them, which is how the docker provider has those of a health check: 1m30s, 500ms."""

import re

_NANOSECONDS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def parse_duration(text: str) -> int | None:
    """The nanoseconds of a duration such as 1m30s; None if the text is no duration."""
    if text == "0":
        return 0
    if not re.fullmatch(r"(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+", text):
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", text)
    return round(sum(float(number) * _NANOSECONDS[unit] for number, unit in parts))


def format_duration(nanoseconds: int) -> str:
    """The inverse of `parse_duration`, as Go writes it: 1m0s, 1.5s, 500ms."""
    if nanoseconds == 0:
        return "0s"
    for unit in ("ns", "µs", "ms"):
        if nanoseconds < 1000 * _NANOSECONDS[unit]:
            return f"{nanoseconds / _NANOSECONDS[unit]:.9g}{unit}"
    hours, rest = divmod(nanoseconds, _NANOSECONDS["h"])
    minutes, rest = divmod(rest, _NANOSECONDS["m"])
    seconds = f"{rest / _NANOSECONDS['s']:.12g}s"
    return f"{hours}h{minutes}m{seconds}" if hours else f"{minutes}m{seconds}" if minutes else seconds
