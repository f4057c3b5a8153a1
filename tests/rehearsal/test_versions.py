"""A cloud stack goes back to an image that its registry has: same digest, nothing built, nothing pushed."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests import ROOT
from tests.rehearsal.stacks import Stack
from tests.rehearsal.tasks import images, service

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.rehearsal]

MIGRATION = """from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("gallery", "{last}")]
    operations = [migrations.RunSQL("CREATE TABLE second (id int)", "DROP TABLE second")]
"""


def versions(stack: Stack) -> list[dict[str, Any]]:
    done = stack.operate("versions", "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["versions"]
    return found


def running_image(stack: Stack) -> str:
    definition = stack.client("ecs").describe_task_definition(taskDefinition=service(stack)["taskDefinition"])
    (web,) = [one for one in definition["taskDefinition"]["containerDefinitions"] if one["name"] == "web"]
    return str(web["image"])


def test_a_version_comes_back_over_a_newer_schema_with_its_digest(stack: Stack) -> None:
    (first,) = versions(stack)
    image = running_image(stack)
    assert first["runs"]
    assert image.endswith(f"@{first['id']}")
    base = stack.app / "gallery/templates/base.html"
    base.write_text(base.read_text().replace("</head>", "<!-- the second version --></head>"))
    migrations = stack.app / "gallery/migrations"
    last = max(path.stem for path in migrations.glob("0*.py"))
    (migrations / f"{int(last[:4]) + 1:04}_second.py").write_text(MIGRATION.format(last=last))
    status, output = stack.update()
    assert status == 0, output
    pushed = images(stack)
    assert len(pushed) == 2
    second, before = versions(stack)
    assert (second["runs"], before["hash"], bool(before["ran"])) == (True, first["hash"], True)

    refused = stack.operate("rollback", "--yes")
    assert refused.returncode == 1
    assert f"_second, which the version {first['hash']} lacks" in refused.stderr
    assert running_image(stack).endswith(f"@{second['id']}")

    done = stack.operate("rollback", "--yes", "--schema-ahead")
    assert done.returncode == 0, done.stdout + done.stderr
    assert running_image(stack) == image
    assert b"the second version" not in stack.get("/").read()
    assert images(stack) == pushed, "nothing was pushed"
    assert not [one for one in stack.resources() if one["type"] == "docker:index/image:Image"], "nothing was built"
    ecs = stack.client("ecs")
    family = "django-stack-rehearsal-versions"  # of the tasks that looked at the migrations, one for each rollback
    left = ecs.list_task_definitions(familyPrefix=family, status="ACTIVE")["taskDefinitionArns"]
    ended = ecs.list_task_definitions(familyPrefix=family, status="INACTIVE")["taskDefinitionArns"]
    assert (len(left), len(ended)) == (0, 2)

    copied(stack, first)

    done = stack.operate("rollback", "--undo", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert running_image(stack).endswith(f"@{second['id']}")
    assert b"the second version" in stack.get("/").read()
    assert images(stack) == pushed


def copied(stack: Stack, version: dict[str, Any]) -> None:
    """What a promotion does: the image gets into another stack's repository, with its digest."""
    ecr = stack.client("ecr")
    ecr.create_repository(repositoryName="django-stack/next", imageTagMutability="IMMUTABLE")
    try:
        request = {
            "repository": "django-stack/next",
            "tag": version["hash"],
            "others": [{"repository": "django-stack/rehearsal", "region": stack.region, "profile": ""}],
            "region": stack.region,
            "profile": "",
        }
        done = subprocess.run(
            [sys.executable, "-m", "infra.cloud.steps.copy_image"],
            cwd=ROOT,
            env=stack.environment | {"DOCKER_HOST": os.devnull},
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.stdout.strip() == version["id"], done.stderr
        (there,) = ecr.describe_images(repositoryName="django-stack/next")["imageDetails"]
        assert (there["imageDigest"], there["imageTags"]) == (version["id"], [version["hash"]])
    finally:
        ecr.delete_repository(repositoryName="django-stack/next", force=True)
