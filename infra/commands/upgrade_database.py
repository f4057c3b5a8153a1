"""`django-stack upgrade-database`: a local stack's data into a newer major version of PostgreSQL."""

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
from docker.errors import APIError, ContainerError, DockerException, ImageNotFound, NotFound
from docker.types import LogConfig

from infra import credentials, fixes
from infra.commands import load, stack
from infra.commands.data import dumping, sql
from infra.commands.data.archive_reader import opened
from infra.commands.data.ends import DataError, database_of
from infra.commands.operations import move, platform_of, read_settings
from infra.commands.operations.versions import setting
from infra.local.labels import PROJECT, STACK, STATE, state
from infra.local.postgres import image_version
from infra.local.steps.containers import explain
from infra.versions import POSTGRES

if TYPE_CHECKING:
    import docker

PLACEHOLDER = "{postgres-version}"  # in the setting postgres-image
READ_ONLY = "default_transaction_read_only"
COPY = "cp -a /old/. /kept/"


@click.command
@click.argument("version", type=click.IntRange(min(POSTGRES), max(POSTGRES)), metavar="VERSION")
@stack.option
@click.option(
    "--image", default="", metavar="NAME", help="The setting postgres-image from then on, if another is needed."
)
@move.yes_option
def command(version: int, name: str, image: str, yes: bool) -> int:
    """Moves the database of a local stack to the major version VERSION of PostgreSQL.

    The database is made read-only and written into a file, which is verified. The volume is copied to one that is
    called after the old version; then the stack is brought down, and up with the new version, and the file is loaded.
    File and copy stay until you remove them. The site is away meanwhile, for a minute or two, and has new secrets
    afterwards, so that its visitors log in again.

    \b
    Example:
      django-stack upgrade-database 18
    """
    try:
        return _upgrade(Upgrade.of(name, version, image), yes=yes)
    except DataError as error:
        sys.exit(str(error))


@dataclass(frozen=True)
class Upgrade:
    """What is to be done; `user` and `database` are the server's."""

    name: str
    old: int
    new: int
    image: str
    setting: str
    container: str
    user: str
    database: str
    size: int

    @property
    def prefix(self) -> str:
        return f"{stack.project_name()}-{self.name}"

    @property
    def volume(self) -> str:
        return f"{self.prefix}-database"

    @property
    def kept(self) -> str:
        return f"{self.volume}-{self.old}"

    @property
    def file(self) -> Path:
        return Path(f"{self.prefix}-before-{self.new}.tar")

    @classmethod
    def of(cls, name: str, version: int, image: str) -> "Upgrade":
        """Ends the command with one line for a stack where it can't be done."""
        if platform_of(name) != "local":
            sys.exit(
                f"RDS upgrades the database of the stack {name} itself (docs/cloud.md, PostgreSQL's versions). "
                f"Fix: {fixes.upgrade_rds(name, version)}"
            )
        settings = read_settings(name)
        if setting(settings, "keep-data").lower() == "false":
            sys.exit(
                f"The stack {name} has keep-data false, so its volumes would go when it is brought down. Fix: "
                f"{fixes.set_value(name, 'keep-data', 'true')} && pulumi up -s {shlex.quote(name)}"
            )
        known = image or setting(settings, "postgres-image") or fixes.default("postgres-image")
        if not image and PLACEHOLDER not in known:
            sys.exit(
                f"The stack {name} has postgres-image {known}, whose version is its own. Fix: the same with "
                f"--image NAME, of an image with PostgreSQL {version}"
            )
        facts = database_of(name).facts()
        if version <= facts.version:
            sys.exit(
                f"The stack {name} has PostgreSQL {facts.version}; allowed: a newer version, up to {max(POSTGRES)}. "
                "PostgreSQL has no way to an older one but a backup"
            )
        container = stack.running(stack.engine(), name, "database")
        assert container  # noqa: S101  # it has answered
        user = stack.environment(container).get("POSTGRES_USER", "postgres")
        return cls(
            name,
            facts.version,
            version,
            known.replace(PLACEHOLDER, str(version)),
            image,
            str(container.id),
            user,
            facts.name,
            facts.size,
        )


