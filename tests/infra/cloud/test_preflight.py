"""What stands in the cloud stack's way is said before anything is made: one line each, with the way to mend it."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pulumi
import pytest
from docker.errors import DockerException

from infra.cloud import preflight as module
from infra.cloud.tags import tags
from infra.cloud.task_kinds import CHECK_SEEN
from infra.settings import Settings
from tests.infra.cloud.fake_aws import FakeAWS, RefusalError
from tests.infra.cloud.preflight_machine import WANTED, refusal

NAME = {"DBInstanceIdentifier": "django-stack-cloud", "InstanceCreateTime": "2026-01-01T00:00:00Z"}


def test_a_machine_with_all_that_is_needed_passes(machine: Any, settings: Settings) -> None:
    module.preflight(settings)


def test_a_missing_plugin_is_named_with_the_command_that_gets_it(
    machine: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.plugin.unlink()
    monkeypatch.setattr(module, "_beside_pulumi", lambda: iter(()))
    monkeypatch.setenv("PATH", "/nowhere")
    message = refusal(settings)
    assert (
        f"Pulumi's aws plugin {WANTED} is not on this machine. Fix: pulumi plugin install resource aws v{WANTED} "
        in message
    )
    assert message.count("Fix:") == 1


@pytest.mark.parametrize("place", ["resource-aws-v7.0.0", "resource-aws-v7.999.0", f"resource-aws-v{WANTED}-alpha.1"])
def test_a_plugin_of_another_version_is_none(
    machine: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The engine takes the very version that the SDK requests: SelectCompatiblePlugin in Pulumi's plugins.go."""
    machine.plugin.parent.rename(machine.plugin.parent.with_name(place))
    monkeypatch.setattr(module, "_beside_pulumi", lambda: iter(()))
    monkeypatch.setenv("PATH", "/nowhere")
    assert "is not on this machine" in refusal(settings)


