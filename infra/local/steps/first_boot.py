"""Whether a database's first boot was interrupted so early that its volume is useless, and what to do then.

The official image creates its cluster in place. If it is killed during initdb, a part of a cluster remains, which the
next start takes for a complete one or fails to continue. We don't repair that: only the owner removes a data volume.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import PurePosixPath

from docker.errors import APIError
from docker.models.containers import Container
from docker.types import LogConfig

from infra import endpoint
from infra.local import asking
from infra.local.labels import PROJECT, STACK, STATE
from infra.local.postgres import OLD_FOLDER
from infra.local.steps.containers import ENGINE_ERRORS
from infra.local.steps.waiting import MAX_RESTARTS

# The folders and files that initdb and a server write at the top of a cluster.
FOLDERS = re.compile(
    r"base|global|pg_(commit_ts|dynshmem|logical|multixact|notify|replslot|serial|snapshots|stat|stat_tmp|subtrans|tblspc"
    r"|twophase|wal|xact)"
)
FILES = re.compile(r"PG_VERSION|(postgresql(\.auto)?|pg_hba|pg_ident)\.conf|postmaster\.(opts|pid)")
# What the write-ahead log consists of before anything is stored: its first file, and empty folders.
LOG = re.compile(r"d pg_wal/\w+|f pg_wal/000000010000000000000001")
# The first number of databases and tables of users (FirstNormalObjectId, src/include/access/transam.h).
USERS = 16384
# initdb starts at number 10000, and 12000 once it pins no more (FirstGenbkiObjectId, FirstUnpinnedObjectId, ibidem).
# The log takes 8192 at once (VAR_OID_PREFETCH, varsup.c): a server that recovers what was killed goes on after those.
RECOVERED = range(10000 + 8192, 12000 + 8192 + 1)
# Counts the last database that initdb makes, and what a user made that has no file to be seen by, as a view.
ASK = """
SELECT count(*) FROM pg_class FULL JOIN pg_proc USING (oid) FULL JOIN pg_type USING (oid)
  FULL JOIN pg_namespace USING (oid) FULL JOIN pg_authid USING (oid) FULL JOIN pg_database USING (oid)
WHERE oid >= 16384 OR datname = 'postgres'
"""
LOOK = "find . -mindepth 1 -printf '%y %P\\n' || exit 1; LC_ALL=C pg_controldata \"$CLUSTER\"; true"


def next_step(container: Container) -> str:
    """What to do about a database that doesn't start, if certainly nothing was ever stored in it; else nothing.

    Never raises an error of the engine, so that the failure itself is reported.
    """
    try:
        if _is_running_initdb(container):
            return ""
        lacks_last = _lacks_last(container)
        cluster = _cluster(container)
        volume, folder = next(
            (mount["Name"], mount["Destination"])
            for mount in container.attrs["Mounts"]
            if mount["Type"] == "volume" and cluster.is_relative_to(mount["Destination"])
        )
        seen = endpoint.client().containers.run(
            container.attrs["Image"],
            ["-c", LOOK],
            entrypoint="sh",
            user="0",
            # At the place where the image declares a volume; otherwise Docker would add an anonymous one there.
            volumes={volume: {"bind": folder, "mode": "ro"}},
            working_dir=folder,
            environment={"CLUSTER": str(cluster)},
            network_mode="none",
            use_config_proxy=False,
            labels={name: container.labels[name] for name in (PROJECT, STACK, STATE) if name in container.labels},
            log_config=LogConfig(type=LogConfig.types.JSON),  # logs of the engine's default driver may be unreadable
            remove=True,
        )
    except (*ENGINE_ERRORS, StopIteration):
        return ""
    lines = seen.decode(errors="replace").splitlines()
    if not is_a_beginning(lines, str(cluster.relative_to(folder)), lacks_last=lacks_last):
        return ""
    # Without -s, pulumi uses the stack that was selected last.
    stack = f" -s {container.labels[STACK]}" if STACK in container.labels else ""
    return (
        f"\nIts first boot was interrupted: the volume {volume} has an incomplete database, "
        "in which nothing was ever stored.\n"
        f"Fix: docker rm --force {container.name} && docker volume rm {volume}, then pulumi up{stack} --refresh"
    )


def _environment(container: Container) -> dict[str, str]:
    return dict(entry.partition("=")[::2] for entry in container.attrs["Config"]["Env"])


def _cluster(container: Container) -> PurePosixPath:
    """The folder of the server's data: PGDATA, as set by the stack or the image."""
    return PurePosixPath(_environment(container).get("PGDATA", OLD_FOLDER))