def _upgrade(upgrade: Upgrade, *, yes: bool) -> int:
    engine, quoted = stack.engine(), shlex.quote(upgrade.name)
    _check(engine, upgrade)
    statements = json.loads(_psql(upgrade, settings_of(upgrade.database, upgrade.user)))
    move.ask(
        f"Move the database of {upgrade.name} from PostgreSQL {upgrade.old} to {upgrade.new}, with the site away?",
        yes=yes,
    )
    with _read_only(upgrade):
        with dumping.written_whole(upgrade.file) as out:
            dumping.dump(upgrade.name, stack.project_name(), out, database_of(upgrade.name), None, [])
        with opened(upgrade.file, []):
            click.echo(f"The database is in {upgrade.file}, whose checksums are right.")
        _keep(engine, upgrade)
    click.echo(f"The volume of PostgreSQL {upgrade.old} is kept as {upgrade.kept}.")
    if status := move.pulumi(["destroy", "--stack", upgrade.name, "--yes", "--skip-preview"]):
        subprocess.run(["docker", "start", upgrade.container], capture_output=True, check=False)
        sys.exit(
            f"The stack isn't down (exit status {status}); nothing is lost. Fix: see above, then pulumi up -s {quoted}"
        )
    settings = {
        "postgres-version": str(upgrade.new),
        **({"postgres-image": upgrade.setting} if upgrade.setting else {}),
    }
    setting_up = [fixes.set_value(upgrade.name, key, value) for key, value in settings.items()]
    loading = f"django-stack load -s {quoted} {shlex.quote(str(upgrade.file))} --database"
    going_on = [
        *setting_up,
        f"pulumi up -s {quoted}",
        *(f"django-stack psql -s {quoted} -c {shlex.quote(one)}" for one in statements),
        loading,
    ]
    try:
        with suppress(NotFound):  # somebody removed it
            engine.volumes.get(upgrade.volume).remove()
    except APIError as error:
        click.echo(error.explanation, err=True)
        removing = f"docker volume rm {shlex.quote(upgrade.volume)}"
        _unfinished(upgrade, f"The volume {upgrade.volume} can't be removed.", [removing, *going_on])
    if status := move.set_and_up(upgrade.name, settings):
        _unfinished(upgrade, f"The stack isn't up with PostgreSQL {upgrade.new} (exit status {status}).", going_on)
    _apply(upgrade, statements)
    try:
        load.command.main(
            [str(upgrade.file), "-s", upgrade.name, "--database", "--yes"], prog_name="load", standalone_mode=False
        )
    except (SystemExit, click.ClickException, click.Abort) as error:
        click.echo(str(error), err=True)
        ahead = " --schema-ahead" if "--schema-ahead" in str(error) else ""
        _unfinished(upgrade, "The stack serves an empty database.", [loading + ahead])
    click.echo(
        f"The stack {upgrade.name} has PostgreSQL {upgrade.new}. When you have seen the site: "
        f"docker volume rm {shlex.quote(upgrade.kept)} && rm {shlex.quote(str(upgrade.file))} && "
        f"django-stack data drop-old -s {quoted}"
    )
    return 0


def _unfinished(upgrade: Upgrade, what: str, commands: Sequence[str]) -> NoReturn:
    """Ends the command, between the old server and the loaded data, with the commands that go on from there."""
    sys.exit(
        f"{what} Its data are in {upgrade.file} and in the volume {upgrade.kept}. "
        f"Fix: see above, then {' && '.join(commands)}"
    )


def settings_of(database: str, user: str) -> str:
    """The query for the statements, as one JSON list, that give another server the settings that somebody gave a
    database and its user by ALTER, those that count more last; an archive of pg_dump has none of them.

    The user's settings for this database become its own: they would stay with the database that `load` replaces.
    """
    # FROM CURRENT, since a list such as search_path can't be given as one text.
    return f"""
SELECT coalesce(json_agg(format('SELECT set_config(%L, %L, false); ALTER %s SET %I FROM CURRENT',
    name, value, whose, name) ORDER BY setrole <> 0, setdatabase <> 0, name), '[]')
FROM (SELECT setrole, setdatabase, split_part(one, '=', 1) AS name, substr(one, strpos(one, '=') + 1) AS value,
          CASE WHEN setrole <> 0 THEN format('ROLE %I', {sql.literal(user)})
               WHEN setdatabase <> 0 THEN format('DATABASE %I', {sql.literal(database)}) ELSE 'ROLE ALL' END AS whose
      FROM pg_db_role_setting, unnest(setconfig) one
      WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = {sql.literal(database)}))
          AND setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = {sql.literal(user)}))) known
WHERE name <> {sql.literal(READ_ONLY)}
"""  # noqa: S608  # by literal


