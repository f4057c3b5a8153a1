"""The scheduler's container: what it is told, how long it may take to end, and after what it moves to a new version."""

import json
from typing import Any

import pytest

SWEEP = {"command": "python manage.py sweep --all", "cron": "15 3 * * *", "timezone": "Europe/Zurich", "timeout": 600}
SCHEDULES = {"sweep": SWEEP, "report": {"command": "true", "cron": "0 * * * *", "timeout": 7200, "enabled": False}}


def test_a_stack_without_schedules_has_nothing_of_them(program: Any) -> None:
    assert not [name for name in program().resources if "schedule" in name]


def test_the_scheduler_is_told_all_schedules_and_runs_like_the_web(program: Any) -> None:
    run = program({"schedules": SCHEDULES})
    scheduler, web = run["schedules"].inputs, run["web"].inputs
    *words, folder, text = scheduler["command"]
    assert words == ["python", "-m", "django_stack.scheduler"]
    assert json.loads(text) == {
        "sweep": {**SWEEP, "command": ["python", "manage.py", "sweep", "--all"], "enabled": True},
        "report": {"command": ["true"], "cron": "0 * * * *", "timezone": "UTC", "timeout": 7200, "enabled": False},
    }
    assert run.env("schedules") == run.env("web")
    assert scheduler["name"] == "django-stack-local-scheduler"
    for key in ("image", "user", "mounts", "networkMode", "restart", "init"):
        assert scheduler[key] == web[key]
    assert "ports" not in scheduler
    assert {"volumeName": "django-stack-local-schedules", "containerPath": folder} in scheduler["volumes"]
    assert scheduler["healthcheck"]["tests"] == ["CMD", *words, "healthy", folder]


@pytest.mark.parametrize(
    ("schedules", "seconds"),
    [
        (SCHEDULES, 630),
        ({"a": SWEEP | {"timeout": 5}, "b": SWEEP | {"timeout": 3600}}, 3630),
        ({"a": SWEEP | {"enabled": False}}, 30),
    ],
)
def test_a_run_that_goes_on_has_its_time_out_to_end_in_a_deploy(
    program: Any, schedules: dict[str, Any], seconds: int
) -> None:
    """Of those that are enabled, the longest; a run by hand is in a container of its own."""
    scheduler = program({"schedules": schedules})["schedules"].inputs
    assert scheduler["destroyGraceSeconds"] == scheduler["stopTimeout"] == seconds


def test_the_scheduler_moves_to_a_version_once_the_site_did(program: Any) -> None:
    run = program({"schedules": SCHEDULES})
    depends = " ".join(run["schedules"].request.dependencies)
    for before in ("web-rollout", "release", "schedules-writable"):
        assert f"::{before}" in depends
    assert run["schedules"].request.deleteBeforeReplace


def test_an_update_fails_unless_the_scheduler_works(program: Any) -> None:
    run = program({"schedules": SCHEDULES})
    asked = json.loads(run["schedules-started"].inputs["stdin"])
    assert asked["folder"] == run["schedules"].inputs["command"][-2]
    assert set(asked["secrets"]) >= {run.env("web")["SECRET_KEY"], run.env("web")["DATABASE_URL"]}
    assert set(run["schedules-started"].request.additionalSecretOutputs) == {"stdout", "stderr"}


def test_what_is_noted_goes_with_the_stack_and_is_writable_for_whoever_runs(program: Any) -> None:
    run = program({"schedules": SCHEDULES, "keep-data": True})
    assert not run["schedules-records"].request.retainOnDelete
    asked = json.loads(run["schedules-writable"].inputs["stdin"])
    assert asked["volume"] == run["schedules-records"].inputs["name"]
    other = program({"schedules": SCHEDULES, "mount-source": False, "web-command": "", "debug": False})
    assert other["schedules-writable"].inputs["triggers"] != run["schedules-writable"].inputs["triggers"]
    assert run["schedules-writable"].inputs["update"] == "exit 0"
