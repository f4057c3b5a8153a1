"""The policy in the docs for whoever copies data out of a stack on AWS or into one, besides the operator's."""

import ast
import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from infra.commands.data.cloud_bucket import PART
from tests.infra.cloud.test_deployer import _listed, reference
from tests.infra.conftest import ROOT

# What boto3's methods need, where the action has another name: AWS's service authorization reference.
NAMED_OTHERWISE = {
    "DescribeDbInstanceAutomatedBackups": "DescribeDBInstanceAutomatedBackups",
    "DescribeDbSnapshots": "DescribeDBSnapshots",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectsV2": "ListBucket",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "UploadFileobj": "PutObject",
}
# What the operator's policy allows.
OPERATORS = {"ListTaskDefinitions"}
CALL = re.compile(r"(?:abort|create|delete|deregister|describe_db|get|list|put|register|upload)_[a-z0-9_]+")


def policy() -> list[dict[str, Any]]:
    document: dict[str, Any] = json.loads((ROOT / "docs" / "cloud-copier-policy.json").read_text())
    return list(document["Statement"])


def called() -> set[str]:
    """The actions, without their service, of all calls in the modules about the cloud's buckets and tasks."""
    found = set()
    for name in ("cloud_backups", "cloud_bucket", "cloud_tasks"):
        for method in methods(ROOT / "infra" / "commands" / "data" / f"{name}.py"):
            action = "".join(word.capitalize() for word in method.split("_"))
            found.add(NAMED_OTHERWISE.get(action, action))
    return found


def methods(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            if name == "get_paginator" and isinstance(node.args[0], ast.Constant):
                name = str(node.args[0].value)
            if CALL.fullmatch(name):
                yield name


def test_it_allows_every_call_and_nothing_else() -> None:
    allowed = {action for statement in policy() for action in _listed(statement["Action"])}
    assert {action.partition(":")[2] for action in allowed} == called() - OPERATORS
    for action in allowed:
        service, _, name = action.partition(":")
        assert name.lower() in reference()[service]["Actions"], action


def test_the_only_data_it_reaches_are_those_of_copies_under_way() -> None:
    """A stack's own buckets (media, static files, logs) aren't the copier's."""
    (_, buckets) = policy()
    others = (
        "django-stack-cloud-media-2026",
        "django-stack-cloud-logs-2026",
        "django-stack-site-copy-media-2026",  # of a stack that is called site-copy
        "another-project-cloud--copy-0a",
    )
    for own in others:
        assert not any(fnmatchcase(f"arn:aws:s3:::{own}", one) for one in buckets["Resource"])
    assert any(fnmatchcase(f"arn:aws:s3:::django-stack-cloud-{PART}-0a1b", one) for one in buckets["Resource"])
