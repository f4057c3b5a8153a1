"""`make cloud-acceptance` removes what it made, also after a signal, and nothing else. AWS and pulumi are scripted."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT
from tests.waiting import wait_until
from tools.acceptance import Acceptance

# It notes what it is asked to do; `up` takes a minute, or ends in its own time after SIGINT.
PULUMI = f"""#!{sys.executable}
import pathlib, signal, sys, time
notes = pathlib.Path("notes")
def note(text):
    with notes.open("a") as file:
        file.write(text + "\\n")
def end(*_):
    time.sleep(1)
    note("up has ended")
    sys.exit(1)
note(" ".join(sys.argv[1:3]))
if sys.argv[1:3] == ["stack", "init"]:
    pathlib.Path("Pulumi.acceptance.yaml").touch()
if sys.argv[1] == "up":
    signal.signal(signal.SIGINT, end)
    note("up has begun")
    time.sleep(60)
"""
RUN = """
import signal
from types import SimpleNamespace
from tools import acceptance
signal.signal(signal.SIGINT, signal.default_int_handler)  # which background jobs ignore
pages = SimpleNamespace(paginate=lambda **_: [{"DBSnapshots": []}])
acceptance.Acceptance.client = lambda *_: SimpleNamespace(get_paginator=lambda _: pages)
acceptance.main()
"""


class Snapshots:
    """RDS as far as the snapshots go."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def get_paginator(self, _: str) -> "Snapshots":
        return self

    def paginate(self, SnapshotType: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        assert SnapshotType == "manual"
        yield from ({"DBSnapshots": [{"DBSnapshotIdentifier": name}]} for name in sorted(self.names))

    def delete_db_snapshot(self, DBSnapshotIdentifier: str) -> None:  # noqa: N803
        self.names.remove(DBSnapshotIdentifier)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with as much of a project as a run reads."""
    folder = tmp_path / "project"
    (folder / "app").mkdir(parents=True)
    (folder / "Pulumi.yaml").write_text("name: django-stack\n")
    (folder / "Pulumi.cloud.yaml").write_text("config: {}\n")
    return folder


def test_snapshots_that_the_run_has_not_made_stay(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {"django-stack-acceptance-last-11111111", "django-stack-cloud-last-22222222"}
    database = Snapshots(set(before))
    monkeypatch.setattr(Acceptance, "client", lambda *_: database)
    monkeypatch.setattr(Acceptance, "pulumi", lambda *_, **__: "")
    run = Acceptance(project, "acceptance", tmp_path)
    run.begin()
    # Another run beside this one, and a project of a longer name.
    others = {"django-stack-acceptance-eu-last-33333333", "django-stack-acceptance-cloud-before"}
    own = {"django-stack-acceptance-before", "django-stack-acceptance-last-44444444"}
    database.names |= others | own
    run.destroy()
    assert database.names == before | others


def test_nothing_is_made_where_aws_does_not_answer(project: Path, tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environ |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": "eu-central-1", "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "tools.acceptance", "--yes"]
    done = subprocess.run(
        command, cwd=project, env=environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "There is no empty stack to begin with. AWS doesn't list the database snapshots: Unable" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "acceptance-report.md").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_destroys_the_stack_once_pulumi_has_ended(project: Path, number: signal.Signals) -> None:
    """The signal comes to the whole group, as from a terminal, whose output is gone, too."""
    programs = project / "bin"
    programs.mkdir()
    (programs / "pulumi").write_text(PULUMI)
    (programs / "pulumi").chmod(0o755)
    notes = project / "notes"
    environ = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", RUN, "--yes"]
    with subprocess.Popen(
        command, cwd=project, env=environ, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as program:
        wait_until(lambda: notes.exists() and "up has begun" in notes.read_text(), "the first up")
        assert program.stdout
        program.stdout.close()
        os.killpg(program.pid, number)
        assert program.wait(30) != 0
    said = notes.read_text().splitlines()
    assert said[:5] == ["stack init", "up --yes", "up has begun", "up has ended", "destroy --yes"]
    assert said[5] == "stack rm"
    report = (project / "acceptance-report.md").read_text()
    assert "1 of 2 steps failed." in report
    assert "It was interrupted." in report
    assert not (project / "Pulumi.acceptance.yaml").exists()
