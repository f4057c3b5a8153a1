"""`make cloud-acceptance`: a stack of its own lives on AWS from the first `up` to `destroy`, and a report says how.

Whoever has an account runs it there; the tests run it against the rehearsal. It makes the stack `acceptance` with the
region, profile and sizes of Pulumi.cloud.yaml, without data to keep, a copy of the app, which it changes, and a report,
`acceptance-report.md`. It destroys the stack at the end, whatever failed, and after Ctrl-C, too.
"""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import click
import yaml
from botocore.exceptions import BotoCoreError, ClientError

from infra.programs import completed

REPORT = "acceptance-report.md"
PLUGIN = "session-manager-plugin"
# What another stack has: its host names, its data, and secrets that only its own key decrypts.
NOT_TAKEN = (
    *("domain", "domain-aliases", "domain-redirects", "hosted-zone", "certificate"),
    *("database-snapshot", "database-restore-time", "database-restore-source"),
)
POLLING = 0.5  # seconds between a visitor's requests
TASK_TIMEOUT = 900  # seconds
SNAPSHOT_TIMEOUT = 3600  # seconds


class StepError(Exception):
    """A step didn't end as it has to; the message says how."""


class LeftOutError(Exception):
    """A step can't be made on this machine; the message says why."""


@dataclass
class Step:
    """One row of the report."""

    name: str
    seconds: float
    problem: str = ""
    notes: list[str] = field(default_factory=list)
    left_out: bool = False

    @property
    def result(self) -> str:
        return "**failed**" if self.problem else "left out" if self.left_out else "passed"


