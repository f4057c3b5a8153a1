"""A version is run again, and on another stack, as it was built: the image's id is the same, and nothing is built."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from tests.e2e.conftest import MakeStack
from tests.e2e.stacks import SERVING, Stack
from tests.ports import free_ports

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]

MIGRATION = "migrations.RunSQL('CREATE TABLE second (id int)', 'DROP TABLE second')"


def command(stack: Stack, *words: str, check: bool = True) -> Any:
    return stack.run("django-stack", words[0], "-s", stack.name, *words[1:], check=check)


def versions(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(command(stack, "versions", "--json").stdout)["versions"]
    return found


def page(stack: Stack) -> str:
    return requests.get(f"{stack.url}/", timeout=10).text


def test_a_version_comes_back_over_a_newer_schema_and_goes_to_another_stack(make_stack: MakeStack) -> None:
    stack = make_stack("versions", SERVING)
    (stack.app / "stack.txt").write_text(stack.name)  # an image of its own
    stack.up()
    (first,) = versions(stack)
    assert first["runs"]
    assert first["id"] == stack.container("web").attrs["Image"]
    base = stack.app / "gallery/templates/base.html"
    base.write_text(base.read_text().replace("</head>", "<!-- the second version --></head>"))
    migration = stack.add_migration("second", MIGRATION)
    stack.up()
    assert "the second version" in page(stack)
    second, *older = versions(stack)
    assert [one["hash"] for one in older] == [first["hash"]]
    assert second["runs"]
    assert older[0]["ran"]

    refused = command(stack, "rollback", "--yes", check=False)
    assert refused.returncode == 1
    assert (
        f"the database has the migration gallery.{migration.stem}, which the version {first['hash']} lacks"
        in refused.stdout
    )
    assert "--schema-ahead" in refused.stdout
    assert "django-stack:image" not in (stack.folder / f"Pulumi.{stack.name}.yaml").read_text()
    assert "the second version" in page(stack)

    nobody = command(stack, "rollback", "--schema-ahead", check=False)
    assert nobody.returncode == 1
    assert "Fix: the same with --yes" in nobody.stdout

    done = command(stack, "rollback", "--schema-ahead", "--yes")
    assert f"django-stack rollback -s {stack.name} --undo" in done.stdout
    assert "Step 1/" not in done.stdout, "the builder's first word"
    assert stack.container("web").attrs["Image"] == first["id"]
    assert "the second version" not in page(stack)
    preview = stack.pulumi("preview", "--expect-no-changes")
    assert preview.returncode == 0
    there = versions(stack)
    assert {one["hash"]: one["id"] for one in there} == {one["hash"]: one["id"] for one in (first, second)}
    assert [one["hash"] for one in there if one["runs"]] == [first["hash"]]

    command(stack, "rollback", "--undo", "--yes")
    assert stack.container("web").attrs["Image"] == second["id"]
    assert "the second version" in page(stack)
    before = versions(stack)[1]
    assert (before["hash"], before["runs"]) == (first["hash"], False)

    with beside(stack) as other:
        promoted = stack.run("django-stack", "promote", stack.name, other.name, "--yes")
        assert "Step 1/" not in promoted.stdout
        assert other.container("web").attrs["Image"] == second["id"]
        assert "the second version" in page(other)
        assert versions(other)[0]["hash"] == second["hash"]
        other.configure(image=f"stack:{stack.name}")
        other.pulumi("preview", "--expect-no-changes")
        other.configure(image="0123456789ab")
        gone = other.up(check=False)
        assert gone.returncode
        assert f"Fix: pulumi config set -s {other.name} image {second['hash']}" in gone.stdout
        assert other.container("web").attrs["Image"] == second["id"]


@contextmanager
def beside(stack: Stack) -> Iterator[Stack]:
    """A second stack of the same project, not yet up."""
    ports = dict(zip(("web-port", "database-port", "media-port"), free_ports(3), strict=True))
    other = Stack(stack.folder, f"{stack.name}-next", ports, stack.engine)
    try:
        other.configure(SERVING)
        other.run("pulumi", "stack", "init", other.name, "--no-select", "--non-interactive")
        yield other
    finally:
        other.remove_all()
