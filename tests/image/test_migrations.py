"""Two releases of one database at once, and a migration that meets a table in use."""

from __future__ import annotations

import pytest
from docker.models.containers import Container

from tests.image.services import Services
from tests.waiting import wait_until

pytestmark = pytest.mark.docker

LOCK = 0x6D696772617465  # django_stack/management/commands/migrate.py
WAITING = "Another migration is running; waiting for it to end."


def migrating(services: Services, name: str, *arguments: str) -> Container:
    environment = services.environment(DATABASE_URL=f"postgres://app:password@database:5432/{name}")
    return services.start("python", "manage.py", "migrate", "--noinput", *arguments, environment=environment)


def ended(container: Container) -> int:
    return int(container.wait(timeout=60)["StatusCode"])


def test_two_migrations_at_once_the_second_waits_and_finds_nothing_to_do(services: Services) -> None:
    """Both wait for a third at first, much longer than `lock_timeout`, which must not apply to this waiting."""
    name = services.new_database()
    with services.connect(name) as first_of_all:
        first_of_all.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        both = [migrating(services, name, "--lock-timeout", "100ms") for _ in range(2)]
        for container in both:
            wait_until(lambda c=container: WAITING in c.logs().decode(), "a migration that waits")  # type: ignore[misc]
        with pytest.raises(Exception, match="timed out"):
            both[0].wait(timeout=2)
        first_of_all.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
    assert [ended(container) for container in both] == [0, 0]
    logs = [container.logs().decode() for container in both]
    assert sorted("No migrations to apply." in log for log in logs) == [False, True]
    assert sum("Applying gallery.0001_initial... OK" in log for log in logs) == 1


def test_time_outs_of_the_projects_own_do_not_end_the_wait(services: Services) -> None:
    name = services.new_database()
    for setting in ("statement_timeout", "lock_timeout"):
        services.query(f"ALTER DATABASE {name} SET {setting} = '1s'")
    with services.connect(name) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        waiting = migrating(services, name, "--plan")
        wait_until(lambda: WAITING in waiting.logs().decode(), "a migration that waits")
        with pytest.raises(Exception, match="timed out"):
            waiting.wait(timeout=3)
        other.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
    assert ended(waiting) == 0
    assert "Planned operations:" in waiting.logs().decode()


def test_a_migration_gives_up_on_a_table_in_use_and_changes_nothing(services: Services) -> None:
    """With the lock held, `lock_timeout` is set: a migration that queues would make every query queue behind it."""
    name = services.new_database()
    assert ended(migrating(services, name)) == 0
    with services.connect(name) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM gallery_picture")
        failed = migrating(services, name, "gallery", "zero", "--lock-timeout", "500ms")
        assert ended(failed) != 0
        assert "lock timeout" in failed.logs().decode()
    assert services.query("SELECT count(*) FROM gallery_picture", name) == [(0,)]
