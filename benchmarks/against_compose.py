"""Side by side with a bare Pulumi program and docker-compose: the same images, the same three services and migrate."""

from statistics import median

from benchmarks.composed import Bare, Pulumi, Way, composes
from benchmarks.plot import Bar
from benchmarks.report import Section
from benchmarks.sandbox import ROUNDS, Sandbox, peak_memory, run, typical, until_answered

NOTHING = "from nothing to the first good answer"
ENDED = "from nothing to the command's end"
AGAIN = "up with nothing to do"
LOOK = "up with nothing to do, looking for changed code"
CHANGE = "up after a one-line change, to the new page"
DOWN = "tear-down"
MEMORY = "the tool's memory at its peak, from nothing"
EMPTY = "up of an empty Pulumi program"


def measure(place: Sandbox) -> list[Section]:
    """Rounds of all ways in turn, so that what disturbs one disturbs all."""
    ways: list[Way] = [Pulumi(place), Bare(place), *composes(place)]
    empty = place.empty_program()
    memory = {way.name: _warm(way) for way in ways}
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        times.setdefault((EMPTY, "django-stack"), []).append(run(empty))
        for way in ways:
            for what, took in _round(way).items():
                times.setdefault((what, way.name), []).append(took)
    return [_section(ways, times, memory)]


def _warm(way: Way) -> float:
    """One round that doesn't count: it builds the image, and says how much memory the tool takes (MiB)."""
    run(way.up())
    run(way.down())
    way.forget_data()
    took = peak_memory(way.up())
    run(way.down())
    way.forget_data()
    return took


def _round(way: Way) -> dict[str, float]:
    """Seconds by what was done."""
    took = {}
    took[NOTHING], took[ENDED] = until_answered(way.up(), way.port)
    took[AGAIN] = run(way.up(look=False))
    took[LOOK] = run(way.up())
    mark = way.change()
    took[CHANGE] = until_answered(way.up(), way.port, mark)[0]
    took[DOWN] = run(way.down())
    way.forget_data()
    return took


def _section(ways: list[Way], times: dict[tuple[str, str], list[float]], memory: dict[str, float]) -> Section:
    ours, *others = ways
    head = ["", *(way.name for way in ways), *(f"ratio to {way.name}" for way in others)]
    rows, bars = [], []
    for what in (NOTHING, ENDED, AGAIN, LOOK, CHANGE, DOWN):
        mine = median(times[what, ours.name])
        ratios = [f"{mine / median(times[what, way.name]):.2f}" for way in others]
        rows.append([what, *(typical(times[what, way.name]) for way in ways), *ratios])
        bars += [Bar(way.name, median(times[what, way.name]), what, way.colour) for way in ways]
    rows.append(
        [
            MEMORY,
            *(f"{memory[way.name]:.0f} MiB" for way in ways),
            *(f"{memory[ours.name] / memory[way.name]:.2f}" for way in others),
        ]
    )
    empty, again = times[EMPTY, ours.name], median(times[AGAIN, ours.name])
    rows.append([EMPTY, typical(empty), *("" for _ in others), *("" for _ in others)])
    notes = [
        f"The median of {ROUNDS} rounds, and the quickest and slowest. Images are in the engine's cache.",
        f"`up` with nothing to do takes {again / median(empty):.2f} times as long as that of an empty program.",
        _floor(ways, times, memory),
        "`pulumi up --skip-preview` waits until the site is ready; compose returns when the container has started, so "
        "both are timed to the answer. compose makes no bucket and checks no port, setting or roll-out.",
        "compose notices changed code only when told to look (`--build`), and runs `migrate` at every `up`.",
    ]
    return Section("compose", "Side by side with docker-compose and a bare Pulumi program", head, rows, notes, bars)


def _floor(ways: list[Way], times: dict[tuple[str, str], list[float]], memory: dict[str, float]) -> str:
    """What the bare program is, and how it compares with compose."""
    _, bare, *tools = ways
    found = []
    for tool in tools:
        ratios = {
            what: median(times[what, bare.name]) / median(times[what, tool.name])
            for what in (NOTHING, ENDED, AGAIN, LOOK, CHANGE, DOWN)
        }
        ratios[MEMORY] = memory[bare.name] / memory[tool.name]
        found.append(f"{tool.name} {', '.join(f'{ratio:.2f}' for ratio in ratios.values())}")
    return (
        "bare Pulumi is [a program](../bare/__main__.py) of nothing but the resources, with the same engine, plugins "
        "and environment: it checks no setting, port or image, makes no bucket, waits for no roll-out, and wouldn't "
        "notice a `migrate` that has failed. What it takes more than compose is Pulumi's own; the ratios, in the order "
        f"of the rows: to {'; to '.join(found)}."
    )
