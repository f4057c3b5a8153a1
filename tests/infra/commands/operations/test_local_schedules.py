"""The schedules of a local stack: what the scheduler's container was told, and the records in its volume."""

import io
import json
import tarfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from docker.errors import NotFound

from infra.commands.operations.local_schedules import command_of, schedules_of
from infra.commands.operations.schedules import schedules_section

TOLD = {
    "sweep": {"command": ["true"], "cron": "15 3 * * *", "timezone": "UTC", "timeout": 60, "enabled": True},
    "report": {"command": ["sh", "-c", "a b"], "cron": "0 * * * *", "timezone": "Europe/Zurich", "timeout": 90.0,
               "enabled": False},
}  # fmt: skip
NOW = datetime.now(UTC)


class Scheduler:
    """The scheduler's container, with these files in its folder; None is a container without the folder."""

    def __init__(self, files: dict[str, str] | None) -> None:
        self.files = files
        command = ["python", "-m", "django_stack.scheduler", "/data/schedules", json.dumps(TOLD)]
        self.attrs = {"Config": {"Cmd": command}}

    def get_archive(self, folder: str) -> tuple[list[bytes], dict[str, Any]]:
        assert folder == "/data/schedules"
        if self.files is None:
            raise NotFound("no such folder")
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as archive:
            for name, text in self.files.items():
                member = tarfile.TarInfo(f"schedules/{name}")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
        return [content.getvalue()[:700], content.getvalue()[700:]], {}


def record(how: str, ago: float = 60, **more: Any) -> str:
    started = (NOW - timedelta(seconds=ago)).isoformat(timespec="seconds")
    known = {"schedule": "sweep", "started": started, "how": how, "host": "0a1b2c3d4e5f", "lines": ["a line"]}
    return json.dumps(known | {"seconds": 2.0 if how else None, "status": 0 if how == "ok" else 1} | more)


def last(how: str, running: tuple[str, ...] = (), **more: Any) -> Any:
    files = {"sweep.json": record(how, **more), ".checked.json": "{}", ".sweep.12": "{"}
    _, sweep = schedules_of(Scheduler(files), running)  # type: ignore[arg-type]
    return sweep.last


def test_the_schedules_are_what_the_container_was_told() -> None:
    report, sweep = schedules_of(Scheduler({}), [])  # type: ignore[arg-type]
    assert (report.name, report.command, report.cron) == ("report", ("sh", "-c", "a b"), "0 * * * *")
    assert (report.timezone, report.enabled, sweep.enabled) == ("Europe/Zurich", False, True)
    assert sweep.last is None
    assert report.next() is None
    following = sweep.next(datetime(2027, 6, 1, 3, 15, tzinfo=UTC))
    assert following == datetime(2027, 6, 2, 3, 15, tzinfo=UTC)


def test_without_a_folder_no_run_is_known() -> None:
    assert all(one.last is None for one in schedules_of(Scheduler(None), []))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("running", "how"), [((), "cut off"), (("ffff",), "cut off"), (("eeee", "0a1b2c3d4e5f6789"), "running")]
)
def test_a_run_without_an_end_goes_on_as_long_as_its_container_does(running: tuple[str, ...], how: str) -> None:
    assert last("", running).how == how


def test_how_a_run_ended_is_said_in_a_line() -> None:
    assert last("ok").text == "ok 1 minute ago, 2 s"
    assert last("failed", status=3).text == "failed (exit status 3) 1 minute ago, 2 s"
    assert last("timed out", status=124).text == "timed out 1 minute ago, 2 s"
    assert last("", ("0a1b2c3d4e5f",)).text == "running since 1 minute"
    skipped = (NOW - timedelta(hours=2)).isoformat()
    assert last("ok", skipped=skipped).text == "ok 1 minute ago, 2 s; skipped 2 hours ago, as it was still running"


@pytest.mark.parametrize("how", ["failed", "timed out", "ended", "lost", "cut off"])
def test_a_run_that_did_not_succeed_makes_the_status_unwell_while_its_schedule_is_enabled(how: str) -> None:
    files = {"sweep.json": record("" if how == "cut off" else how), "report.json": record("failed")}
    section = schedules_section(schedules_of(Scheduler(files), []))  # type: ignore[arg-type]
    assert section
    assert not section.is_well
    assert "sweep " + how in section.text
    files["sweep.json"] = record("ok")
    section = schedules_section(schedules_of(Scheduler(files), []))  # type: ignore[arg-type]
    assert section
    assert section.is_well


def test_a_stack_without_schedules_has_no_section() -> None:
    assert schedules_section([]) is None


def test_a_run_by_hand_leaves_its_record_where_the_others_do() -> None:
    words = command_of(Scheduler({}), "report")  # type: ignore[arg-type]
    begin = ["python", "-m", "django_stack.once", "--label", "--record", "/data/schedules", "--timeout", "90.0"]
    assert words == [*begin, "report", "--", "sh", "-c", "a b"]
    assert command_of(Scheduler({}), "other") is None  # type: ignore[arg-type]
