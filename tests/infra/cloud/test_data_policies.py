"""The policies in the docs for whoever copies media and checks backups allow what these call, and nothing else."""

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.infra.cloud.test_copier import methods
from tests.infra.cloud.test_deployer import _listed, reference
from tests.infra.conftest import ROOT

# What boto3's methods need, where the action has another name, or where there are more: AWS's service authorization
# reference, and https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html about tags.
ACTIONS = {
    "add_tags_to_resource": {"rds:AddTagsToResource"},
    "complete_multipart_upload": {"s3:PutObject"},
    "copy_object": {"s3:GetObject", "s3:GetObjectTagging", "s3:PutObject", "s3:PutObjectTagging"},
    "create_multipart_upload": {"s3:PutObject"},
    "delete_db_instance": {"rds:DeleteDBInstance"},
    "delete_objects": {"s3:DeleteObject"},
    "describe_db_instances": {"rds:DescribeDBInstances"},
    "describe_db_snapshots": {"rds:DescribeDBSnapshots"},
    "get_object": {"s3:GetObject"},
    "head_object": {"s3:GetObject"},
    "list_multipart_uploads": {"s3:ListBucketMultipartUploads"},
    "list_objects_v2": {"s3:ListBucket"},
    "modify_db_instance": {"rds:ModifyDBInstance"},
    "publish": {"sns:Publish"},
    "put_metric_data": {"cloudwatch:PutMetricData"},
    "put_object": {"s3:PutObject"},
    "restore_db_instance_from_db_snapshot": {"rds:AddTagsToResource", "rds:RestoreDBInstanceFromDBSnapshot"},
    "upload_part": {"s3:PutObject"},
    "upload_part_copy": {"s3:GetObject", "s3:PutObject"},
    "abort_multipart_upload": {"s3:AbortMultipartUpload"},
}
POLICIES = {
    "cloud-media-policy.json": ("data/media_s3.py",),
    "cloud-backup-policy.json": ("data/cloud_snapshot.py", "operations/backup_checks.py"),
}


def policy(name: str) -> list[dict[str, Any]]:
    document: dict[str, Any] = json.loads((ROOT / "docs" / name).read_text())
    return list(document["Statement"])


def allowed(name: str) -> set[str]:
    return {action for statement in policy(name) for action in _listed(statement["Action"])}


@pytest.mark.parametrize("name", POLICIES)
def test_it_allows_every_call_and_nothing_else(name: str) -> None:
    called = set()
    for module in POLICIES[name]:
        for method in {*ACTIONS} & named(module):
            called |= ACTIONS[method]
    assert allowed(name) == called
    for action in called:
        service, _, one = action.partition(":")
        assert one.lower() in reference()[service]["Actions"], action


@pytest.mark.parametrize("name", POLICIES)
def test_every_method_of_boto3_is_known_here(name: str) -> None:
    for module in POLICIES[name]:
        asked = set(methods(ROOT / "infra" / "commands" / module)) - {"get_metric_data", "get_paginator"}
        assert asked <= set(ACTIONS), module


def named(module: str) -> set[str]:
    """Every attribute and text of a module, among which are the methods that it calls."""
    text = (ROOT / "infra" / "commands" / module).read_text()
    return {method for method in ACTIONS if f".{method}(" in text or f'"{method}"' in text}


@pytest.mark.parametrize("own", ["django-stack-cloud-media-2026", "django-stack-pr-12-media-2026"])
def test_media_of_the_project_are_reached_and_nothing_else(own: str) -> None:
    (statement,) = policy("cloud-media-policy.json")

    def reaches(bucket: str) -> bool:
        return any(fnmatchcase(f"arn:aws:s3:::{bucket}/x", one) for one in statement["Resource"])

    assert reaches(own)
    for other in ("django-stack-cloud-logs-2026", "django-stack-cloud-static-2026", "another-cloud-media-2026"):
        assert not reaches(other)


def test_only_databases_of_checks_are_made_changed_and_deleted() -> None:
    changing = [one for one in policy("cloud-backup-policy.json") if "rds:DeleteDBInstance" in one["Action"]]
    assert [one["Resource"] for one in changing] == ["arn:aws:rds:*:*:db:check-django-stack-*"]
    others = [one for one in policy("cloud-backup-policy.json") if one not in changing]
    for statement in others:
        for action in _listed(statement["Action"]):
            assert not action.startswith(("rds:Delete", "rds:Modify")), action
