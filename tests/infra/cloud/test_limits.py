"""The sizes that settings allow are those that AWS has: compared with the schemas in cfn-lint, which AWS publishes."""

import json
from importlib.resources import files
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from infra.cloud.settings import CloudSettings
from infra.cloud.sizes import DATABASE_CLASSES, FARGATE_SIZES, LOG_DAYS, ZONES
from infra.setting_kinds import declared

EXTENSIONS = files("cfnlint") / "data" / "schemas" / "extensions"


def extension(name: str) -> Any:
    return json.loads((EXTENSIONS / f"{name}.json").read_text())


def test_memory_and_cpu_of_a_task_are_pairs_that_fargate_has() -> None:
    published: dict[int, list[int]] = {}
    for size in extension("aws_ecs_taskdefinition/fargate_cpu_memory")["then"]["anyOf"]:
        (cpu,), memory = size["properties"]["Cpu"]["then"]["enum"], size["properties"]["Memory"]["then"]
        steps = range(memory.get("minimum", 0), memory.get("maximum", 0) + 1, memory.get("multipleOf", 1))
        published[int(cpu)] = memory.get("enum") or list(steps)
    assert {cpu: list(memory) for cpu, memory in FARGATE_SIZES.items()} == {
        cpu: published[cpu] for cpu in FARGATE_SIZES
    }
    assert set(published) - set(FARGATE_SIZES) <= {32768}, "of AWS's sizes, only the newest is missing"


def test_logs_are_kept_for_a_number_of_days_that_cloudwatch_has() -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::Logs::LogGroup").schema
    assert list(LOG_DAYS) == schema["properties"]["RetentionInDays"]["enum"]


def test_every_database_class_is_one_of_postgresqls() -> None:
    rules = extension("aws_rds_dbinstance/dbinstanceclass_enum")["us-east-1"]["allOf"]
    classes: set[str] = set()
    for rule in rules:
        if rule["if"]["properties"]["Engine"] == {"const": "postgres"}:
            classes |= set(rule["then"]["properties"]["DBInstanceClass"]["enum"])
    assert set(DATABASE_CLASSES) <= classes
    assert len(DATABASE_CLASSES) == 2 * 6 + 6 * 6 + 6 * 6


@pytest.mark.parametrize(
    ("name", "memory"),
    [
        ("t3.micro", 1),
        ("t4g.micro", 1),
        ("t4g.2xlarge", 32),
        ("m5.large", 8),
        ("m8g.16xlarge", 256),
        ("r5.large", 16),
        ("r8g.16xlarge", 512),
    ],
)
def test_a_class_has_the_memory_of_amazons_table(name: str, memory: int) -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html"""
    assert DATABASE_CLASSES[f"db.{name}"] == memory


def test_the_letters_of_zones_are_in_order_since_a_subnets_addresses_follow_from_them() -> None:
    assert ZONES == "abcdefgh"


def test_a_size_that_nobody_names_is_the_smallest_that_runs_the_site() -> None:
    """The bill of docs/costs.md is for these; a larger default would be paid by everybody who didn't choose it."""
    shipped = {setting.key: setting.default for setting in declared(CloudSettings, own=True).values()}
    assert shipped == {
        "aws:region": "",
        "aws:profile": "",
        "architecture": "amd64",
        "cpu": 256,
        "memory": 1024,
        "tasks-min": 1,
        "tasks-max": 4,
        "rollout-timeout": 1200,
        "execute-command": False,
        "monthly-budget": 0,
        "waf": False,
        "waf-rate-limit": 2000,
        "zones": "",
        "address-block": "10.0.0.0/16",
        "nat-gateway": False,
        "permissions-boundary": "",
        "hosted-zone": "",
        "certificate": "",
        "database-class": "db.t4g.micro",
        "database-storage": 20,
        "database-storage-max": 100,
        "database-multi-az": False,
        "database-upgrade": False,
        "database-backup-days": 7,
        "database-snapshot": "",
        "database-restore-time": "",
        "database-restore-source": "",
        "database-insights": "off",
        "cache-class": "cache.t4g.micro",
        "cache-multi-az": False,
        "container-insights": "disabled",
        "flow-logs": False,
        "access-logs": False,
        "log-days": 30,
        "alarm-email": "",
    }
