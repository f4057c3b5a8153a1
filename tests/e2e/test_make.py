"""`make local` is all there is to know: it says where the site is, and the second time it changes nothing."""

import os
import signal
import time

import pytest

from tests.e2e.stacks import Stack
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]


def test_make_local_says_where_the_site_is_and_changes_nothing_the_second_time(serving: Stack) -> None:
    first = serving.make_target("local")
    assert f"The site is up: {serving.url}/" in first.stdout
    assert f"make manage STACK={serving.name} ARGS=createsuperuser" in first.stdout
    assert f"pulumi up -s {serving.name}" in first.stdout
    before = serving.ids()
    begin = time.monotonic()
    second = serving.make_target("local")
    assert time.monotonic() - begin < 30
    assert "unchanged" in second.stdout
    assert not any(f" {verb}d " in second.stdout for verb in ("create", "update", "delete", "replace"))
    assert serving.ids() == before


@pytest.mark.report("hashicorp-vault-plugin#182")
def test_make_logs_follows_the_web_and_shows_no_secret(serving: Stack) -> None:
    secret = serving.outputs()["SECRET_KEY"]
    # In hexadecimal, for the hunt for secrets in containers' logs comes later.
    code = "import os; open('/proc/1/fd/1', 'w').write(f'begin {os.environb[b\"SECRET_KEY\"].hex()} end\\n')"
    with serving.running("make", "logs", f"STACK={serving.name}") as running:
        wait_until(lambda: "Listening at" in running.output, "the log so far")
        done = serving.container("web").exec_run(["python", "-c", code])
        assert done.exit_code == 0, done.output
        wait_until(lambda: "begin [secret] end" in running.output, "a new line")
        os.killpg(running.process.pid, signal.SIGINT)  # Ctrl-C
        assert running.wait() != 0
    assert "Traceback" not in running.output
    assert secret.encode().hex() not in running.output
    assert secret.encode().hex().encode() in serving.container("web").logs()


def test_make_alone_lists_its_targets(serving: Stack) -> None:
    listed = serving.run("make").stdout
    for target in ("local", "manage", "repair", "clean", "test"):
        assert f"make {target} " in listed


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("logs", "There is no container django-stack-nowhere-web. Fix: make local STACK=nowhere"),
        ("manage", "The container django-stack-nowhere-web is not running. Fix: make local STACK=nowhere"),
        ("repair", "The state of the stack nowhere can't be read. `pulumi stack ls` lists the stacks"),
    ],
)
def test_a_target_says_when_the_stack_is_not_there(serving: Stack, target: str, message: str) -> None:
    done = serving.run("make", target, "STACK=nowhere", "ARGS=check", check=False)
    assert done.returncode != 0
    assert message in done.stdout
    assert "Traceback" not in done.stdout
