"""Whether `up` with nothing to do takes longer when other stacks run beside it."""

from statistics import median

from benchmarks.report import Section
from benchmarks.sandbox import Command, Sandbox, run, typical

COUNTS = (0, 5, 10, 25)  # an engine has address ranges for 30 networks, unless its daemon.json says otherwise
TIMES = 7


def measure(place: Sandbox) -> list[Section]:
    """The same stack, with ever more others of the same project and state beside it."""
    stack, empty = place.stack("observed"), place.empty_program()
    stack.up()
    command = Command(stack.up_command, stack.folder, stack.env)
    run(command)
    rows, bars, made, alone = [], [], 0, 0.0
    for count in COUNTS:
        while made < count:
            made += 1
            place.beside(stack, str(made))
        times, empties = [], []
        for _ in range(TIMES):
            empties.append(run(empty))
            times.append(run(command))
        alone = alone or median(times)
        growth = f"{median(times) / alone:.2f}"
        rows.append([f"{count}", typical(times), growth, typical(empties), f"{median(times) / median(empties):.2f}"])
        bars.append((f"django-stack, {count} others", median(times)))
    head = ["others", "up with nothing to do", "to none", "of an empty program", "ratio"]
    notes = [f"The median of {TIMES}, and the quickest and slowest. Each other stack is up: three containers."]
    return [Section("neighbours", "One stack beside many", head, rows, notes, bars)]
