"""The container of PostgreSQL and its volume."""

from typing import Any

import pulumi
import pytest
from pulumi.runtime.mocks import MockMonitor

from tests.infra.conftest import run_program


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


def test_an_image_that_does_not_fit_has_changed_neither_volume_nor_container(
    pulumi_loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: set[str] = set()
    register = MockMonitor.RegisterResource

    def note(self: Any, request: Any) -> Any:
        if request.custom:
            made.add(request.name)
        return register(self, request)

    monkeypatch.setattr(MockMonitor, "RegisterResource", note)
    pulumi_loop.set_exception_handler(lambda *_: None)  # about futures of failed resources, which nobody awaits
    with pytest.raises(pulumi.RunError, match=r"^postgres-image is another\. Fix: "):
        run_program(pulumi_loop, monkeypatch, misfit="postgres-image is another. Fix: take that one")
    assert "database-image" in made
    assert not {"database-data", "database", "database-takes-password", "release", "web"} & made


def test_a_changed_label_of_the_volume_replaces_no_data(program: Any) -> None:
    assert list(program()["database-data"].request.ignoreChanges) == ["labels"]
