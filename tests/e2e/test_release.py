"""The release step: new migrations before the new web version, and an old version that stays when they fail."""

import json
import secrets

import pytest

from tests.e2e.conftest import MakeStack
from tests.e2e.stacks import SERVING, Stack
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]

MARK = "migrations.RunSQL('create table e2e_mark (at timestamptz default now()); insert into e2e_mark default values')"


def applied(stack: Stack, migration: str) -> int:
    """How often the database has the migration on its list."""
    [[count]] = stack.query("select count(*) from django_migrations where name = %s", migration)
    return int(count)


def test_a_new_migration_is_applied_once_by_the_next_up(releasing: Stack) -> None:
    before = releasing.container("web").attrs["Image"]
    migration = releasing.add_migration("mark", MARK).stem
    assert f"Applying gallery.{migration}" in releasing.up().stdout
    assert applied(releasing, migration) == 1
    assert len(releasing.query("select at from e2e_mark")) == 1
    web = releasing.container("web")
    assert web.attrs["Image"] != before

    releasing.up("--expect-no-changes")
    assert applied(releasing, migration) == 1
    assert releasing.container("web").id == web.id


def test_a_migration_that_raises_leaves_the_old_version_and_is_tried_again(releasing: Stack) -> None:
    before = releasing.ids()
    migration = releasing.add_migration("bananas", "migrations.RunPython(fail)")
    try:
        for _ in range(2):
            failed = releasing.up(check=False)
            assert failed.returncode != 0
            assert "RuntimeError: the bananas are gone" in failed.stdout
            assert "Release command `python manage.py migrate --noinput` failed with exit status 1" in failed.stdout
            assert releasing.ids() == before
            assert releasing.get("/healthz/ready").status_code == 200
            assert applied(releasing, migration.stem) == 0
        releasing.pulumi("refresh", "--yes", "--skip-preview")  # newer in the history, and no update
        log = releasing.run("django-stack", "logs", "-s", releasing.name, "--release").stdout
        assert "`pulumi up` failed " in log
        assert f"Fix: pulumi up -s {releasing.name}, which shows it again" in log
        assert "bananas" not in log
    finally:
        migration.write_text(migration.read_text().replace("RunPython(fail)", "RunSQL('select 1')"))
    releasing.up()
    assert applied(releasing, migration.stem) == 1
    assert releasing.container("web").id != before[f"{releasing.prefix}-web"]
    releasing.wait_until_ready()


def test_output_streams_in_order_and_holds_no_secret(releasing: Stack) -> None:
    first = "sh -c 'echo first $((40 + 2)); sleep 4; echo done with $SECRET_KEY $DATABASE_URL $DEFAULT_STORAGE_DSN'"
    second = "echo second command"
    known = releasing.outputs()
    with releasing.configured(release_commands=[first, second]):
        with releasing.running(*releasing.up_command) as running:
            wait_until(lambda: "first 42" in running.output, "the first command's first line", 60)
            assert "done with" not in running.output.replace(first, "")
            assert running.process.poll() is None
            assert running.wait() == 0
        log = releasing.outputs()["release_log"]
    for text in (running.output, log):
        assert text.index("first 42") < text.index("done with [secret]") < text.rindex("second command")
        assert not [secret for secret in releasing.secrets if secret in text]
        assert known["DATABASE_URL"] not in text
    assert releasing.container("release") is None


KEY = "\n".join(
    ["-----BEGIN PRIVATE KEY-----", *(secrets.token_urlsafe(48) for _ in range(5)), "Q7x=", "-----END PRIVATE KEY-----"]
)
PRINTS = (
    "import base64, json, os, sys, urllib.parse as u; key = os.environ['OWN_KEY']; "
    "print('begin'); print(key); print([key], json.dumps({'key': key}), u.quote(key), flush=True); "
    "sys.stderr.write(base64.encodebytes(key.encode()).decode() + key[70:100] + chr(10)); print('end'); "
    "sys.exit(%d)"
)


@pytest.mark.report("hashicorp-vault-plugin#182")
@pytest.mark.parametrize("status", [0, 3])
def test_a_secret_of_several_lines_is_redacted_in_every_form(releasing: Stack, status: int) -> None:
    with releasing.configured(release_commands=[f'python -c "{PRINTS % status}"']):
        releasing.configure_secret("env", json.dumps({"OWN_KEY": KEY}))
        done = releasing.up(check=status == 0)
        assert (done.returncode == 0) is (status == 0)
        log = releasing.outputs()["release_log"]
    releasing.secrets |= {*KEY.split("\n")[1:-1]}
    for text in (done.stdout, log) if status == 0 else (done.stdout,):
        assert text.count("[secret]") >= 5
        assert not [line for line in KEY.split("\n") if line in text]
        assert not [at for at in range(28, len(KEY) - 38, 8) if KEY[at : at + 8] in text.replace("PRIVATE KEY", "")]
    if status:
        assert "failed with exit status 3. Its last lines:" in done.stdout
        assert "The web version that was running keeps serving." in done.stdout


@pytest.mark.report("joining bug 7")
def test_a_first_release_that_fails_says_that_nothing_serves(make_stack: MakeStack) -> None:
    stack = make_stack("first", {**SERVING, "release-commands": ["sh -c 'echo no; exit 4'"]})
    failed = stack.up(check=False)
    assert failed.returncode != 0
    assert "failed with exit status 4" in failed.stdout
    assert (
        "There is no web version yet, so nothing serves. The next `pulumi up` runs the release again." in failed.stdout
    )
    assert "keeps serving" not in failed.stdout
    stack.destroy()


def test_a_release_that_hangs_is_ended_by_the_time_out(releasing: Stack) -> None:
    with (
        releasing.configured(release_commands=["sleep 300"], release_timeout=3),
        releasing.running(*releasing.up_command) as running,
    ):
        wait_until(lambda: releasing.container("release"), "the release container", 60)
        wait_until(lambda: releasing.container("release") is None, "the release container's end", 3 + 5)
        assert running.wait() != 0
    assert "release-timeout is 3 seconds" in running.output
    assert releasing.container("release") is None
    releasing.wait_until_ready()


def test_a_release_that_drops_something_is_refused_until_that_migration_is_allowed(releasing: Stack) -> None:
    before = releasing.ids()
    migration = releasing.add_migration("doomed", "migrations.RunSQL('drop table if exists e2e_doomed')").stem
    refused = releasing.up(check=False)
    assert refused.returncode
    assert f"gallery.{migration} has SQL of its own with DROP TABLE" in refused.stdout
    assert f"DESTRUCTIVE_MIGRATIONS=gallery.{migration} pulumi up -s {releasing.name}" in refused.stdout
    assert releasing.ids() == before
    assert applied(releasing, migration) == 0
    releasing.up(env={"DESTRUCTIVE_MIGRATIONS": f"gallery.{migration}"})
    assert applied(releasing, migration) == 1
    releasing.up("--expect-no-changes")
