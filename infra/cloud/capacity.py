"""Whether tasks have sizes that Fargate has, and all of them together no more connections than the database."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Protocol

from infra.cloud.sizes import DATABASE_CLASSES, FARGATE_SIZES, KEPT_CONNECTIONS, THREADS, connections
from infra.processes import ProcessSettings
from infra.schedules import ScheduleSettings
from infra.settings_reader import Reader

OF_A_RUN = 2  # connections of a schedule's run, of which there is one at a time: its lock's, and its command's


class Capacity(Protocol):
    """What of a cloud stack's settings is about sizes and numbers of tasks; `connections` are the database's."""

    @property
    def cpu(self) -> int: ...
    @property
    def memory(self) -> int: ...
    @property
    def tasks_min(self) -> int: ...
    @property
    def tasks_max(self) -> int: ...
    @property
    def workers(self) -> int: ...
    @property
    def database_class(self) -> str: ...
    @property
    def connections(self) -> int: ...
    @property
    def processes(self) -> Mapping[str, ProcessSettings]: ...
    @property
    def schedules(self) -> Mapping[str, ScheduleSettings]: ...


def size_of(settings: Capacity, process: ProcessSettings) -> tuple[int, int]:
    """CPU units and MiB of memory of a process's task: its own, or those of the web."""
    return process.cpu or settings.cpu, process.memory or settings.memory


def most_at_once(process: ProcessSettings) -> int:
    """The number of a process's tasks during a roll-out: old and new ones, unless there are never two."""
    return process.most if process.is_single else process.most * 2


def check_sizes(settings: Capacity, reader: Reader) -> None:
    """Notes in `reader` sizes that Fargate doesn't have."""
    _check_memory(reader, "memory", settings.cpu, settings.memory)
    for name, process in settings.processes.items():
        path = f"processes.{name}"
        cpu, memory = size_of(settings, process)
        if cpu not in FARGATE_SIZES:
            sizes = list(map(str, FARGATE_SIZES))
            near = get_close_matches(str(cpu), sizes, n=1) or sizes[:1]
            reader.note_wrong(f"{path}.cpu", f"one of {', '.join(sizes)}, or 0 for that of the setting cpu", near[0])
        elif process.cpu or process.memory:
            _check_memory(reader, f"{path}.memory", cpu, memory)
        if process.max and process.max <= process.count:
            reader.note_wrong(
                f"{path}.max", f"more than count, {process.count}, or 0 for no autoscaling", "0", value=str(process.max)
            )


def _check_memory(reader: Reader, key: str, cpu: int, given: int) -> None:
    memory = FARGATE_SIZES[cpu]
    if given not in memory:
        allowed = f"{memory[0]} to {memory[-1]}, in steps of {memory[1] - memory[0]}"
        if len(memory) < 5:
            allowed = ", ".join(map(str, memory))
        reader.note_wrong(key, f"with cpu {cpu}: {allowed} MiB", str(memory[0]), value=str(given))


def check_connections(settings: Capacity, reader: Reader) -> None:
    """Notes in `reader` when all tasks together could open more connections than the database has."""
    each = settings.workers * THREADS * 2
    free = settings.connections - KEPT_CONNECTIONS
    others = sum(process.connections * most_at_once(process) for process in settings.processes.values())
    others += OF_A_RUN * len(settings.schedules)
    most = (free - 1 - others) // each
    name = settings.database_class

    def calculated(tasks: int) -> str:
        return (
            f"{name} has connections for: {settings.workers} workers x {THREADS} threads x tasks-max x 2 (old and new "
            f"tasks in a roll-out) {''.join(_of_the_others(settings))}+ 1 (release) is {each * tasks + others + 1}, "
            f"and it has {free}"
        )

    if most < 1:
        enough = [other for other in DATABASE_CLASSES if connections(other) - KEPT_CONNECTIONS > each + others]
        family = [other for other in enough if other.split(".")[1] == name.split(".")[1]]
        allowed = f"one that is large enough for one task; {calculated(1)}"
        reader.note_wrong("database-class", allowed, (family or enough or [max(DATABASE_CLASSES, key=connections)])[0])
    elif settings.tasks_min > most:
        reader.note_wrong("tasks-min", f"at most as many tasks as {calculated(settings.tasks_min)}", str(most))
    elif settings.tasks_max < settings.tasks_min:
        reader.note_wrong("tasks-max", f"tasks-min, {settings.tasks_min}, or more", str(settings.tasks_min))
    elif settings.tasks_max > most:
        reader.note_wrong("tasks-max", f"as many tasks as {calculated(settings.tasks_max)}", str(most))


def _of_the_others(settings: Capacity) -> Iterator[str]:
    for name, process in settings.processes.items():
        if process.connections:
            twice = "" if process.is_single else " x 2"
            yield f"+ {process.most} {name} x {process.connections} connections{twice} "
    if settings.schedules:
        yield f"+ {len(settings.schedules)} schedules x {OF_A_RUN} "
