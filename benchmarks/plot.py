"""Horizontal bars as SVG, for people who look before they read."""

from collections.abc import Sequence
from html import escape
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

OURS, COMPOSE, OTHER = "#1f6f78", "#c98a2b", "#8a5a83"
UNITS = {"s": "seconds, less is better", "requests/s": "requests a second, more is better"}
ROW, BAR, HEADING = 24, 17, 30  # heights
CHARACTER = 7.2  # the width of one in the font, with some to spare
WIDEST = 400  # the longest bar


class Bar(NamedTuple):
    """A value with what it is of. Bars of one group stand below its name."""

    label: str
    value: float
    group: str = ""
    colour: str = OURS


def plot(title: str, bars: Sequence[Bar], unit: str) -> str:
    """An SVG image of them, in their order."""
    left = 16 + max(len(bar.label) for bar in bars) * CHARACTER
    scale = WIDEST / (max(bar.value for bar in bars) or 1)
    top, shown = 46.0, []
    for group, members in groupby(bars, attrgetter("group")):
        if group:
            top += HEADING if shown else HEADING / 2
            shown.append(f'<text x="16" y="{top - 9:.0f}" font-weight="bold">{escape(group)}</text>')
        for bar in members:
            width = max(1, bar.value * scale)
            shown.append(
                f'<text x="{left:.0f}" y="{top + 13:.0f}" text-anchor="end">{escape(bar.label)}</text>'
                f'<rect x="{left + 8:.0f}" y="{top:.0f}" width="{width:.0f}" height="{BAR}" fill="{bar.colour}"/>'
                f'<text x="{left + width + 14:.0f}" y="{top + 13:.0f}">{bar.value:.3g}</text>'
            )
            top += ROW
    # A title may be longer than the bars.
    wide = max(left + WIDEST + 70, 32 + len(f"{title}{UNITS[unit]}") * CHARACTER + 40)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide:.0f}" height="{top + 10:.0f}" font-family="sans-serif" '
        f'font-size="13" fill="#222"><rect width="100%" height="100%" fill="white"/>'
        f'<text x="16" y="26"><tspan font-weight="bold" font-size="15">{escape(title)}</tspan>'
        f'<tspan dx="12" fill="#666">{UNITS[unit]}</tspan></text>' + "".join(shown) + "</svg>\n"
    )
