"""`django-stack versions`: lists the versions of the app that a stack can run."""

import json

import click

from infra.commands import stack
from infra.commands.operations.move import marked, pinned
from infra.commands.operations.status import ago, size
from infra.commands.operations.versions import Version, versions_of


@click.command
@stack.option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(name: str, as_json: bool) -> None:
    """Lists the versions that the stack can run without a build, the one that runs first, then those that ran last.

    A version is the hash of the app's content. On the local platform the Docker engine has them, until
    `django-stack clean`; in the cloud the stack's repository in ECR, where they don't expire.

    \b
    Example:
      django-stack versions -s cloud
    """
    found = versions_of(name)
    versions = found.all()
    if as_json:
        click.echo(json.dumps({"image": pinned(name), "versions": [_facts(one) for one in versions]}, indent=2))
        return
    if not versions:
        click.echo(f"The stack {name} has no version yet. To make one: pulumi up -s {name}")
        return
    rows = [("VERSION", "RAN", found.made_by.upper(), "SIZE")]
    rows += [(one.hash, _ran(one), ago(one.made), size(one.size)) for one in versions]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row, one in zip(rows, [None, *versions], strict=True):
        line = "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
        click.echo(marked(line, one) if one else line)
    if pin := pinned(name):
        click.echo(
            f"\nThe setting image is {pin}. To build the app's folder again: django-stack rollback -s {name} --undo"
        )


def _ran(version: Version) -> str:
    if version.runs:
        return "runs now"
    if version.ran:
        return ago(version.ran)
    return "?" if version.perhaps else "-"


def _facts(version: Version) -> dict[str, object]:
    return {
        "hash": version.hash,
        "id": version.id,
        "made": version.made.isoformat(timespec="seconds"),
        "ran": version.ran.isoformat(timespec="seconds") if version.ran else None,
        "runs": version.runs,
        "bytes": version.size,
    }
