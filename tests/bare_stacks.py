"""Stacks as the commands about data find them, without Pulumi: PostgreSQL and a container of the app, with labels."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import psycopg
from docker.models.containers import Container

from infra.local.labels import PROJECT, STACK, STATE
from tests import ROOT
from tests.waiting import wait_until

BACKEND = "file:///nowhere/of/the/tests"
FOLDER = "file:///data/media/?url=%2Fmedia%2F"  # without a server; as a DEFAULT_STORAGE_DSN
SECRET_KEY = "made-up-for-the-tests-" + "Qw7sYb2KpZ4nTf8GhJ1mXc5VrD9aLe3U"
# Every table's rows in the order of the primary key, or of all columns, as one checksum.
CHECKSUMS = """
SELECT format('SELECT %L, coalesce(md5(string_agg(one::text, chr(10) ORDER BY %s)), ''empty'') FROM %s one',
    c.oid::regclass::text,
    coalesce((SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute a JOIN pg_index i
              ON i.indrelid = a.attrelid AND a.attnum = ANY (i.indkey) WHERE i.indrelid = c.oid AND i.indisprimary),
             'one::text'), c.oid::regclass)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE relkind = 'r' AND nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1
"""


@dataclass
class BareStack:
    """A stack of the project `project` on the engine."""

    folder: Path
    project: str
    name: str
    database: Container
    web: Container

    def connect(self, database: str = "app", **more: Any) -> psycopg.Connection[Any]:
        """A connection of one's own, in autocommit mode."""
        network = next(iter(self.database.attrs["NetworkSettings"]["Networks"].values()))
        return psycopg.connect(
            host=network["IPAddress"],
            user="app",
            password="password",
            dbname=database,
            autocommit=True,
            connect_timeout=5,
            **more,
        )

    def query(self, statement: str, database: str = "app") -> list[tuple[Any, ...]]:
        with self.connect(database) as connection:
            cursor = connection.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def databases(self) -> set[str]:
        """All but the server's own."""
        found = self.query("SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'")
        return {name for (name,) in found}

    def checksums(self, database: str = "app") -> dict[str, str]:
        return {
            table: checksum
            for (statement,) in self.query(CHECKSUMS, database)
            for table, checksum in self.query(statement, database)
        }

    def answers(self) -> bool:
        self.database.reload()
        try:
            return bool(self.query("SELECT 1"))
        except (psycopg.OperationalError, StopIteration):
            return False


@dataclass
class BareStacks:
    """Makes them in one project's folder, in which the commands run."""

    folder: Path
    engine: docker.DockerClient
    image: str
    postgres: str
    project: str
    end: ExitStack
    backend: str = BACKEND
    names: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)  # more ones of the commands' environment

    def make(self, name: str, postgres: str = "", storage: str = FOLDER, **options: Any) -> BareStack:
        """A stack with an empty database; `options` are of its database's container."""
        (self.folder / f"Pulumi.{name}.yaml").write_text(f"config:\n  {self.project}:platform: local\n")
        self.names.append(name)
        prefix = f"{self.project}-{name}"
        labels = {PROJECT: self.project, STACK: name, STATE: self.state()}
        network = self.engine.networks.create(prefix, driver="bridge", labels=labels)
        self.end.callback(network.remove)
        database = self.container(
            postgres or self.postgres,
            None,
            name=f"{prefix}-database",
            network=prefix,
            environment={"POSTGRES_USER": "app", "POSTGRES_PASSWORD": "password", "POSTGRES_DB": "app"},
            networking_config={prefix: self.engine.api.create_endpoint_config(aliases=["database"])},
            labels=labels,
            **options,
        )
        web = self.container(
            self.image,
            ["sleep", "3600"],
            name=f"{prefix}-web",
            network=prefix,
            environment={
                "DATABASE_URL": "postgres://app:password@database:5432/app",
                "DEFAULT_STORAGE_DSN": storage,
                "SECRET_KEY": SECRET_KEY,
                "DOMAIN": "localhost",
                "STAGE": "test",
                "DEBUG": "True",
            },
            init=True,
            labels=labels,
        )
        stack = BareStack(self.folder, self.project, name, database, web)
        wait_until(stack.answers, "a database", 60)
        return stack

    def container(self, image: str, command: list[str] | None, **options: Any) -> Container:
        container = self.engine.containers.create(image, command, **options)
        self.end.callback(lambda: container.remove(force=True, v=True))
        container.start()
        return container

    def state(self) -> str:
        code = "from infra.local.labels import state; print(state())"
        done = subprocess.run(
            [ROOT / ".venv/bin/python", "-c", code], cwd=ROOT, env=self.env, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    @property
    def env(self) -> Mapping[str, str]:
        return {**os.environ, "PULUMI_BACKEND_URL": self.backend, **self.variables}

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Starts a command of django-stack in the project's folder."""
        return subprocess.Popen(
            [ROOT / ".venv/bin/django-stack", *words],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words: str, seconds: float = 300) -> tuple[int, str]:
        """Its exit status and all that it printed."""
        process = self.start(*words)
        output, _ = process.communicate(timeout=seconds)
        return process.returncode, output

    def check(self, *words: str) -> str:
        """What a command printed that has to succeed."""
        status, output = self.run(*words)
        assert status == 0, output
        return output


@contextmanager
def bare_stacks(
    folder: Path, engine: docker.DockerClient, image: str, postgres: str, *, project: str = ""
) -> Iterator[BareStacks]:
    """Removes all containers that it made at the end. With `project`, the folder is that project's already."""
    if not project:
        project = f"bare-{secrets.token_hex(3)}"
        (folder / "Pulumi.yaml").write_text(f"name: {project}\nruntime: python\n")
    with ExitStack() as end:
        made = BareStacks(folder, engine, image, postgres, project, end)
        yield made
        for stack in made.names:
            labels = [f"{PROJECT}={project}", f"{STACK}={stack}"]
            for container in engine.containers.list(all=True, filters={"label": labels}, ignore_removed=True):
                if "-run-" in str(container.name):  # of a command that was killed
                    container.remove(force=True, v=True)
