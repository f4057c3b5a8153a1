"""The setting `schedules`, and what is said about wrong ones."""

import shlex
from datetime import datetime
from typing import Any

import pulumi
import pytest

from infra.contract import cron
from infra.schedules import ScheduleSettings, once
from infra.settings import Settings

SWEEP = {"command": "python manage.py sweep", "cron": "15 3 * * *"}
SET = "pulumi config set -s local --path schedules"
RM = "pulumi config rm -s local --path schedules"
WRONG: list[tuple[Any, list[str]]] = [
    ("clearsessions", ['schedules is "clearsessions"', "an object of names", "pulumi config rm -s local schedules"]),
    ({"sweep": "python manage.py sweep"}, [f"Fix: {RM}.sweep && ", "--path schedules.sweep.command 'python manage"]),
    ({"sweep": {"cron": "15 3 * * *"}}, ["schedules.sweep.command is missing", f"Fix: {SET}.sweep.command"]),
    ({"sweep": {"command": "x"}}, ["schedules.sweep.cron is missing", f"Fix: {SET}.sweep.cron", "the fix asks for it"]),
    ({"sweep": SWEEP | {"command": "x > log"}}, ["no shell reads them", """sweep.command 'sh -c "exec x > log"'"""]),
    ({"sweep": SWEEP | {"cron": "15 3 * *"}}, ['sweep.cron is "15 3 * *", which has 4 fields', f"{SET}.sweep.cron "]),
    ({"sweep": SWEEP | {"cron": "@daily"}}, ["which has 1 fields", f"Fix: {SET}.sweep.cron '0 0 * * *'"]),
    ({"sweep": SWEEP | {"cron": "every day"}}, ["such as 15 3 * * *", f"{SET}.sweep.cron '0 3 * * *'"]),
    ({"sweep": SWEEP | {"cron": "0 */5 * * * *"}}, ["which has 6 fields", f"{SET}.sweep.cron '*/5 * * * *'"]),
    ({"sweep": SWEEP | {"cron": "cron(0 12 * * ? *)"}}, ["which has 6 fields", f"{SET}.sweep.cron '0 12 * * *'"]),
    ({"sweep": SWEEP | {"cron": "0 12 ? * MON"}}, ["'?' for the day of the month", f"{SET}.sweep.cron '0 12 * * MON'"]),
    ({"sweep": SWEEP | {"cron": "61 3 * * *"}}, ["'61' for the minute, which there isn't"]),
    ({"sweep": SWEEP | {"cron": "0 3 1 * 1"}}, ["both a day of the month and a day of the week", "'0 3 1 * *'"]),
    ({"sweep": SWEEP | {"cron": "0 3 L * *"}}, ["'L' for the day of the month"]),
    ({"sweep": SWEEP | {"cron": "0 3 31 2 *"}}, ["which never comes true"]),
    ({"sweep": SWEEP | {"cron": "0 3 * * fri-sun"}}, [f"{SET}.sweep.cron '0 3 * * FRI-7'"]),
    ({"sweep": SWEEP | {"cron": 5}}, ['sweep.cron is "5", which has 1 fields']),
    ({"sweep": SWEEP | {"cron": ["15", "3"]}}, ["schedules.sweep.cron is "]),
    ({"sweep": SWEEP | {"timezone": "Zurich"}}, ["of the IANA database", f"{SET}.sweep.timezone Europe/Zurich"]),
    ({"sweep": SWEEP | {"timezone": "america/new_york"}}, [f"{SET}.sweep.timezone America/New_York"]),
    ({"sweep": SWEEP | {"timezone": "PST"}}, ['sweep.timezone is "PST"', f"{SET}.sweep.timezone UTC"]),
    ({"sweep": SWEEP | {"timezone": "utc"}}, [f"{SET}.sweep.timezone UTC"]),
    ({"sweep": SWEEP | {"timezone": "../../etc/passwd"}}, [f"{SET}.sweep.timezone UTC"]),
    ({"sweep": SWEEP | {"timeout": 0}}, ["seconds, 1 to 86400", f"{SET}.sweep.timeout 3600"]),
    ({"sweep": SWEEP | {"timeout": "10m"}}, ['schedules.sweep.timeout is "10m"']),
    ({"sweep": SWEEP | {"timeout": 86401}}, ["seconds, 1 to 86400"]),
    ({"sweep": SWEEP | {"enabled": "maybe"}}, ["true or false", f"{SET}.sweep.enabled true"]),
    ({"sweep": SWEEP | {"enabled": "no"}}, [f"{SET}.sweep.enabled false"]),
    ({"sweep": SWEEP | {"schedule": "* * * * *"}}, ["schedules.sweep.schedule is not a field of a schedule"]),
    ({"sweep": {"command": "x", "crontab": "0 3 * * *"}}, ["did you mean cron?", f"{SET}.sweep.cron"]),
    ({"sweep": SWEEP | {"time-zone": "UTC"}}, ["did you mean timezone?"]),
    ({"Sweep": SWEEP}, ["schedules.Sweep can't be the name of a schedule", "['sweep'] = d.pop"]),
    ({"nightly.sweep": SWEEP}, ["['nightly-sweep'] = d.pop"]),
    ({"x" * 33: SWEEP}, ["at most 32 characters"]),
]  # fmt: skip


