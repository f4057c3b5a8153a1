"""`make manage` runs Django's commands in the web container as if they ran here."""

import os

import pytest

from tests.e2e.stacks import Stack

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]


def test_createsuperuser_takes_its_password_from_the_environment(development: Stack) -> None:
    name, password = development.admin()
    [row] = development.query("select is_superuser, email from auth_user where username = %s", name)
    assert row == (True, "admin@example.com")
    assert password not in development.log


def test_files_that_makemigrations_writes_belong_to_the_caller(development: Stack) -> None:
    migrations = development.app / "gallery" / "migrations"
    field = "    place = models.CharField(max_length=99, default='')\n\n    class Meta:"
    migrations = development.app / "gallery" / "migrations"
    before = set(migrations.glob("0*.py"))
    models = development.app / "gallery" / "models.py"
    text = models.read_text()
    assert "    class Meta:" in text
    try:
        with development.reloads():
            models.write_text(text.replace("    class Meta:", field, 1))
        development.make_target("manage", "makemigrations gallery --name place")
        [written] = set(migrations.glob("0*.py")) - before
        assert written.name.endswith("_place.py")
        assert "AddField" in written.read_text()
        assert (written.stat().st_uid, written.stat().st_gid) == (os.getuid(), os.getgid())
    finally:
        for added in set(migrations.glob("0*.py")) - before:
            added.unlink()
        with development.reloads():
            models.write_text(text)


def test_a_commands_exit_status_is_handed_on(development: Stack) -> None:
    done = development.make_target("manage", "shell -c 'raise SystemExit(7)'", check=False)
    assert done.returncode != 0
    assert "Error 7" in done.stdout
    assert development.make_target("manage", "check").returncode == 0


def test_without_a_command_it_says_how(development: Stack) -> None:
    done = development.make_target("manage", check=False)
    assert done.returncode != 0
    assert "make manage ARGS=createsuperuser" in done.stdout
