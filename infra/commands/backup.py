"""`django-stack backup`: whether there is a backup that can be used."""

import json
import shlex
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from infra.commands import stack
from infra.commands.data import backup_check
from infra.commands.data.archive_reader import opened
from infra.commands.data.backup_check import Checked
from infra.commands.data.encryption import NoKeyError, identities
from infra.commands.data.ends import DataError, ServerError
from infra.commands.data.spool import one_line_when_full
from infra.commands.operations import backup_checks, platform_of, read_settings
from infra.commands.operations.backup_checks import BackupCheck
from infra.commands.operations.status import ago, counted, duration

UNCHECKED = 3  # exit status


@click.group(name="backup")
def command() -> None:
    """Looks whether a stack has a backup that can be used.

    \b
    Example:
      django-stack backup check -s cloud
    """


@command.command(name="check")
@click.argument("file", required=False, type=Path, metavar="[FILE]")
@stack.option
@click.option("--identity", "keys", multiple=True, metavar="FILE", type=Path, help="A private key of age or SSH.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def check(file: Path | None, name: str, keys: tuple[Path, ...], as_json: bool) -> int:
    """Restores a backup into a database of its own, applies the migrations of the running version, and counts.

    With FILE, one of `django-stack dump`, on the stack's own server. Without, the newest snapshot of the cloud's
    database, from which RDS makes an instance; it takes twenty minutes and more, for which the instance is billed. Both
    are removed in the end, and what serves isn't touched. `status` shows when the last check was. In the cloud, the
    stack's alarm topic is told of a failure. The exit status is 1 then; it is 3 when the backup can't be checked, for
    want of credentials, say.

    \b
    Example:
      django-stack backup check -s cloud
      django-stack dump backup.tar && django-stack backup check backup.tar
    """
    began, is_local = time.monotonic(), platform_of(name) == "local"
    if is_local and not file:
        raise click.UsageError(
            f"the stack {name} is on this machine, which keeps no backups by itself. "
            f"Fix: django-stack dump backup.tar -s {name} && django-stack backup check backup.tar -s {name}"
        )
    if file and (file.is_dir() or not file.exists()):
        wanted = shlex.quote(str(file / f"{name}.tar" if file.is_dir() else file))
        sys.exit(f"There is no file {file}. Fix: django-stack dump {wanted} -s {shlex.quote(name)}")
    try:
        found = _of_file(file, name, keys) if file else _of_snapshot(name)
    except NoKeyError as error:
        sys.exit(str(error))
    except (ServerError, SystemExit) as error:
        # No credentials, say, a stack that isn't up, or no room on its server: this says nothing of the backup.
        if as_json:
            click.echo(json.dumps({"good": None, "reason": str(error)}))
        click.echo(f"The backup can't be checked now: {error}", err=True)
        return UNCHECKED
    except DataError as error:
        why = str(error)
        _note(name, is_good=False, why=why)
        if as_json:
            click.echo(json.dumps({"good": False, "reason": why}))
        sys.exit(f"The backup can't be used: {why}")
    _note(name, is_good=True)
    if as_json:
        facts = asdict(found) | {"made": found.made.isoformat(timespec="seconds")}
        click.echo(json.dumps({"good": True, **facts, "seconds": round(time.monotonic() - began)}))
    else:
        click.echo(_said(found, time.monotonic() - began))
    return 0


def _of_file(file: Path, name: str, keys: tuple[Path, ...]) -> Checked:
    with one_line_when_full(), opened(file, identities(keys)) as reader:
        return backup_check.of_archive(name, reader, file.name)


def _of_snapshot(name: str) -> Checked:
    from infra.commands.data.cloud_snapshot import SnapshotCheck  # noqa: PLC0415  # boto3 takes its time

    return SnapshotCheck(name, read_settings(name)).check()


def _note(name: str, *, is_good: bool, why: str = "") -> None:
    """Writes the check down, and tells of a failure. That this can't be done doesn't change what was found."""
    done = BackupCheck(datetime.now(UTC), is_good)
    if platform_of(name) == "local":
        backup_checks.write_here(f"{stack.project_name()}-{name}", done)
        return
    from infra.commands.data.cloud_snapshot import SnapshotCheck  # noqa: PLC0415

    cloud = SnapshotCheck(name, read_settings(name))
    try:
        if not is_good:
            cloud.alarm(why)
        cloud.note(done)
    except SystemExit as error:
        click.echo(f"The check can't be told to AWS: {error}", err=True)


def _said(found: Checked, seconds: float) -> str:
    pending = f", of which {found.pending} were missing and could be applied" if found.pending else ""
    return (
        f"{found.backup}, made {ago(found.made)}, can be used: {counted(found.tables, 'table')}, "
        f"{counted(found.rows, 'row')}, {counted(found.migrations + found.pending, 'migration')}{pending}. "
        f"It took {duration(timedelta(seconds=seconds))}."
    )
