"""Pulumi itself is killed, started twice, or finds its state spoilt: nothing is lost, and the way on is said."""

import json
import signal
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeStack
from tests.e2e.stacks import SERVING, Stack
from tests.faults.conftest import CUT, LOCKED, is_whole, leave_data, mend, moments
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]

# How long the first `up` and an update take on two idle cores; a moment after the end breaks nothing.
FIRST, UPDATE = 9.0, 6.0


def kill_after(stack: Stack, seconds: float) -> None:
    """`pulumi up`, and SIGKILL for it after so many seconds."""
    with stack.running(*stack.up_command) as up:
        try:
            up.process.wait(seconds)
        except Exception:
            up.process.send_signal(signal.SIGKILL)


def state_file(stack: Stack) -> Path:
    return stack.folder / "state" / ".pulumi" / "stacks" / "django-stack" / f"{stack.name}.json"


def test_killed_in_the_first_up_the_lock_is_named_and_repair_lifts_it(make_stack: MakeStack) -> None:
    stack = make_stack("killed", SERVING)
    with stack.running(*stack.up_command) as up:
        wait_until(lambda: stack.container("database"), "the database container", 60)
        up.process.send_signal(signal.SIGKILL)
    refused = stack.up(check=False)
    assert refused.returncode != 0
    assert LOCKED in refused.stdout or CUT in refused.stdout
    assert "After a killed pulumi: make repair" in local(stack)
    stack.make_target("repair")
    stack.up()
    leave_data(stack)
    is_whole(stack)


def local(stack: Stack) -> str:
    return stack.make_target("local", check=False).stdout


@pytest.mark.faults
@pytest.mark.parametrize("moment", moments("first", 10, FIRST), ids=range(10))
def test_killed_at_any_moment_of_the_first_up(make_stack: MakeStack, moment: float) -> None:
    stack = make_stack("first", SERVING)
    try:
        kill_after(stack, moment)
        mend(stack)
        leave_data(stack)
        is_whole(stack)
    finally:
        stack.remove_all()


@pytest.mark.faults
@pytest.mark.parametrize("moment", moments("update", 10, UPDATE), ids=range(10))
def test_killed_at_any_moment_of_an_update(victim: Stack, moment: float) -> None:
    migration = victim.add_migration(f"at_{str(moment).replace('.', '_')}", "migrations.RunSQL('select 1')")
    (victim.app / "stack.txt").write_text(f"{victim.name} {moment}")
    kill_after(victim, moment)
    mend(victim)
    assert victim.query("select count(*) from django_migrations where name = %s", migration.stem) == [(1,)]
    assert victim.container("web").exec_run("cat stack.txt").output.decode() == f"{victim.name} {moment}"
    is_whole(victim)


def test_of_two_pulumi_up_at_once_the_second_says_so_and_the_first_goes_on(victim: Stack) -> None:
    with (
        victim.configured(release_commands=["sleep 4", "python manage.py migrate --noinput"]),
        victim.running(*victim.up_command) as first,
    ):
        wait_until(lambda: victim.container("release"), "the release container", 60)
        second = victim.up(check=False)
        assert second.returncode != 0
        assert LOCKED in second.stdout
        assert first.wait(60) == 0
    victim.up()
    is_whole(victim)


def test_two_stacks_come_up_at_once(make_stack: MakeStack) -> None:
    pair = [make_stack(f"twin{number}", SERVING) for number in (1, 2)]
    for stack in pair:
        (stack.app / "stack.txt").write_text(stack.name)
    with pair[0].running(*pair[0].up_command) as first, pair[1].running(*pair[1].up_command) as second:
        assert (first.wait(120), second.wait(120)) == (0, 0), first.output + second.output
    for stack in pair:
        stack.wait_until_ready()
        assert stack.container("web").exec_run("cat stack.txt").output.decode() == stack.name
        stack.remove_all()


def test_killed_while_it_wrote_down_its_state_repair_makes_it_readable(victim: Stack) -> None:
    before = victim.ids()
    note = state_file(victim).with_suffix(".json.attrs")
    json.loads(note.read_text())
    note.write_text("")
    refused = victim.up(check=False)
    assert refused.returncode != 0
    assert CUT in refused.stdout
    output = local(victim)
    assert "After a killed pulumi: make repair" in output, output
    victim.make_target("repair")
    assert victim.ids() == before
    is_whole(victim)


def test_a_truncated_state_is_said_and_its_backup_brings_it_back(victim: Stack) -> None:
    before, path = victim.ids(), state_file(victim)
    whole = path.read_text()
    # Behind a comma: of a word that is cut (`fal`) Go's decoder says something else.
    path.write_text(whole[: whole.rindex(",", 0, len(whole) // 2) + 1])
    refused = victim.up(check=False)
    assert refused.returncode != 0
    assert "unexpected end of JSON input" in refused.stdout
    assert victim.ids() == before
    # What Pulumi keeps beside it is the state before the last step: docs/state.md.
    backup = path.with_suffix(".json.bak")
    json.loads(backup.read_text())
    path.write_text(backup.read_text())
    victim.up("--refresh")
    assert victim.ids() == before
    is_whole(victim)


def test_a_wrong_passphrase_is_said_and_changes_nothing(victim: Stack) -> None:
    before = victim.ids()
    refused = victim.up(check=False, env={"PULUMI_CONFIG_PASSPHRASE": "not this one"})
    assert refused.returncode != 0
    assert "incorrect passphrase" in refused.stdout
    assert victim.ids() == before
    is_whole(victim)
