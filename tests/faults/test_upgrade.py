"""Data move to another version of PostgreSQL by `django-stack upgrade-database`, on real 17 and 18."""

import docker
import pytest

from infra.local.postgres import data_version
from tests.e2e.conftest import MakeStack
from tests.e2e.postgres18 import POSTGRES_18, build_postgres_18
from tests.e2e.stacks import SERVING, database_password
from tools.setup.images import POSTGRES, PYTHON

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.faults]


def test_data_move_from_17_to_18_by_one_command_and_outlive_destroy(
    make_stack: MakeStack, engine: docker.DockerClient
) -> None:
    build_postgres_18()
    upgraded = make_stack("upgrade", SERVING)
    volume = f"{upgraded.prefix}-database"
    upgraded.up()
    # In a schema of its own, where the app's user looks first: `migrate` must find the tables there.
    fill = "create schema own; create table own.kept as select 'gr\u00fc\u00dfe' as word"
    comment = "comment on table own.kept is 'kept'"
    path = "alter role app in database app set search_path = own, public"
    for statement in (fill, comment, path):
        assert upgraded.container("database").exec_run(["psql", "-U", "app", "-c", statement]).exit_code == 0

    upgraded.configure(postgres_image=POSTGRES_18, postgres_version=18)
    refused = upgraded.up(check=False)
    assert f"postgres-version is 18, and the volume {volume} holds data of PostgreSQL 17" in refused.stdout
    assert "nothing was changed" in refused.stdout

    fix = f"django-stack upgrade-database 18 -s {upgraded.name}"
    assert fix in refused.stdout
    upgraded.run("bash", "-c", f"{fix} --image {POSTGRES_18} --yes")
    upgraded.up("--expect-no-changes")
    assert data_version(engine, f"{volume}-17", PYTHON, {}) == 17, "the old volume is kept"
    engine.volumes.get(f"{volume}-17").remove()
    kept = [("gr\u00fc\u00dfe", "/var/lib/postgresql/18/docker")]
    assert upgraded.query("select word, current_setting('data_directory') from kept") == kept
    assert upgraded.query("show search_path") == [("own, public",)]
    assert data_version(engine, volume, PYTHON, {}) == 18
    before = database_password(upgraded.outputs()["DATABASE_URL"])

    upgraded.destroy()
    upgraded.configure(postgres_image=POSTGRES, postgres_version=17)
    refused = upgraded.up(check=False)
    assert f"postgres-version is 17, and the volume {volume} holds data of PostgreSQL 18" in refused.stdout
    upgraded.configure(postgres_image=POSTGRES_18, postgres_version=18)
    assert "collations" not in upgraded.up().stdout
    assert upgraded.query("select word, current_setting('data_directory') from kept") == kept
    assert database_password(upgraded.outputs()["DATABASE_URL"]) != before
    older = "update pg_database set datcollversion = '2.36' where datname = 'app'"
    assert upgraded.container("database").exec_run(["psql", "-U", "app", "-c", older]).exit_code == 0
    ended = upgraded.up("--expect-no-changes").stdout.partition("Diagnostics:")[2]
    assert "warning: The indexes in the database's volume were built with version 2.36" in ended
