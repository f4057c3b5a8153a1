"""A table as text, a plot of it, and the machine that it was measured on."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from infra import endpoint

RESULTS = Path(__file__).parent / "results"


@dataclass
class Section:
    """What one part measured. `bars` are (label, value) to plot, in `unit`."""

    name: str
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: list[str] = field(default_factory=list)
    bars: list[tuple[str, float]] = field(default_factory=list)
    unit: str = "s"

    def table(self) -> str:
        """As Markdown, its columns aligned."""
        lines = [[str(cell) for cell in row] for row in (self.head, *self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.head))]
        shown = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
            for line in lines
        ]
        shown.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join(shown)

    def keep(self) -> None:
        """Prints it and writes results/NAME.md and results/NAME.svg."""
        RESULTS.mkdir(exist_ok=True)
        parts = [f"# {self.title}", machine(), self.table()]
        parts += ["\n".join(f"- {note}" for note in self.notes)] if self.notes else []
        if self.bars:
            (RESULTS / f"{self.name}.svg").write_text(plot(self.title, self.bars, self.unit))
            parts.append(f"![{self.title}]({self.name}.svg)")
        text = "\n\n".join(parts) + "\n"
        (RESULTS / f"{self.name}.md").write_text(text)
        print(f"\n{text}", flush=True)


def machine() -> str:
    """One line: processor, memory, system, engine, Pulumi, plugins, date and how busy it was."""
    info = endpoint.client().info()
    pulumi = subprocess.run(["pulumi", "version"], capture_output=True, text=True, check=False).stdout.strip()
    stand_in = (Path(sys.prefix) / "bin" / "pulumi-resource-docker").exists()
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {_processor()}, {os.cpu_count()} CPUs, "
        f"{info['MemTotal'] / 1024**3:.0f} GiB · Linux {platform.release().split('-')[0]} · "
        f"Docker {info['ServerVersion']} ({info['Driver']}) · Pulumi {pulumi}, "
        f"{'plugins of tools/plugins' if stand_in else 'official plugins'} · Python {platform.python_version()} · "
        f"load {os.getloadavg()[0]:.1f} when it was written"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def plot(title: str, bars: list[tuple[str, float]], unit: str) -> str:
    """Horizontal bars as SVG."""
    height, left, wide = 26, 330, 380
    most = max(value for _, value in bars) or 1
    shown = []
    for row, (label, value) in enumerate(bars):
        top = 34 + row * height
        width = max(1, value / most * wide)
        shown.append(
            f'<text x="{left - 8}" y="{top + 14}" text-anchor="end">{escape(label)}</text>'
            f'<rect x="{left}" y="{top}" width="{width:.0f}" height="18" fill="{COLOURS[_colour(label)]}"/>'
            f'<text x="{left + width + 6:.0f}" y="{top + 14}">{value:.3g} {unit}</text>'
        )
    size = f'width="{left + wide + 110}" height="{44 + len(bars) * height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">'
        f'<rect width="100%" height="100%" fill="white"/><text x="8" y="20" font-weight="bold">{escape(title)}</text>'
        + "".join(shown)
        + "</svg>\n"
    )


COLOURS = ["#1f6f78", "#c98a2b", "#8a5a83"]


def _colour(label: str) -> int:
    """Ours, compose's and the rest's."""
    return 0 if "django-stack" in label else 1 if "compose" in label else 2
