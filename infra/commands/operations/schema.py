"""Whether a database's schema fits a version: the migrations that it has, and those that the version's code has."""

import json
from dataclasses import dataclass

from infra.commands.operations.versions import Version, Versions

MARK = "django-stack migrations: "
# Runs in the version's own image. A squashed migration stands for those that it replaces.
PROGRAM = f"""
import json
from django.apps import apps
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
executor = MigrationExecutor(connections["default"])
loader = executor.loader
known = set(loader.disk_migrations)
for migration in loader.disk_migrations.values():
    known.update(map(tuple, migration.replaces))
labels = {{config.label for config in apps.get_app_configs()}}
surplus = sorted(set(loader.applied_migrations) - known)
plan = [(one.app_label, one.name) for one, _ in executor.migration_plan(loader.graph.leaf_nodes())]
print("{MARK}" + json.dumps(dict(
    surplus=[".".join(one) for one in surplus],
    without_app=[".".join(one) for one in surplus if one[0] not in labels],
    unapplied=[".".join(one) for one in plan],
)))
"""


@dataclass(frozen=True)
class Fit:
    """How a database fits a version. Each list has migrations as `app.name`.

    `unapplied` are those that the version's release applies, in their order; `surplus` those that the database has and
    the version's code lacks, so that the schema is ahead of it.
    """

    unapplied: list[str]
    surplus: list[str]


def fit(versions: Versions, version: Version, running: Version) -> Fit:
    """How the stack's database fits a version; `running` is the one that runs. Raises RuntimeError."""
    found = _ask(versions, version)
    surplus = found["surplus"]
    if found["without_app"]:
        # Left by an app that was removed long ago, when the running version doesn't have them either.
        gone = set(found["without_app"]) & set(_ask(versions, running)["without_app"])
        surplus = [one for one in surplus if one not in gone]
    return Fit(found["unapplied"], surplus)


def _ask(versions: Versions, version: Version) -> dict[str, list[str]]:
    output = versions.ask(version, PROGRAM)
    for line in output.splitlines():
        if line.startswith(MARK):
            found: dict[str, list[str]] = json.loads(line.removeprefix(MARK))
            return found
    raise RuntimeError(f"the version {version.hash} doesn't say which migrations it has: {output.strip()[-300:]}")
