"""The plan of a copy: what will be moved and replaced, and why it can't be."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Plan:
    """What a copy will do. `lines` say it to a person; `faults` are the reasons why it can't be done, with their fixes.

    `size` is in bytes, `seconds` the estimated time (None where it can't be known).
    """

    lines: list[str]
    faults: list[str] = field(default_factory=list)
    size: int = 0
    seconds: float | None = None
