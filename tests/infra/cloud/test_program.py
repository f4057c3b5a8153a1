"""The cloud platform's program as a whole: previews, repeated runs, the release in its place."""

import json
from typing import Any

import pytest

from tests.infra.cloud.variants import OTHER, inputs


@pytest.mark.parametrize("settings", [{}, OTHER], ids=["shipped", "other"])
def test_a_preview_that_knows_nothing_yet_registers_everything(cloud: Any, settings: dict[str, Any]) -> None:
    preview = cloud(settings, preview=True)
    assert set(inputs(preview)) == set(inputs(cloud(settings)))
    assert preview["task"].type == "aws:ecs/taskDefinition:TaskDefinition"


def test_the_same_settings_give_the_same_inputs_each_time(cloud: Any) -> None:
    again = {**OTHER, "platform": "cloud"}  # the default, said: another run of the program
    assert inputs(cloud(again)) == inputs(cloud(OTHER))


def test_the_release_runs_the_very_definition_of_the_web_in_its_network(cloud: Any) -> None:
    run = cloud()
    asked = json.loads(run["release"].inputs["stdin"])
    web = run["web"].inputs
    assert asked["task_definition"] == web["taskDefinition"]
    assert asked["subnets"] == web["networkConfiguration"]["subnets"]
    assert asked["security_groups"] == web["networkConfiguration"]["securityGroups"]


def test_the_processor_is_chosen_for_image_and_tasks_together(cloud: Any) -> None:
    run = cloud(OTHER)
    assert run["image"].inputs["build"]["platform"] == "linux/arm64"
    assert run["task"].inputs["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    assert run.outputs["image"] != cloud().outputs["image"]


def test_data_that_need_not_be_kept_can_be_destroyed_but_for_a_last_snapshot(cloud: Any) -> None:
    run = cloud(OTHER)
    assert not run["database"].request.protect
    assert run["database"].inputs["deletionProtection"] is False
    assert run["database"].inputs["skipFinalSnapshot"] is False
    assert run["media"].inputs["forceDestroy"] is True


def test_the_step_that_pushes_the_image_is_given_no_secret(cloud: Any) -> None:
    """Its request and what it prints are no secrets of the stack."""
    assert "random" not in json.dumps(cloud()["image-push"].inputs)
