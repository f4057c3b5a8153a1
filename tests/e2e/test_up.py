"""`pulumi up` makes a site that answers, and nothing more the second time."""

import sys

import pytest

from tests import ROOT
from tests.e2e.stacks import Stack
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]


def test_the_site_answers_after_the_first_up(development: Stack) -> None:
    ready = development.get("/healthz/ready")
    assert (ready.status_code, ready.json()["migrations"]) == (200, "applied")
    assert development.get("/").status_code == 200


def test_a_second_up_changes_nothing(development: Stack) -> None:
    before = development.ids()
    development.up("--expect-no-changes")
    development.pulumi("preview", "--expect-no-changes")
    assert development.ids() == before


def test_a_refresh_finds_no_drift(development: Stack) -> None:
    development.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    development.up("--expect-no-changes")


def test_every_container_is_set_up_for_this_machine_alone(stack: Stack) -> None:
    containers = {container.name.removeprefix(f"{stack.prefix}-"): container for container in stack.containers()}
    assert set(containers) == {"web", "database", "media"}
    for container in containers.values():
        bindings = [binding for bound in container.ports.values() for binding in bound or []]
        assert [binding["HostIp"] for binding in bindings] == ["127.0.0.1"]
        assert container.attrs["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
        assert (
            container.labels.items()
            >= {
                "django-stack.project": "django-stack",
                "django-stack.stack": stack.name,
            }.items()
        )
        wait_until(lambda it=container: it.reload() or it.health == "healthy", f"{container.name}'s health", 60)
        assert set(container.attrs["NetworkSettings"]["Networks"]) == {stack.prefix}
        assert not container.attrs["HostConfig"]["Privileged"]


def test_the_outputs_make_a_shell_that_reaches_database_and_bucket(development: Stack) -> None:
    list_objects = (
        "import os; from infra.dsn import S3DSN; from tests.e2e.media import Bucket;"
        "print('bucket', sorted(Bucket(S3DSN.parse(os.environ['DEFAULT_STORAGE_DSN'])).objects()))"
    )
    script = f"""
        set -e
        set -a; eval "$(pulumi stack output -s {development.name} --shell --show-secrets)"; set +a
        psql "$DATABASE_URL" -tAc "select 'database', count(*) from django_migrations"
        cd "$1" && "$2" -c "$3"
    """
    done = development.run("bash", "-c", script, "shell", str(ROOT), sys.executable, list_objects)
    assert "database|" in done.stdout
    assert "bucket [" in done.stdout
