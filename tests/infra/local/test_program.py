"""The local platform's program as a whole: labels, ports, order, outputs, protection of data."""

import json
from typing import Any

import pytest

from infra.dsn import S3DSN, DatabaseURL


def test_every_docker_resource_carries_the_project_and_stack_labels(program: Any) -> None:
    run = program()
    for resource in run.resources.values():
        if resource.type.split("/")[0] in {"docker:index"} and "labels" in resource.inputs:
            labels = {label["label"]: label["value"] for label in resource.inputs["labels"]}
            assert labels["django-stack.project"] == "django-stack"
            assert labels["django-stack.stack"] == "local"
    for token in ("docker:index/container:Container", "docker:index/network:Network", "docker:index/volume:Volume"):
        assert all("labels" in resource.inputs for resource in run.of_type(token))


def test_everything_is_published_on_the_loopback_only(program: Any) -> None:
    run = program()
    containers = run.of_type("docker:index/container:Container")
    assert len(containers) == 3
    for container in containers:
        assert [port["ip"] for port in container.inputs["ports"]] == ["127.0.0.1"]


def test_the_release_gets_the_very_environment_and_image_of_the_web(program: Any) -> None:
    run = program()
    asked = json.loads(run["release"].inputs["stdin"])
    assert asked["environment"] == run.env("web")
    assert asked["image"] == run["web"].inputs["image"]
    assert {"DATABASE_URL", "DEFAULT_STORAGE_DSN", "SECRET_KEY"} == set(asked["secret_names"])


def test_the_release_waits_until_the_server_takes_the_password_and_the_bucket_is_there(program: Any) -> None:
    depends = " ".join(program()["release"].request.dependencies)
    assert "database-takes-password" in depends
    assert "media-bucket" in depends


def test_outputs_reach_the_services_from_this_machine(program: Any) -> None:
    run = program({"database-port": 15432, "media-port": 19000, "web-port": 18000})
    url = DatabaseURL.parse(run.outputs["DATABASE_URL"])
    assert (url.host, url.port) == ("127.0.0.1", 15432)
    assert S3DSN.parse(run.outputs["DEFAULT_STORAGE_DSN"]).endpoint_url == "http://127.0.0.1:19000"
    assert run.outputs["url"] == "http://localhost:18000"


@pytest.mark.parametrize("keep", [True, False])
def test_volumes_outlive_destroy_unless_keep_data_is_false(program: Any, keep: bool) -> None:
    volumes = program({"keep-data": keep}).of_type("docker:index/volume:Volume")
    kept = {volume.inputs["name"].rpartition("-")[2]: volume.request.retainOnDelete for volume in volumes}
    assert kept == {"database": keep, "media": keep, "maintenance": False}


def test_half_made_containers_are_replaced_at_the_next_update(program: Any) -> None:
    for container in program().of_type("docker:index/container:Container"):
        assert list(container.request.replaceOnChanges) == ["*"]
        assert container.request.deleteBeforeReplace


def test_aws_is_not_imported_for_the_local_platform(program: Any) -> None:
    import subprocess
    import sys

    code = "import infra.local.platform, infra.settings, sys; sys.exit('pulumi_aws' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


EVERYTHING = {
    "web-command": "",
    "debug": False,
    "mount-source": False,
    "cache": "valkey",
    "mail": "mailpit",
    "processes": {"worker": {"command": "python x.py"}},
    "schedules": {"daily": {"command": "python y.py", "cron": "0 4 * * *"}},
}


def test_no_container_is_checked_more_often_than_twice_a_minute(program: Any) -> None:
    """Docker starts a process for each check, also in a stack that nobody uses."""
    checks = [one.inputs["healthcheck"] for one in program(EVERYTHING).of_type("docker:index/container:Container")]
    assert {check["interval"] for check in checks if check["tests"] != ["NONE"]} == {"30s"}


def test_no_health_check_has_a_value_that_docker_takes_from_the_image(program: Any) -> None:
    """The official plugin finds such a value in the container, and makes that anew in every update."""
    containers = program(EVERYTHING).of_type("docker:index/container:Container")
    assert len(containers) >= 7
    for container in containers:
        check = container.inputs["healthcheck"]
        assert {"interval", "timeout", "retries", "startPeriod"} <= check.keys(), container.name
        # Engines before 25 have no start interval, whatever they are told.
        assert "startInterval" not in check
        assert container.request.ignoreChanges == ["healthcheck.startInterval"], container.name