class Acceptance:
    """One run, for the project in a folder."""

    def __init__(self, folder: Path, stack: str, work: Path) -> None:
        self.folder, self.stack = folder, stack
        self.config = folder / f"Pulumi.{stack}.yaml"
        self.app = work / "app"
        project = yaml.safe_load((folder / "Pulumi.yaml").read_text())
        self.prefix = f"{project['name']}-{stack}"
        self.steps: list[Step] = []
        self.notes: list[str] = []

    # The steps

    def run(self) -> bool:
        """All of them, `destroy` in any case once there is a stack; whether all went well."""
        self.begin()
        try:
            if self.step("the first up", self.first_up):
                self.step("a second up changes nothing, after a refresh neither", self.second_up)
                self.step("a new version is rolled out", self.new_version)
                self.step("a version that exits is rolled back", self.bad_version)
                self.step("a one-off command", self.one_off_command)
                self.step("a shell", self.shell)
                self.step("lost data comes back from a snapshot", self.restore)
        finally:
            self.step("destroy", self.destroy)
        return not any(step.problem for step in self.steps)

    def begin(self) -> None:
        """Makes a copy of the app, and the stack, still empty. Raises StepError when there is one of that name.

        Snapshots that are there already aren't this run's, whatever they are called, and stay.
        """
        cloud = yaml.safe_load((self.folder / "Pulumi.cloud.yaml").read_text())["config"]
        settings = {
            key: value
            for key, value in cloud.items()
            if key.rpartition(":")[2] not in NOT_TAKEN and "secure" not in str(value)
        }
        source = self.folder / str(settings.get("django-stack:app-path", "app"))
        shutil.copytree(source, self.app, ignore=shutil.ignore_patterns("__pycache__"))
        self.settings = settings | {
            "django-stack:app-path": str(self.app),
            "django-stack:keep-data": False,
            "django-stack:execute-command": True,
            "django-stack:mail": "none",  # it writes to nobody
        }
        if isinstance(env := settings.get("django-stack:env"), dict):
            self.settings["django-stack:env"] = {key: value for key, value in env.items() if key != "EMAIL_URL"}
        try:
            self.others = self.snapshots()
        except (BotoCoreError, ClientError) as error:
            raise StepError(f"AWS doesn't list the database snapshots: {error}. Fix: aws sso login") from error
        self.pulumi("stack", "init", self.stack, "--no-select", named=False)
        self.change()

    def first_up(self) -> None:
        """Everything is made, and the site answers."""
        self.pulumi("up", "--yes", "--skip-preview")
        self.outputs = json.loads(self.pulumi("stack", "output", "--json"))
        status = visit(self.outputs["url"])
        self.notes.append(f"{self.outputs['url']} answers {status}")
        expect(status == 200, f"the home page answers {status}")

    def second_up(self) -> None:
        """Nothing is to be done."""
        self.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
        self.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")

    def new_version(self) -> None:
        """Another content of the app is another image, and no visitor sees a failure while it is rolled out."""
        (self.app / "acceptance.txt").write_text(f"{datetime.now(UTC)}\n")
        with self.visitor():
            self.pulumi("up", "--yes", "--skip-preview")
        image = json.loads(self.pulumi("stack", "output", "--json"))["image"]
        expect(image != self.outputs["image"], "the image is the one before")
        expect(self.serving() == self.registered(), "the service runs another task definition than the newest one")

    def bad_version(self) -> None:
        """`up` fails and says so, no visitor notices, and the next `up` mends it."""
        before = self.serving()
        self.change(**{"django-stack:web-command": "python -c 'raise SystemExit(3)'"})
        with self.visitor():
            output = self.pulumi("up", "--yes", "--skip-preview", fails=True)
        expect("ECS went back to" in output, f"`up` doesn't say that it was rolled back:\n{output[-2000:]}")
        expect(self.serving() == before, "the service doesn't run the version before")
        self.change()
        self.pulumi("up", "--yes", "--skip-preview", "--refresh")

    def one_off_command(self) -> None:
        """A task of the running version, as docs/operate.md has it."""
        self.run_task("check", "--deploy")

    def shell(self) -> None:
        """A session in a task of its own, where AWS's plugin for that is installed."""
        if not shutil.which(PLUGIN):
            raise LeftOutError(f"{PLUGIN} is not installed")
        reading, writing = pty.openpty()  # a session needs a terminal
        try:
            words = ["django-stack", "shell", "--stack", self.stack, "--", "printenv", "STAGE"]
            done = completed(words, cwd=self.folder, given=writing, seconds=TASK_TIMEOUT)
        finally:
            os.close(reading)
            os.close(writing)
        said = (done.stdout + done.stderr)[-2000:]
        expect(done.returncode == 0, f"`{' '.join(words)}` ended with {done.returncode}:\n{said}")
        expect(self.stack in done.stdout, f"the shell doesn't have the app's environment:\n{said}")

    def restore(self) -> None:
        """Data that was there at the time of a snapshot, and is lost, is there again, and no visitor notices."""
        database, snapshot = self.client("rds"), f"{self.prefix}-before"
        self.run_sql("CREATE TABLE acceptance (id integer)")
        database.create_db_snapshot(DBInstanceIdentifier=self.prefix, DBSnapshotIdentifier=snapshot)
        attempts = {"Delay": 5, "MaxAttempts": SNAPSHOT_TIMEOUT // 5}
        database.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier=snapshot, WaiterConfig=attempts)
        self.run_sql("DROP TABLE acceptance")
        self.change(**{"django-stack:database-snapshot": snapshot})
        with self.visitor():
            self.pulumi("up", "--yes", "--skip-preview")
        self.run_sql("SELECT * FROM acceptance")
        self.change()
        self.pulumi("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")

    def destroy(self) -> None:
        """Nothing is left, neither on AWS nor here; the snapshots that this run made neither."""
        self.pulumi("destroy", "--yes", "--skip-preview")
        # Exactly the names that `restore` and a deleted database give: `…-eu-last-0a1b2c3d` is another stack's backup.
        names = re.compile(rf"{re.escape(self.prefix)}-(before|last-[0-9a-f]{{8}})")
        for snapshot in sorted(self.snapshots() - self.others):
            if names.fullmatch(snapshot):
                self.client("rds").delete_db_snapshot(DBSnapshotIdentifier=snapshot)
        self.pulumi("stack", "rm", "--yes")
        self.config.unlink(missing_ok=True)

    # What they are made of

    def step(self, name: str, action: Callable[[], None]) -> bool:
        """Runs a step and notes how it went; whether it went well."""
        say(f"acceptance  {name} …")
        begun, self.notes = time.monotonic(), []
        step = Step(name, 0, "It was interrupted.", self.notes)
        self.steps.append(step)
        try:
            action()
            step.problem = ""
        except LeftOutError as reason:
            step.problem, step.left_out = "", True
            self.notes.append(str(reason))
        except Exception as error:  # whatever it is, it is for the report, and the stack is to be destroyed
            step.problem = str(error) or type(error).__name__
        finally:
            step.seconds = time.monotonic() - begun
            say(f"acceptance  {name}: {'FAILED: ' + step.problem if step.problem else step.result}")
        return not step.problem

    def change(self, **settings: Any) -> None:
        """Writes the stack's settings: those of the beginning, and these."""
        content = yaml.safe_load(self.config.read_text()) if self.config.is_file() else {}
        self.config.write_text(yaml.safe_dump({**(content or {}), "config": self.settings | settings}))

    def pulumi(self, *arguments: str, named: bool = True, fails: bool = False) -> str:
        """Runs pulumi; what it printed. Raises StepError unless it ends as it should."""
        command = ["pulumi", *arguments, "--non-interactive", *(("--stack", self.stack) if named else ())]
        done = completed(command, cwd=self.folder, apart=True)
        if (done.returncode != 0) is not fails:
            words = f"`pulumi {' '.join(arguments)}` ended with {done.returncode}"
            raise StepError(f"{words}:\n{(done.stdout + done.stderr)[-4000:]}")
        return done.stdout + (done.stderr if fails else "")

    def run_sql(self, statement: str) -> None:
        """Runs a statement in the site's database, by a task. Raises StepError when it fails."""
        program = f"from django.db import connection; connection.cursor().execute({statement!r})"
        self.run_task("shell", "-c", program)

    def run_task(self, *arguments: str) -> None:
        """Runs a management command in a task of the running version. Raises StepError unless it ends with 0."""
        ecs = self.client("ecs")
        service = self.service()
        command = ["python", "manage.py", *arguments]
        (task,) = ecs.run_task(
            cluster=self.prefix,
            launchType="FARGATE",
            taskDefinition=service["taskDefinition"],
            networkConfiguration=service["networkConfiguration"],
            overrides={"containerOverrides": [{"name": "web", "command": command}]},
        )["tasks"]
        until = time.monotonic() + TASK_TIMEOUT
        while (ended := ecs.describe_tasks(cluster=self.prefix, tasks=[task["taskArn"]])["tasks"][0])[
            "lastStatus"
        ] != "STOPPED":
            expect(time.monotonic() < until, f"the task is still {ended['lastStatus']}")
            time.sleep(2)
        (status,) = [one.get("exitCode") for one in ended["containers"] if one["name"] == "web"]
        self.notes.append(f"`{' '.join(command)}` ended with {status}")
        expect(status == 0, f"`{' '.join(command)}` ended with {status}: {ended.get('stoppedReason')}")

    @contextmanager
    def visitor(self) -> Iterator[None]:
        """Somebody asks for the home page all the time. Raises StepError when an answer isn't 200."""
        statuses: Counter[int] = Counter()
        end = threading.Event()

        def ask() -> None:
            while not end.wait(POLLING):
                statuses[visit(self.outputs["url"])] += 1

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()
        self.notes.append(f"{statuses[200]} of {statuses.total()} requests answered with 200")
        expect(set(statuses) == {200}, f"visitors got {dict(statuses)} (0: no answer)")

    def client(self, service: str) -> Any:
        """boto3's client, with the stack's region and profile."""
        session = boto3.Session(
            profile_name=self.settings.get("aws:profile"), region_name=self.settings.get("aws:region")
        )
        return session.client(service)  # type: ignore[call-overload]  # by any name

    def snapshots(self) -> set[str]:
        """The names of the region's database snapshots, other than AWS's own daily ones."""
        pages = self.client("rds").get_paginator("describe_db_snapshots").paginate(SnapshotType="manual")
        return {snapshot["DBSnapshotIdentifier"] for page in pages for snapshot in page["DBSnapshots"]}

    def service(self) -> Any:
        """The site's service as ECS describes it."""
        name = f"{self.prefix}-web"
        return self.client("ecs").describe_services(cluster=self.prefix, services=[name])["services"][0]

    def serving(self) -> str:
        """The task definition that the service runs."""
        return str(self.service()["taskDefinition"])

    def registered(self) -> str:
        """The newest task definition of the stack."""
        family = self.serving().rpartition("/")[2].partition(":")[0]
        found = self.client("ecs").describe_task_definition(taskDefinition=family)
        return str(found["taskDefinition"]["taskDefinitionArn"])

    def report(self) -> str:
        """The report, as Markdown."""
        failed = sum(bool(step.problem) for step in self.steps)
        versions = subprocess.run(["pulumi", "version"], capture_output=True, text=True, check=False).stdout.strip()
        commit = subprocess.run(
            ["git", "-C", str(self.folder), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
        ).stdout.strip()
        lines = [
            f"# Acceptance of the cloud stack, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            "",
            f"{f'{failed} of {len(self.steps)} steps failed' if failed else 'No step failed'}. "
            f"Commit {commit or 'unknown'}, Pulumi {versions}, region {self.settings.get('aws:region')}.",
            "",
            "| step | seconds | result | notes |",
            "|---|---|---|---|",
        ]
        for step in self.steps:
            lines.append(f"| {step.name} | {step.seconds:.0f} | {step.result} | {'; '.join(step.notes)} |")
        for step in self.steps:
            if step.problem:
                lines += ["", f"## {step.name}", "", "```text", step.problem.strip(), "```"]
        return "\n".join(lines) + "\n"


def visit(url: str) -> int:
    """The status that a URL answers with, 0 for none."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310  # the stack's own https address
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)
    except OSError:
        return 0


def say(text: str) -> None:
    """Prints a line, unless nobody listens any more: the stack is destroyed in a closed terminal, too."""
    with suppress(OSError):
        click.echo(text)


def expect(holds: bool, otherwise: str) -> None:
    """Raises StepError with these words unless it holds."""
    if not holds:
        raise StepError(otherwise)


@click.command()
@click.option("--stack", default="acceptance", show_default=True, help="The stack's name; there must be none yet.")
@click.option("--yes", is_flag=True, help="Don't ask before anything is made.")
def main(stack: str, yes: bool) -> None:
    """Brings a stack up on AWS, changes it, breaks it, destroys it, and writes acceptance-report.md.

    The exit status is 1 when a step failed.
    """
    folder = Path.cwd()
    if (folder / f"Pulumi.{stack}.yaml").exists():
        sys.exit(f"Pulumi.{stack}.yaml is there already. Fix: destroy that stack, or choose another name by --stack")
    if not yes:
        click.confirm(
            f"This makes the stack {stack} in your AWS account and removes it again. It takes about an hour, and AWS "
            "bills what it uses meanwhile (docs/costs.md). Go on?",
            abort=True,
        )
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) != signal.SIG_IGN:  # by nohup
            signal.signal(ending, signal.default_int_handler)  # as Ctrl-C
    good, refusal = False, ""
    with tempfile.TemporaryDirectory() as work:
        run = Acceptance(folder, stack, Path(work))
        try:
            good = run.run()
        except StepError as error:
            refusal = f"There is no empty stack to begin with. {error}"
        finally:
            if run.steps:
                (folder / REPORT).write_text(run.report())
                say(f"acceptance  the report is in {REPORT}")
            if run.config.exists() and not refusal:
                say(f"The stack is still there. Fix: pulumi destroy -s {stack}, then pulumi stack rm {stack}")
    sys.exit(refusal or (0 if good else 1))


if __name__ == "__main__":
    main()