def _lacks_last(container: Container) -> bool:
    """Whether a server runs there, of a cluster that lacks the last database of initdb and has nothing of a user."""
    user = _environment(container).get("POSTGRES_USER", "postgres")
    with suppress(APIError):  # the container isn't running at the moment
        # A running server writes the last number that it has given into pg_control first.
        asked = ["psql", "-qAtX", "-U", user, "-d", "template1", "-c", "CHECKPOINT", "-c", ASK]
        status, output, _ = asking.ask(container, asked)
        return status == 0 and output.split() == [b"0"]
    return False


def _is_running_initdb(container: Container) -> bool:
    """Whether the first boot is only slow and may still complete."""
    container.reload()
    if container.attrs["RestartCount"] > MAX_RESTARTS:
        return False
    with suppress(APIError):  # the container isn't running at the moment
        return "initdb" in [name for _, name in container.top(ps_args="-eo pid,comm")["Processes"]]
    return False


def is_a_beginning(seen: Iterable[str], cluster: str = ".", *, lacks_last: bool = False) -> bool:
    """True if initdb never completed and no user ever made anything in the cluster; False where that isn't certain.

    `seen` is the output of LOOK: a line for each file (`f global/pg_control`; d for a folder), then those of
    pg_controldata. `cluster` is the folder of the cluster in the volume, such as `18/docker`; nothing may be beside it.
    With `lacks_last`, a server runs that doesn't know the last database, whose folder may be there all the same; it has
    nothing of a user, and may have recovered what initdb had logged when it was killed.
    """
    lines = list(seen)
    kinds = {line[2:]: line[0] for line in lines if re.match(r"[a-zA-Z] .", line)}
    if cluster != ".":
        above = [cluster, *map(str, PurePosixPath(cluster).parents)][:-1]
        if any(kinds.pop(path, None) != "d" for path in above):
            return False
        if not all(path.startswith(f"{cluster}/") for path in kinds):
            return False
        kinds = {path.removeprefix(f"{cluster}/"): kind for path, kind in kinds.items()}
    if not kinds or not all(_is_postgresqls(kind, path) for path, kind in kinds.items()):
        return False
    databases = [path for path in kinds if re.fullmatch(r"base/\d+", path)]
    numbers = [int(number) for path in kinds if path.startswith("base/") for number in re.findall(r"(?<=/)\d+", path)]
    # At its end, initdb copies template1 twice (make_template0, make_postgres in src/bin/initdb/initdb.c).
    if len(databases) > 2 + lacks_last or any(number >= USERS for number in numbers):
        return False
    if "global/pg_control" in kinds:
        # Databases that were created and dropped again have used up numbers.
        given = [int(line.split(":")[1]) for line in lines if re.fullmatch(r"Latest checkpoint's NextOID: +\d+", line)]
        return len(given) == 1 and (given[0] < USERS or (lacks_last and given[0] in RECOVERED))
    # Before pg_control, initdb writes only settings and the first page of the log.
    return not any(kind != "d" and "/" in path and not path.startswith("pg_wal/") for path, kind in kinds.items())


def _is_postgresqls(kind: str, path: str) -> bool:
    """False for files of somebody else, and for what only a used cluster has: links, tablespaces, more log files."""
    top, below, _ = path.partition("/")
    if top == "pg_wal" and below:
        return bool(LOG.fullmatch(f"{kind} {path}"))
    if below:
        return kind in "df" and top != "pg_tblspc" and bool(FOLDERS.fullmatch(top))
    return bool((FOLDERS if kind == "d" else FILES).fullmatch(top)) and kind in "df"
