"""Whether a database's first boot was cut short so early that its volume is of no use, and what to do then.

The official image makes its cluster in place. Killed during initdb it leaves the beginning of one, which its next start
takes for a whole one or can't go on with. Nothing mends that by itself: only its owner removes a data volume.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import PurePosixPath

from docker.errors import APIError
from docker.models.containers import Container
from docker.types import LogConfig

from infra import endpoint
from infra.local.labels import STACK
from infra.local.postgres import OLD_FOLDER
from infra.local.steps.containers import ENGINE_ERRORS, MAX_RESTARTS

# What initdb and a server write at the top of a cluster: folders, and files.
FOLDERS = re.compile(
    r"base|global|pg_(commit_ts|dynshmem|logical|multixact|notify|replslot|serial|snapshots|stat|stat_tmp|subtrans|tblspc"
    r"|twophase|wal|xact)"
)
FILES = re.compile(r"PG_VERSION|(postgresql(\.auto)?|pg_hba|pg_ident)\.conf|postmaster\.(opts|pid)")
# What of the log there is before anything is stored: its first file, and folders for what is done with it later.
LOG = re.compile(r"d pg_wal/\w+|f pg_wal/000000010000000000000001")
# What users make is numbered from here (FirstNormalObjectId, src/include/access/transam.h), databases and tables alike.
USERS = 16384
LOOK = "find . -mindepth 1 -printf '%y %P\\n' || exit 1; LC_ALL=C pg_controldata \"$CLUSTER\"; true"


def next_step(container: Container) -> str:
    """What to do about a database that doesn't come up, if it is sure that nothing was ever stored in it; else nothing.

    Never raises what the engine raises: the failure itself is to be reported.
    """
    try:
        if _is_at_it(container):
            return ""
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
            # Where the image wants a volume: mounted elsewhere, it would get another one there, which stays.
            volumes={volume: {"bind": folder, "mode": "ro"}},
            working_dir=folder,
            environment={"CLUSTER": str(cluster)},
            network_mode="none",
            use_config_proxy=False,
            log_config=LogConfig(type=LogConfig.types.JSON),  # or the engine may keep nothing that can be read
            remove=True,
        )
    except (*ENGINE_ERRORS, StopIteration):
        return ""
    if not is_a_beginning(seen.decode(errors="replace").splitlines(), str(cluster.relative_to(folder))):
        return ""
    # Without -s pulumi takes the stack that was selected last.
    stack = f" -s {container.labels[STACK]}" if STACK in container.labels else ""
    return (
        f"\nIts first boot was cut short: the volume {volume} has the beginning of a database, "
        "in which nothing was ever stored.\n"
        f"Fix: docker rm --force {container.name} && docker volume rm {volume}, then pulumi up{stack} --refresh"
    )


def _cluster(container: Container) -> PurePosixPath:
    """Where the server's data are: PGDATA, which the image's environment has unless the stack's has it."""
    environment = dict(entry.partition("=")[::2] for entry in container.attrs["Config"]["Env"])
    return PurePosixPath(environment.get("PGDATA", OLD_FOLDER))


def _is_at_it(container: Container) -> bool:
    """Whether it is only slow, and may still come to the end of its first boot."""
    container.reload()
    if container.attrs["RestartCount"] > MAX_RESTARTS:
        return False
    with suppress(APIError):  # it doesn't run at the moment
        return "initdb" in [name for _, name in container.top(ps_args="-eo pid,comm")["Processes"]]
    return False


def is_a_beginning(seen: Iterable[str], cluster: str = ".") -> bool:
    """True if initdb never came to its end and no user ever made anything in the cluster; False where that isn't sure.

    `seen` is what LOOK prints: a line for each file (`f global/pg_control`; d: folder), then pg_controldata's.
    `cluster` is the cluster's folder in the volume, `18/docker` say; beside it there must be nothing.
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
    # The last that initdb does is to copy template1 twice (make_template0, make_postgres in src/bin/initdb/initdb.c).
    if len(databases) > 2 or any(number >= USERS for number in numbers):
        return False
    if "global/pg_control" in kinds:
        # Whoever dropped all their databases has been given numbers for them.
        given = [int(line.split(":")[1]) for line in lines if re.fullmatch(r"Latest checkpoint's NextOID: +\d+", line)]
        return len(given) == 1 and given[0] < USERS
    # Nothing but settings and the log's first page is written before it.
    return not any(kind != "d" and "/" in path and not path.startswith("pg_wal/") for path, kind in kinds.items())


def _is_postgresqls(kind: str, path: str) -> bool:
    """False for what somebody else put there, or only a cluster has that is in use: links, tablespaces, more log."""
    top, below, _ = path.partition("/")
    if top == "pg_wal" and below:
        return bool(LOG.fullmatch(f"{kind} {path}"))
    if below:
        return kind in "df" and top != "pg_tblspc" and bool(FOLDERS.fullmatch(top))
    return bool((FOLDERS if kind == "d" else FILES).fullmatch(top)) and kind in "df"
