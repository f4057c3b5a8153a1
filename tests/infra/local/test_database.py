"""The container of PostgreSQL and its volume."""

from typing import Any

import pytest


@pytest.mark.parametrize("version", [14, 17])
def test_before_postgresql_18_the_volume_is_where_it_has_always_been(program: Any, version: int) -> None:
    """Any other input would make the containers of running stacks anew, or mount their data elsewhere."""
    inputs = program({"postgres-version": version})["database"].inputs
    assert inputs["volumes"] == [
        {"volumeName": "django-stack-local-database", "containerPath": "/var/lib/postgresql/data"}
    ]
    assert [entry.partition("=")[0] for entry in inputs["envs"]] == [
        "POSTGRES_DB",
        "POSTGRES_PASSWORD",
        "POSTGRES_USER",
    ]


def test_since_postgresql_18_the_volume_holds_a_folder_of_the_version(program: Any) -> None:
    run = program({"postgres-version": 18})
    (mounted,) = run["database"].inputs["volumes"]
    assert mounted["containerPath"] == "/var/lib/postgresql"
    assert run.env("database")["PGDATA"] == "/var/lib/postgresql/18/docker"
    assert run["database-image"].inputs["name"] == "postgres:18-trixie"


def test_the_image_is_compared_with_the_settings_before_volume_and_container_are_made(program: Any) -> None:
    run = program()
    compared = next(urn for urn in run["database-data"].request.dependencies if urn.endswith("::database-image-fits"))
    assert compared in run["database"].request.dependencies
    assert list(run["database-data"].request.ignoreChanges) == ["labels"]