@pytest.fixture
def load(as_stack: Any, set_config: Any) -> Any:
    """Loads the settings of the local stack with these schedules."""

    def load_(schedules: object) -> Settings:
        as_stack()
        set_config({"schedules": schedules})
        return Settings.load()

    return load_


@pytest.mark.parametrize(("schedules", "parts"), WRONG, ids=lambda value: str(value)[:70])
def test_a_wrong_schedule_is_refused_with_path_value_allowed_and_fix(
    load: Any, schedules: object, parts: list[str]
) -> None:
    with pytest.raises(pulumi.RunError) as refused:
        load(schedules)
    message = str(refused.value).replace("""'"'"'""", "'")  # as a shell reads it
    for part in parts:
        assert part in message
    assert "Fix: " in message
    assert "nothing was changed" in message


def test_a_proposed_expression_or_time_zone_can_be_used(load: Any) -> None:
    for schedules, _ in WRONG:
        field = next((one for one in ("cron", "timezone") if isinstance(schedules, dict)
                      and schedules.get("sweep", {}) and isinstance(schedules["sweep"], dict)
                      and schedules["sweep"].get(one) not in (None, SWEEP.get(one))), "")  # fmt: skip
        if not field:
            continue
        with pytest.raises(pulumi.RunError) as refused:
            load(schedules)
        words = shlex.split(str(refused.value).partition("Fix: ")[2].splitlines()[0])
        settings = load({"sweep": {**schedules["sweep"], field: words[-1]}})
        assert getattr(settings.schedules["sweep"], field) == words[-1]


def test_a_schedule_has_the_defaults_of_what_it_does_not_say(load: Any) -> None:
    given = {"sweep": SWEEP, "report": SWEEP | {"timezone": "Europe/Zurich", "timeout": "90", "enabled": False}}
    words = ("python", "manage.py", "sweep")
    assert load(given).schedules == {
        "report": ScheduleSettings("report", words, "15 3 * * *", "Europe/Zurich", 90, False),
        "sweep": ScheduleSettings("sweep", words, "15 3 * * *", "UTC", 3600, True),
    }


def test_spaces_in_an_expression_make_no_difference(load: Any) -> None:
    assert load({"sweep": SWEEP | {"cron": " 15  3 * *\t* "}}).schedules["sweep"].cron == "15 3 * * *"


def test_no_schedule_is_the_default(load: Any) -> None:
    for nothing in ({}, "", "{}"):
        assert load(nothing).schedules == {}


def test_all_that_is_wrong_with_all_schedules_is_listed_at_once(load: Any) -> None:
    with pytest.raises(pulumi.RunError, match="4 settings can't be used"):
        load({"a": SWEEP | {"cron": "x", "timeout": 0}, "b": SWEEP | {"timezone": "X"}, "c": SWEEP | {"enabled": "x"}})


def test_a_run_is_the_command_under_the_packages_lock(load: Any) -> None:
    sweep = load({"sweep": {"command": "sh -c 'a && b'", "cron": "15 3 * * *", "timeout": 90}}).schedules["sweep"]
    begin = ["python", "-m", "django_stack.once", "--timeout", "90", "sweep", "--"]
    assert once(sweep) == [*begin, "sh", "-c", "a && b"]


def test_the_nicknames_of_crontab_are_right() -> None:
    """Each of them comes true as often as its name says."""
    begin, end = datetime.fromisoformat("2027-01-01T00:00Z"), datetime.fromisoformat("2028-01-01T00:00Z")
    often = {
        "@yearly": 1,
        "@annually": 1,
        "@monthly": 12,
        "@weekly": 52,
        "@daily": 365,
        "@midnight": 365,
        "@hourly": 8760,
    }
    zone = cron.zone_of("UTC")
    assert {name: len(list(cron.times(e, zone, begin, end))) for name, e in cron.NICKNAMES.items()} == often
