"""The ECS service, its roll-out and its scaling."""

import json
from typing import Any

import pytest

from tests.infra.cloud.variants import OTHER, OWN_DOMAIN


def test_the_roll_out_is_checked_where_the_site_answers(cloud: Any) -> None:
    asked = json.loads(cloud(OWN_DOMAIN)["web-rollout"].inputs["stdin"])
    assert asked["domain"] == "www.example.com"
    assert asked["connect_to"] == "d111111abcdef8.cloudfront.net", "the records may be new, or somebody else's to make"
    run = cloud()
    asked = json.loads(run["web-rollout"].inputs["stdin"])
    assert asked["domain"] == asked["connect_to"] == "d111111abcdef8.cloudfront.net"
    assert asked["task_definition"] == run["web"].inputs["taskDefinition"]
    assert asked["task_definition"] in run["web-rollout"].inputs["triggers"]


def test_autoscaling_owns_the_number_of_tasks(cloud: Any) -> None:
    run = cloud(OTHER)
    assert list(run["web"].request.ignoreChanges) == ["desiredCount"]
    assert (run["web-scaling"].inputs["minCapacity"], run["web-scaling"].inputs["maxCapacity"]) == (2, 3)


@pytest.mark.parametrize(
    ("change", "watched"),
    [
        ({"zones": "us-east-1c,us-east-1a"}, True),
        ({"tasks-min": 2}, True),
        (OWN_DOMAIN, True),
        ({"rollout-timeout": 600, "tasks-max": 2, "alarm-email": "ops@example.com"}, False),
    ],
    ids=str,
)
def test_the_roll_out_is_watched_whenever_ecs_starts_tasks(cloud: Any, change: dict[str, Any], watched: bool) -> None:
    """A new definition is seen in its ARN; here the definition stays, and what else moves tasks changes."""
    before, after = cloud()["web-rollout"].inputs, cloud(change)["web-rollout"].inputs
    assert (before["triggers"] != after["triggers"]) is watched


def test_the_watch_begins_once_autoscaling_knows_how_many_tasks_there_are_at_least(cloud: Any) -> None:
    rollout = cloud(OTHER)["web-rollout"]
    assert json.loads(rollout.inputs["stdin"])["tasks"] == 2
    assert any(urn.endswith("::web-scaling") for urn in rollout.request.dependencies)
