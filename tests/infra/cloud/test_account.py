"""What an account doesn't allow yet is said before anything is made."""

from typing import Any

import pytest

from infra.cloud import preflight as module
from infra.settings import Settings
from tests.infra.cloud.fake_aws import RefusalError
from tests.infra.cloud.preflight_machine import refusal

FREE = {"accountPlanType": "FREE", "accountPlanStatus": "ACTIVE"}


@pytest.mark.parametrize(
    ("given", "fix"),
    [
        ({}, "database-backup-days 1"),
        ({"database-backup-days": 1, "database-class": "db.t4g.small"}, "database-class db.t4g.micro"),
        ({"database-backup-days": 1, "database-multi-az": True}, "database-multi-az false"),
    ],
)
def test_what_the_free_plan_refuses_is_said_before_anything_is_made(
    machine: Any, as_stack: Any, set_config: Any, given: dict[str, Any], fix: str
) -> None:
    as_stack("cloud")
    set_config(given, platform="cloud")
    settings = Settings.load()
    machine.aws.on("GetAccountPlanState", FREE)
    message = refusal(settings)
    assert "this account is on AWS's free plan" in message
    assert f"Fix: pulumi config set -s cloud {fix}; or upgrade the account's plan" in message
    assert message.count("Fix:") == 1
    machine.aws.on("GetAccountPlanState", FREE | {"accountPlanType": "PAID"})
    module.preflight(settings)


def test_an_expired_free_plan_is_named(machine: Any, settings: Settings) -> None:
    machine.aws.on("GetAccountPlanState", FREE | {"accountPlanStatus": "EXPIRED"})
    assert "this account's free plan has expired" in refusal(settings)


@pytest.mark.parametrize(("quota", "enough"), [(3.9, False), (4.0, True)])
def test_a_quota_that_is_too_small_for_a_roll_out_is_named(
    machine: Any, as_stack: Any, set_config: Any, quota: float, enough: bool
) -> None:
    as_stack("cloud")
    set_config(
        {"cpu": 1024, "memory": 2048, "tasks-min": 2, "tasks-max": 2, "database-class": "db.t4g.medium"},
        platform="cloud",
    )
    machine.aws.on("GetServiceQuota", {"Quota": {"Value": quota}})
    settings = Settings.load()
    if enough:
        module.preflight(settings)
    else:
        message = refusal(settings)
        assert "is 4 vCPUs, and this account may run 3.9 on Fargate in us-east-1" in message
        assert "--service-code fargate --quota-code L-3032A538 --desired-value 16" in message
    (asked,) = machine.aws.asked("GetServiceQuota")
    assert asked == {"ServiceCode": "fargate", "QuotaCode": "L-3032A538"}


@pytest.mark.parametrize(("quota", "enough"), [(3.7, False), (3.75, True)])
def test_the_quota_is_to_hold_the_processes_too(
    machine: Any, as_stack: Any, set_config: Any, quota: float, enough: bool
) -> None:
    """A quarter of a vCPU for each of two tasks of the web and for the single beat, a half for six workers."""
    as_stack("cloud")
    processes = {"beat": {"command": "x"}, "worker": {"command": "x", "count": 3, "cpu": 512, "max": 6}}
    web = {"tasks-min": 1, "database-class": "db.t4g.large", "processes": processes}
    set_config(web, platform="cloud")
    machine.aws.on("GetServiceQuota", {"Quota": {"Value": quota}})
    settings = Settings.load()
    if enough:
        module.preflight(settings)
    else:
        assert "x cpu, with the processes, is 3.75 vCPUs" in refusal(settings)


@pytest.mark.parametrize("given", [{}, {"database-snapshot": "before"}])
def test_a_new_database_is_not_made_when_nobody_may_ask_rds(
    machine: Any, as_stack: Any, set_config: Any, given: dict[str, Any]
) -> None:
    as_stack("cloud")
    set_config(given, platform="cloud")
    machine.aws.on("DescribeDBInstances", RefusalError("AccessDenied", "not authorized", 403))
    settings = Settings.load()
    if given:
        assert "database-snapshot can't be checked: " in refusal(settings)
    else:
        module.preflight(settings)