def test_a_plugin_whose_installation_was_interrupted_is_none(
    machine: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.plugin.parent.with_name(f"resource-aws-v{WANTED}.partial").touch()
    monkeypatch.setattr(module, "_beside_pulumi", lambda: iter(()))
    monkeypatch.setenv("PATH", "/nowhere")
    assert "is not on this machine" in refusal(settings)


def test_a_plugin_beside_pulumi_is_good(
    machine: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine.plugin.unlink()
    (tmp_path / "pulumi-resource-aws").touch()
    monkeypatch.setattr(module, "_beside_pulumi", lambda: iter([tmp_path]))
    module.preflight(settings)


@pytest.mark.parametrize("place", ["on PATH", "beside the pulumi on PATH", "attached"])
def test_a_plugin_that_pulumi_would_find_is_enough(
    machine: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    machine.plugin.unlink()
    real, path = tmp_path / "real", tmp_path / "path"
    for folder in (real, path):
        folder.mkdir()
    (real / "pulumi").touch(mode=0o755)
    (path / "pulumi").symlink_to(real / "pulumi")
    monkeypatch.setenv("PATH", str(path))
    if place == "on PATH":
        (path / "pulumi-resource-aws").touch(mode=0o755)
    elif place == "attached":
        monkeypatch.setenv("PULUMI_DEBUG_PROVIDERS", "aws:1234")
    else:
        (real / "pulumi-resource-aws").touch(mode=0o755)
    monkeypatch.setattr(module.psutil, "Process", lambda: SimpleNamespace(parents=lambda: []))
    module.preflight(settings)


def test_missing_credentials_are_named_with_the_way_to_get_some(
    machine: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    message = refusal(settings)
    assert "AWS credentials are missing or can't be verified: Unable to locate credentials" in message
    assert "aws configure sso" in message


def test_credentials_that_aws_refuses_are_named_with_its_words(machine: Any, settings: Settings) -> None:
    aws: FakeAWS = machine.aws
    aws.on("GetCallerIdentity", RefusalError("ExpiredToken", "The security token is expired", 403))
    assert "AWS refuses your credentials: The security token is expired. Fix: log in again" in refusal(settings)


def test_a_profile_that_does_not_exist_is_named(machine: Any, as_stack: Any, set_config: Any) -> None:
    as_stack("cloud")
    set_config({"aws:profile": "nobodys"}, platform="cloud")
    assert "profile (nobodys) could not be found" in refusal(Settings.load())


@pytest.mark.parametrize("by", ["variable", "file"])
def test_the_public_passphrase_is_refused(
    machine: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, by: str
) -> None:
    if by == "variable":
        monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "django-stack-local")
    else:
        (tmp_path / "passphrase").write_text("django-stack-local\n")
        monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
        monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    message = refusal(settings)
    assert "the local stack's passphrase, which is public" in message
    assert "pulumi stack change-secrets-provider -s cloud" in message


def test_the_public_passphrase_in_the_shell_does_not_matter_to_a_stack_with_a_kms_key(
    machine: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "django-stack-local")
    (tmp_path / "Pulumi.cloud.yaml").write_text("secretsprovider: awskms://alias/pulumi\nencryptedkey: AQICAH\n")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    module.preflight(settings)


def with_zones(as_stack: Any, set_config: Any, zones: str, **more: str) -> Settings:
    as_stack("cloud")
    set_config({"zones": zones, **more}, platform="cloud")
    return Settings.load()


def test_the_zone_of_the_database_can_not_be_taken_away(machine: Any, as_stack: Any, set_config: Any) -> None:
    stands = NAME | {"AvailabilityZone": "us-east-1a", "SecondaryAvailabilityZone": "us-east-1d"}
    machine.aws.on("DescribeDBInstances", {"DBInstances": [stands]})
    message = refusal(with_zones(as_stack, set_config, "us-east-1b,us-east-1c,us-east-1d"))
    assert "zones is us-east-1b,us-east-1c,us-east-1d, without us-east-1a, where the database is" in message
    assert "zones us-east-1a,us-east-1b,us-east-1c,us-east-1d" in message


def test_a_zone_without_the_database_can_be_taken_away(machine: Any, as_stack: Any, set_config: Any) -> None:
    machine.aws.on("DescribeDBInstances", {"DBInstances": [NAME | {"AvailabilityZone": "us-east-1c"}]})
    module.preflight(with_zones(as_stack, set_config, "us-east-1b,us-east-1c"))


def test_the_zone_of_a_node_of_the_cache_can_not_be_taken_away(machine: Any, as_stack: Any, set_config: Any) -> None:
    nodes = [{"CacheClusterId": "001", "PreferredAvailabilityZone": f"us-east-1{letter}"} for letter in "ab"]
    groups = {"ReplicationGroups": [{"NodeGroups": [{"NodeGroupMembers": nodes}]}]}
    machine.aws.on("DescribeReplicationGroups", groups)
    message = refusal(with_zones(as_stack, set_config, "us-east-1b,us-east-1c", cache="valkey"))
    assert "zones is us-east-1b,us-east-1c, without us-east-1a, where the cache has a node." in message
    assert (
        "`cache none` for one update. Fix: pulumi config set -s cloud zones us-east-1a,us-east-1b,us-east-1c" in message
    )
    assert machine.aws.asked("DescribeReplicationGroups")[0]["ReplicationGroupId"] == "django-stack-cloud"
    for zones, cache in (("us-east-1a,us-east-1b", "valkey"), ("us-east-1b,us-east-1c", "none")):
        module.preflight(with_zones(as_stack, set_config, zones, cache=cache))
    machine.aws.on("DescribeReplicationGroups", RefusalError("ReplicationGroupNotFoundFault", "none yet", 404))
    module.preflight(with_zones(as_stack, set_config, "us-east-1b,us-east-1c", cache="valkey"))


def test_zones_can_be_chosen_before_there_is_a_database(machine: Any, as_stack: Any, set_config: Any) -> None:
    module.preflight(with_zones(as_stack, set_config, "us-east-1b,us-east-1c"))


def region(machine: Any, **ids: str) -> None:
    """Answers with the region's zones, by their letters."""
    items = [{"zoneName": f"us-east-1{letter}", "zoneId": zone} for letter, zone in ids.items()]
    machine.aws.on("DescribeAvailabilityZones", {"availabilityZoneInfo": items})


def test_two_zones_must_be_there_that_cloudfront_reaches(machine: Any, as_stack: Any, set_config: Any) -> None:
    region(machine, a="use1-az3", b="use1-az1", c="use1-az2", d="use1-az4")
    message = refusal(with_zones(as_stack, set_config, "us-east-1a,us-east-1b"))
    assert "zones is us-east-1a,us-east-1b; in us-east-1a (use1-az3) CloudFront reaches no load balancer" in message
    assert "Fix: pulumi config set -s cloud zones us-east-1a,us-east-1b,us-east-1c" in message
    module.preflight(with_zones(as_stack, set_config, "us-east-1a,us-east-1b,us-east-1c"))


def test_without_a_choice_the_database_may_be_in_a_zone_that_is_no_longer_taken(
    machine: Any, settings: Settings
) -> None:
    region(machine, a="use1-az3", b="use1-az1", c="use1-az2")
    machine.aws.on("DescribeDBInstances", {"DBInstances": [NAME | {"AvailabilityZone": "us-east-1a"}]})
    message = refusal(settings)
    assert "zones is empty, which means us-east-1b,us-east-1c, without us-east-1a, where the database is" in message
    assert "Fix: pulumi config set -s cloud zones us-east-1a,us-east-1b,us-east-1c" in message
    machine.aws.on("DescribeDBInstances", {"DBInstances": [NAME | {"AvailabilityZone": "us-east-1c"}]})
    module.preflight(settings)


@pytest.mark.parametrize(("block", "moves"), [("10.1.0.0/16", True), ("10.0.0.0/16", False)])
def test_a_network_that_exists_keeps_its_addresses(
    machine: Any, as_stack: Any, set_config: Any, block: str, moves: bool
) -> None:
    as_stack("cloud")
    set_config({"address-block": block}, platform="cloud")
    machine.aws.on("DescribeVpcs", {"vpcSet": {"item": {"vpcId": "vpc-1", "cidrBlock": "10.0.0.0/16"}}})
    settings = Settings.load()
    if moves:
        message = refusal(settings)
        assert "address-block is 10.1.0.0/16, and the stack's network has 10.0.0.0/16" in message
        assert "Fix: pulumi config set -s cloud address-block 10.0.0.0/16" in message
    else:
        module.preflight(settings)
    (asked,) = machine.aws.asked("DescribeVpcs")
    assert {"tag:django-stack.project", "tag:django-stack.stack", "django-stack", "cloud"} <= set(asked.values())


@pytest.mark.parametrize(
    ("runs", "wanted", "upgrade", "text"),
    [
        (
            "16.4",
            17,
            False,
            "the database runs PostgreSQL 16; to upgrade it, which can't be undone, set database-upgrade",
        ),
        ("17.2", 16, True, "the database runs PostgreSQL 17, which can't be downgraded"),
        ("16.4", 17, True, ""),
        ("17.6", 17, False, ""),
    ],
)
def test_the_database_is_upgraded_when_that_is_asked_for_and_never_the_other_way(
    machine: Any, as_stack: Any, set_config: Any, runs: str, wanted: int, upgrade: bool, text: str
) -> None:
    as_stack("cloud")
    set_config({"postgres-version": wanted, "database-upgrade": upgrade}, platform="cloud")
    machine.aws.on("DescribeDBInstances", {"DBInstances": [NAME | {"EngineVersion": runs}]})
    settings = Settings.load()
    if text:
        message = refusal(settings)
        assert f"postgres-version is {wanted}, and {text}" in message
        assert f"postgres-version {runs[:2]}" in message
    else:
        module.preflight(settings)


def test_a_database_that_does_not_say_its_version_yet_is_no_obstacle(machine: Any, settings: Settings) -> None:
    """While it is being made, RDS describes it in part."""
    machine.aws.on("DescribeDBInstances", {"DBInstances": [{"DBInstanceIdentifier": "django-stack-cloud"}]})
    module.preflight(settings)


def test_all_obstacles_are_listed_together(machine: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(**_: Any) -> None:
        raise DockerException("Connection refused")

    machine.plugin.unlink()
    monkeypatch.setattr(module, "_beside_pulumi", lambda: iter(()))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "django-stack-local")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setattr(docker, "from_env", unreachable)
    assert refusal(settings).count("Fix:") == 4


def test_a_missing_package_is_one_line_that_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "infra.cloud.platform", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(pulumi.RunError, match="python3 tools/setup cloud"):
        importlib.import_module("infra.cloud.platform")


@pytest.mark.parametrize(
    ("file", "is_refused"),
    [
        (None, True),
        ("", True),
        ("config: {}\n", True),
        ("secretsprovider: passphrase\n", True),
        ("secretsprovider: gcpkms://key\n", False),
    ],
)
def test_the_public_passphrase_matters_where_it_is_what_encrypts(
    machine: Any,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    file: str | None,
    is_refused: bool,
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "django-stack-local")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(pulumi, "get_root_directory", lambda: str(tmp_path))
    if file is not None:
        (tmp_path / "Pulumi.cloud.yaml").write_text(file)
    if is_refused:
        assert "'awskms://alias/pulumi?region=us-east-1'" in refusal(settings)
    else:
        module.preflight(settings)


@pytest.mark.parametrize(
    ("other", "its_tags", "counts"),
    [
        ("django-stack-cloud", {}, True),
        ("django-stack-cloud-0a1b2c3d", {"django-stack.project": "django-stack", "django-stack.stack": "cloud"}, True),
        ("django-stack-cloud-0a1b2c3d", {"django-stack.project": "django-stack", "django-stack.stack": "pr-12"}, False),
        ("django-stack-cloudy", {}, False),
        (
            "check-django-stack-cloud-260131120000abcd",
            {"django-stack.project": "django-stack", "django-stack.stack": "cloud", CHECK_SEEN: "2026-01-31T12:00:00Z"},
            False,
        ),
    ],
)
def test_the_database_that_counts_is_the_stacks_own_by_name_or_tags(
    machine: Any, settings: Settings, other: str, its_tags: dict[str, str], counts: bool
) -> None:
    listed = [{"Key": key, "Value": value} for key, value in {**its_tags, "Name": "x"}.items()]
    database = NAME | {"DBInstanceIdentifier": other, "EngineVersion": "16.4", "TagList": listed}
    machine.aws.on("DescribeDBInstances", {"DBInstances": [database]})
    if counts:
        assert "the database runs PostgreSQL 16" in refusal(settings)
    else:
        module.preflight(settings)


def test_a_database_that_the_stack_adopted_counts_by_its_tags(machine: Any, settings: Settings) -> None:
    """It keeps its name; a copy of it that somebody made by hand has the tags as well, and is younger."""
    ours = NAME | {"TagList": [{"Key": key, "Value": value} for key, value in tags(settings).items()]}
    adopted = ours | {"DBInstanceIdentifier": "django-stack-before", "EngineVersion": "18.1"}
    by_hand = ours | {"DBInstanceIdentifier": "look-at-monday", "EngineVersion": "17.6"}
    by_hand |= {"InstanceCreateTime": "2026-02-01T00:00:00Z"}
    machine.aws.on("DescribeDBInstances", {"DBInstances": [by_hand, adopted | {"InstanceCreateTime": "2025-01-01"}]})
    assert "the database runs PostgreSQL 18" in refusal(settings)


def test_of_several_databases_of_a_stack_the_newest_one_runs(machine: Any, settings: Settings) -> None:
    ours = {"TagList": [{"Key": key, "Value": value} for key, value in tags(settings).items()]}
    old, new = NAME | {"EngineVersion": "16.4"}, {"InstanceCreateTime": "2026-02-01T00:00:00Z", "EngineVersion": "17.6"}
    restored = ours | new | {"DBInstanceIdentifier": "django-stack-cloud-0a1b2c3d"}
    machine.aws.on("DescribeDBInstances", {"DBInstances": [restored, old]})
    module.preflight(settings)
    machine.aws.on("DescribeDBInstances", {"DBInstances": [restored | {"EngineVersion": "18.1"}, old]})
    assert "the database runs PostgreSQL 18" in refusal(settings)
