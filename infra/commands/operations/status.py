"""The status of a stack: its processes, and a section for each other thing that there is to know of it."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

PATIENCE = 10  # times as long, who has time waits


@dataclass(frozen=True)
class ProcessStatus:
    """A process of the stack, how many instances of it run and should run, and what is known of their health."""

    name: str
    running: int
    wanted: int
    health: str

    @property
    def is_well(self) -> bool:
        return self.running >= self.wanted and self.health != "unhealthy"


@dataclass(frozen=True)
class Section:
    """What is known of one thing: a line for people, and `facts`, which JSON can hold, for programs."""

    text: str
    facts: Mapping[str, object] = field(default_factory=dict)
    is_well: bool = True


# Asks for a section; its answer is None where the stack has no such thing. What it raises is said in its place.
Question = Callable[[], Section | None]


@dataclass(frozen=True)
class Status:
    """A running stack. `since` is when the running version started (UTC); `sections` are by their names."""

    url: str
    image: str
    since: datetime | None
    processes: list[ProcessStatus]
    sections: dict[str, Section] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether everything that should run does, and nothing is known to be wrong."""
        processes = bool(self.processes) and all(one.is_well for one in self.processes)
        return processes and all(one.is_well for one in self.sections.values())


def ask(questions: Mapping[str, Question], seconds: float) -> dict[str, Section]:
    """The answers in the order of the questions, which are asked all at once.

    A question that fails, or takes longer than `seconds`, is answered by why it couldn't be.
    """
    answers: dict[str, Section | None] = {}

    def answer(name: str, question: Question) -> None:
        try:
            answers[name] = question()
        except (Exception, SystemExit) as error:  # a question may be anything, and the others don't depend on it
            answers[name] = unanswered(" ".join(str(error).split()) or type(error).__name__)

    threads = [threading.Thread(target=answer, args=question, daemon=True) for question in questions.items()]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    found = {**dict.fromkeys(questions, unanswered(f"no answer in {seconds:g} seconds")), **answers}
    return {name: section for name in questions if (section := found[name])}


def unanswered(why: str) -> Section:
    """A section that couldn't be asked for. That is no fault of the stack."""
    return Section(f"can't be asked: {why}", {"error": why})


def ago(moment: datetime) -> str:
    """How long ago, in the largest unit: `3 hours ago`."""
    return f"{duration(datetime.now(UTC) - moment.astimezone(UTC))} ago"


def duration(time_span: timedelta) -> str:
    """The time in its largest unit: `3 hours`."""
    seconds = int(time_span.total_seconds())
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return counted(seconds // length, unit)
    return counted(seconds, "second")


def counted(number: int, thing: str) -> str:
    """`1 object`, `1,234 objects`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def size(number: float) -> str:
    """Bytes in a unit that people read: `3.4 MB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
