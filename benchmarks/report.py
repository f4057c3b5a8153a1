"""A table as text, a plot of it, and the machine that it was measured on."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.plot import Bar, plot
from infra import endpoint

RESULTS = Path(__file__).parent / "results"


@dataclass
class Section:
    """What one part measured, with the `bars` to plot, in `unit` (benchmarks/plot.py)."""

    name: str
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: list[str] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
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
