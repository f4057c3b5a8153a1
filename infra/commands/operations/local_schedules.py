"""The schedules of a local stack: what its scheduler was told, and the records that runs left."""

import io
import json
import tarfile
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from docker.errors import NotFound

from infra.commands.operations.schedules import LastRun, StackSchedule

if TYPE_CHECKING:
    from docker.models.containers import Container

SCHEDULER = "scheduler"  # what follows the stack in the name of the scheduler's container


def schedules_of(scheduler: "Container", running: Collection[str]) -> list[StackSchedule]:
    """The schedules of a scheduler's container, running or not; `running` are the ids of the containers that are."""
    folder, text = scheduler.attrs["Config"]["Cmd"][-2:]
    records = _records(scheduler, folder)
    told: dict[str, dict[str, Any]] = json.loads(text)
    found = []
    for name, one in sorted(told.items()):
        record = records.get(name)
        last = LastRun.of(record, runs=any(i.startswith(record["host"]) for i in running)) if record else None
        words, enabled = tuple(map(str, one["command"])), bool(one["enabled"])
        found.append(StackSchedule(name, words, one["cron"], one["timezone"], enabled, last))
    return found


def command_of(scheduler: "Container", name: str) -> list[str] | None:
    """The words of a run by hand, which leaves its record where the others do; None for a schedule there isn't."""
    folder, text = scheduler.attrs["Config"]["Cmd"][-2:]
    told: dict[str, dict[str, Any]] = json.loads(text)
    if name not in told:
        return None
    words = ["python", "-m", "django_stack.once", "--label", "--record", folder]
    return [*words, "--timeout", str(told[name]["timeout"]), name, "--", *told[name]["command"]]


def _records(scheduler: "Container", folder: str) -> dict[str, dict[str, Any]]:
    """The records by the names of schedules. The engine reads them, also from a container that has ended."""
    try:
        chunks, _ = scheduler.get_archive(folder)
    except NotFound:
        return {}
    found: dict[str, dict[str, Any]] = {}
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        for member in archive:
            name = member.name.rpartition("/")[2]
            content = archive.extractfile(member)
            if content and name.endswith(".json") and not name.startswith("."):
                found[name.removesuffix(".json")] = json.load(content)
    return found