def _apply(upgrade: Upgrade, statements: Sequence[str]) -> None:
    """Gives the new server the old one's settings, before tables are made where they say (search_path)."""
    container = stack.running(stack.engine(), upgrade.name, "database")
    assert container  # noqa: S101  # it is up
    for one in statements:
        try:
            _psql(replace(upgrade, container=str(container.id)), one)
        except DataError as error:
            click.echo(f"PostgreSQL {upgrade.new} doesn't take a setting of {upgrade.old}: {one}. {error}", err=True)


def _check(engine: "docker.DockerClient", upgrade: Upgrade) -> None:
    """Ends the command with one line when something is in the way; nothing was changed."""
    if upgrade.file.exists():
        file = shlex.quote(str(upgrade.file))
        sys.exit(f"{upgrade.file} is there already. Fix: mv {file} {file}.old, then the same command")
    try:
        engine.volumes.get(upgrade.kept)
    except NotFound:
        pass
    else:
        kept = shlex.quote(upgrade.kept)
        sys.exit(f"The volume {upgrade.kept} is there already. Fix: docker volume rm {kept}, if nobody needs it")
    try:
        image = engine.images.get(upgrade.image)
    except ImageNotFound:
        click.echo(f"Pulling {upgrade.image} ...", err=True)
        try:
            image = engine.images.pull(upgrade.image)
        except (DockerException, OSError) as error:
            fix = credentials.fix(error) or "--image NAME"
            reason = getattr(error, "explanation", None) or error
            sys.exit(f"{upgrade.image} can't be pulled, nothing was changed: {reason}. Fix: {fix}")
    if (has := image_version(image)) not in {None, upgrade.new}:
        sys.exit(f"{upgrade.image} has PostgreSQL {has}, not {upgrade.new}. Fix: --image NAME of one that has it")


@contextmanager
def _read_only(upgrade: Upgrade) -> Iterator[None]:
    """What visitors wrote after the dump would be lost, so they can't; after a failure they can again."""
    database = sql.identifier(upgrade.database)
    _psql(upgrade, f"ALTER DATABASE {database} SET {READ_ONLY} = on;\n{sql.terminate(upgrade.database)}")
    try:
        yield
    except BaseException:
        subprocess.run(["docker", "start", upgrade.container], capture_output=True, check=False)
        _psql(upgrade, f"ALTER DATABASE {database} RESET {READ_ONLY};\n{sql.terminate(upgrade.database)}", attempts=30)
        raise


def _keep(engine: "docker.DockerClient", upgrade: Upgrade) -> None:
    """Copies the volume, of a server that has ended in order."""
    database = sql.identifier(upgrade.database)
    _psql(upgrade, f"ALTER DATABASE {database} RESET {READ_ONLY};")  # for whoever goes back to the copy
    container = engine.containers.get(upgrade.container)
    container.stop(timeout=60)
    labels = {PROJECT: stack.project_name(), STACK: upgrade.name}
    engine.volumes.create(upgrade.kept, labels=labels)
    mounts = {
        upgrade.volume: {"bind": "/old", "mode": "ro"},
        upgrade.kept: {"bind": "/kept", "mode": "rw"},
    }
    try:
        engine.containers.run(
            str(container.attrs["Image"]),
            ["-c", COPY],
            entrypoint="sh",
            user="0",
            volumes=mounts,
            network_mode="none",
            remove=True,
            labels={**labels, STATE: state()},
            log_config=LogConfig(type=LogConfig.types.JSON),  # logs of the engine's default driver may be unreadable
        )
    except (APIError, ContainerError) as error:
        engine.volumes.get(upgrade.kept).remove(force=True)
        raise DataError(f"The volume can't be copied, nothing was changed: {explain(error)}") from None


def _psql(upgrade: Upgrade, text: str, attempts: int = 1) -> str:
    """What the server answers. Raises DataError."""
    line = ["docker", "exec", "-i", upgrade.container, "psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-U", upgrade.user]
    for _ in range(attempts):
        done = subprocess.run([*line, "-d", "postgres"], input=text, capture_output=True, text=True, check=False)
        if not done.returncode:
            return done.stdout
        time.sleep(1)
    raise DataError(f"The database of {upgrade.name} refuses that: {done.stderr.strip()}")
