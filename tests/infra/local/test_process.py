"""The containers of processes: beside the web, with its image and environment, and an end of their own."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.local import reload
from tests.infra.conftest import Registered, Run

WORKER: dict[str, Any] = {"command": "python manage.py db_worker"}
SERVE_LIKE_CLOUD: dict[str, Any] = {"web-command": "", "debug": False, "mount-source": False}


def run_with(program: Any, worker: dict[str, Any], **more: Any) -> Run:
    run: Run = program(SERVE_LIKE_CLOUD | {"processes": {"worker": WORKER | worker}} | more)
    return run


def labels(container: Registered) -> dict[str, str]:
    return {label["label"]: label["value"] for label in container.inputs["labels"]}


def test_a_process_has_the_image_the_environment_and_the_network_of_the_web(program: Any) -> None:
    run = run_with(program, {})
    worker, web = run["process-worker-1"], run["web"]
    for same in ("image", "networkMode", "init", "restart"):
        assert worker.inputs[same] == web.inputs[same]
    assert run.env("process-worker-1") == run.env("web")
    assert worker.inputs["networksAdvanced"] == [{"name": "django-stack-local", "aliases": ["worker"]}]
    assert worker.inputs["command"] == ["python", "manage.py", "db_worker"]
    assert "ports" not in worker.inputs
    assert worker.inputs["healthcheck"]["tests"] == ["NONE"]


def test_a_process_gets_its_own_variables_and_the_web_does_not(program: Any) -> None:
    env = {"QUEUES": "mail", "GREETING": "worker"}
    run = run_with(program, {"env": env}, env={"GREETING": "all", "SHARED": "yes"})
    assert run.env("process-worker-1").items() >= {"QUEUES": "mail", "GREETING": "worker", "SHARED": "yes"}.items()
    assert run.env("web").items() >= {"GREETING": "all", "SHARED": "yes"}.items()
    assert "QUEUES" not in run.env("web")
    asked = json.loads(run["release"].inputs["stdin"])
    assert asked["environment"] == run.env("web")


def test_each_of_several_containers_has_a_name_and_the_label_of_the_process(program: Any) -> None:
    run = run_with(program, {"count": 3})
    found = [run[f"process-worker-{number}"] for number in (1, 2, 3)]
    assert [one.inputs["name"] for one in found] == [f"django-stack-local-worker-{number}" for number in (1, 2, 3)]
    assert {labels(one)["django-stack.process"] for one in found} == {"worker"}
    assert labels(found[0]).keys() >= {"django-stack.project", "django-stack.stack", "django-stack.state"}
    started = json.loads(run["processes-start"].inputs["stdin"])
    assert started["containers"] == [f"process-worker-{number}-id" for number in (1, 2, 3)]
    assert set(started["secrets"]) >= {run.env("web")["SECRET_KEY"], run.env("web")["DATABASE_URL"]}


def test_the_stop_time_is_what_the_engine_and_the_update_wait_for(program: Any) -> None:
    worker = run_with(program, {"stop-timeout": 90})["process-worker-1"].inputs
    assert (worker["stopTimeout"], worker["destroyGraceSeconds"], worker["stopSignal"]) == (90, 90, "SIGTERM")


@pytest.mark.parametrize("before", ["release", "database-takes-password"])
def test_a_process_starts_after_the_release(program: Any, before: str) -> None:
    run = run_with(program, {})
    worker = " ".join(run["process-worker-1"].request.dependencies)
    assert "::release" in worker
    assert f"::{before}" in f"{worker} {' '.join(run['release'].request.dependencies)}"


def test_the_web_moves_when_the_processes_have(program: Any) -> None:
    assert any(urn.endswith("::processes-start") for urn in run_with(program, {})["web"].request.dependencies)


def test_one_check_watches_the_containers_of_all_processes(program: Any) -> None:
    processes = {"worker": WORKER, "mails": {"command": "python mails.py", "env": {"A_TOKEN": "TOPSECRET"}}}
    run: Run = program(SERVE_LIKE_CLOUD | {"processes": processes}, secrets=("processes",))
    started = json.loads(run["processes-start"].inputs["stdin"])
    assert sorted(started["containers"]) == ["process-mails-1-id", "process-worker-1-id"]
    assert {"TOPSECRET", run.env("web")["SECRET_KEY"]} <= set(started["secrets"])
    assert not [name for name in run.resources if name.endswith("-start") and name != "processes-start"]


def test_with_the_source_mounted_the_command_is_started_again_when_it_changes(program: Any) -> None:
    run: Run = program({"processes": {"worker": WORKER | {"stop-timeout": 7}}})
    worker, web = run["process-worker-1"].inputs, run["web"].inputs
    text = Path(reload.__file__).read_text()
    assert worker["command"] == ["python", "-c", text, "7", "python", "manage.py", "db_worker"]
    assert (worker["mounts"], worker["user"]) == (web["mounts"], web["user"])


def test_without_processes_nothing_of_them_is_registered(program: Any) -> None:
    assert not [name for name in program().resources if "process" in name]


def test_process_variables_that_are_secret_are_redacted_in_what_its_start_prints(program: Any) -> None:
    run: Run = program(
        SERVE_LIKE_CLOUD | {"processes": {"worker": WORKER | {"env": {"A_TOKEN": "TOPSECRET"}}}}, secrets=("processes",)
    )
    assert "TOPSECRET" in json.loads(run["processes-start"].inputs["stdin"])["secrets"]
    assert set(run["processes-start"].request.additionalSecretOutputs) == {"stdout", "stderr"}
