"""Every config key of a stack: read, typed and validated in one place. Meanings and defaults stand in Pulumi.yaml.

`Settings.load()` gives all values or one error that lists every bad key with its value, what is allowed and the
command that mends it. It asks neither Docker nor AWS; that is `preflight` of the platform.
"""

import json
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG, is_config_secret

from infra import command_line, dsn, fixes, stack_file
from infra.cloud.settings import CloudSettings
from infra.command_line import CommandLineError
from infra.names import IMAGE, Names
from infra.own_variables import read_variables
from infra.versions import POSTGRES

ROOT = fixes.ROOT

_HOST = re.compile(r"^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$")
_ASKS = "the fix asks for it"
_PROVIDERS = {"aws", "command", "docker", "pulumi", "random"}  # namespaces that aren't a project's


@dataclass(frozen=True)
class Settings:
    """One stack's settings, all valid. Ports are numbers on 127.0.0.1, `release_timeout` is in seconds."""

    project: str
    stack: str
    platform: str
    app_path: Path
    env: Mapping[str, str] = dataclass_field(repr=False)
    env_is_secret: bool
    release_commands: tuple[str, ...]
    release_timeout: int
    debug: bool
    web_command: tuple[str, ...]
    mount_source: bool
    domain: str
    domain_aliases: tuple[str, ...]
    domain_redirects: tuple[str, ...]
    web_port: int
    database_port: int
    media_port: int
    postgres_version: int
    media: str
    media_access: str
    storage_dsn: str = dataclass_field(repr=False)
    keep_data: bool
    python_image: str
    postgres_image: str
    s3_image: str
    cloud: CloudSettings

    @property
    def prefix(self) -> str:
        """What the stack's physical names begin with, so that stacks live side by side."""
        return f"{self.project}-{self.stack}"

    @classmethod
    def load(cls) -> "Settings":
        """The settings of the running program's stack. Raises `pulumi.RunError` that lists every bad key."""
        read = _Reader()
        read.names()
        settings = cls(
            project=pulumi.get_project(),
            stack=pulumi.get_stack(),
            platform=read.choice("platform", "local", "cloud"),
            app_path=read.app_path("app-path"),
            env=read_variables(read, "env"),
            env_is_secret=read.is_secret("env"),
            release_commands=read.commands("release-commands"),
            release_timeout=read.integer("release-timeout", 1, 86400, "seconds"),
            debug=read.boolean("debug"),
            web_command=read.command("web-command"),
            mount_source=read.boolean("mount-source"),
            domain=next(iter(read.hosts("domain", most=1)), ""),
            domain_aliases=read.hosts("domain-aliases"),
            domain_redirects=read.hosts("domain-redirects"),
            web_port=read.port("web-port"),
            database_port=read.port("database-port"),
            media_port=read.port("media-port"),
            postgres_version=read.integer(
                "postgres-version", POSTGRES[0], POSTGRES[-1], "a major version of PostgreSQL"
            ),
            media=read.choice("media", "s3", "filesystem"),
            media_access=read.choice("media-access", "signed", "public"),
            storage_dsn=read.storage_dsn("storage-dsn"),
            keep_data=read.boolean("keep-data"),
            python_image=read.image("python-image"),
            postgres_image=read.image("postgres-image"),
            s3_image=read.image("s3-image"),
            cloud=CloudSettings.read(read),
        )
        if not read.errors:
            settings._check_together(read)
        read.unquoted()
        read.unknown_keys()
        if read.errors:
            raise pulumi.RunError(
                f"Stack {pulumi.get_stack()}: {_count(len(read.errors))} can't be used, nothing was changed.\n"
                + "\n".join(f"  - {error}" for error in sorted(read.errors, key=_asks))
            )
        return settings

    def _check_together(self, read: "_Reader") -> None:
        ports: dict[int, str] = {}
        taken = {self.web_port, self.database_port, self.media_port}
        for key in ("web-port", "database-port", "media-port"):
            port = int(getattr(self, key.replace("-", "_")))
            if port in ports:
                free = next(other for other in (*range(port + 1, 65536), *range(1024, port)) if other not in taken)
                taken.add(free)
                read.wrong(key, f"a port of its own; {ports[port]} has {port} already", str(free))
            ports.setdefault(port, key)
        if self.media == "filesystem":
            if not self.debug:
                read.wrong("media", "s3 when debug is false: only runserver in debug mode serves files", "s3")
            if self.storage_dsn:
                read.wrong("media", "s3 when storage-dsn names a bucket", "s3")
        if self.platform == "cloud":
            for key, local_only in (("debug", self.debug), ("mount-source", self.mount_source)):
                if local_only:
                    read.wrong(key, "false on the cloud platform", "false")
            if self.media == "filesystem":
                read.wrong("media", "s3 on the cloud platform: a task's disk is not kept", "s3")
            self.cloud.check_together(read, self)


class _Reader:
    """Reads raw config values (strings, objects as JSON) into types, and collects what is wrong with them."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.known: set[str] = set()
        self.namespace = pulumi.get_project()
        self.stack = pulumi.get_stack()
        self.file = stack_file.running()
        self._refused: set[str] = set()
        self._unquoted: dict[str, str] = {}

    def is_secret(self, key: str) -> bool:
        return bool(is_config_secret(self.full(key)))

    def full(self, key: str) -> str:
        """The key as the engine knows it; one of another namespace, such as aws:region, has it already."""
        return key if ":" in key else f"{self.namespace}:{key}"

    def refuse(self, key: str, error: str) -> None:
        """Notes an error, the first one of a key only: what follows from it goes with it."""
        if key not in self._refused:
            self.errors.append(error)
        self._refused.add(key)

    def wrong(self, key: str, allowed: str, fix: str = "", *, value: str | None = None, command: str = "") -> None:
        """Notes one bad key: its value unless it's a secret, what is allowed, and the command that sets it to `fix`.

        Another `command` can take that one's place. A secret value is asked for, since fixes are made of values.
        """
        shown = self._unquoted.get(key, self.raw(key)) if value is None else value
        shown = json.dumps(shown, ensure_ascii=False)
        if self.is_secret(key) or key == "storage-dsn":
            shown = "[secret]"
            command = "" if self.is_secret(key) else command
            if not command:
                allowed += "" if _ASKS in allowed else f"; {_ASKS}"
                command = fixes.ask_for(self.stack, key, secret=True)
        self.refuse(
            key, f"{key} is {shown}; allowed: {allowed}. Fix: {command or fixes.set_value(self.stack, key, fix)}"
        )

    def names(self) -> None:
        cloud = self.raw("platform") == "cloud"
        organization = pulumi.get_organization() or "organization"
        names = Names(self.namespace, self.stack, cloud, organization, self.file.stacks())
        self.errors += names.errors()

    def unquoted(self) -> None:
        """Notes what would be right if YAML hadn't made another value of it."""
        for key, written in self._unquoted.items():
            self.wrong(key, f"text in quotes, for YAML reads this as {self.raw(key)}", written)

    def unknown_keys(self) -> None:
        for full in sorted(CONFIG.get()):
            namespace, _, key = full.partition(":")
            if namespace == self.namespace and key not in self.known:
                near = get_close_matches(re.sub("[_ .]", "-", key.lower()), self.known, n=1)
                known = f"did you mean {near[0]}?" if near else "see Pulumi.yaml for all keys."
                shown = key if key.isprintable() else json.dumps(key)
                self.errors.append(f"{shown} is not a setting; {known} Fix: {fixes.remove(self.stack, key)}")
            elif key in self.known and namespace not in {self.namespace, *_PROVIDERS}:
                file = shlex.quote(f"Pulumi.{self.stack}.yaml")
                fix = fixes.rename_namespace(namespace, self.namespace, f"{key}:", file)
                if self.file.has(self.full(key)):
                    fix = fixes.remove(self.stack, full)
                self.errors.append(
                    f"{full} is a setting of another project; allowed: {self.namespace}:{key}, with the name in "
                    f"Pulumi.yaml. Fix: {fix}"
                )

    def raw(self, key: str) -> str:
        """The value as text, without what a shell or an editor leaves around it."""
        self.known.add(key)
        value = CONFIG.get().get(self.full(key), "")
        return value.strip() if isinstance(value, str) else json.dumps(value)

    def as_written(self, key: str) -> str:
        """The value of a setting that is no number; of one that YAML read as a number or a time, what stands there."""
        value = self.raw(key)
        if written := self.file.written(value, self.full(key)):
            self._unquoted[key] = written
        return written or value

    def choice(self, key: str, *allowed: str) -> str:
        value = self.as_written(key)
        if value not in allowed:
            also = [word for word in allowed if value.lower() in fixes.ALSO.get(word, ())]
            # A stack's platform changed to the other one would be removed from where it is.
            likely = [
                "cloud" if key == "platform" and "aws:region" in CONFIG.get() else fixes.default(key) or allowed[0]
            ]
            near = also or get_close_matches(value.lower(), allowed, n=1, cutoff=0.4) or likely
            few = (
                allowed
                if len(allowed) < 9
                else [*get_close_matches(value, allowed, n=5, cutoff=0), "another of its kind"]
            )
            self.wrong(key, " or ".join(few), near[0])
        return value

    def boolean(self, key: str) -> bool:
        value = self.as_written(key)
        if value not in {"true", "false"}:
            meant = next((word for word in ("true", "false") if value.lower() in fixes.ALSO[word]), fixes.default(key))
            self.wrong(key, "true or false", meant)
        return value == "true"

    def integer(self, key: str, low: int, high: int, what: str) -> int:
        value = self.raw(key)
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            whole = value.partition(".")[0]
            fits = re.fullmatch(r"[0-9]{1,9}\.[0-9]+", value) and low <= int(whole) <= high
            self.wrong(key, f"{what}, {low} to {high}", whole if fits else fixes.default(key) or str(low))
            return low
        written = self.file.written(value, self.full(key)) if self.file.has_octal else ""
        if re.fullmatch(r"0[0-9]{1,8}", written) and int(written) != int(value):
            fits = low <= int(written) <= high
            allowed = f"{what} without a zero before it, for YAML reads {written} as {value}"
            self.wrong(key, allowed, str(int(written)) if fits else fixes.default(key))
        return int(value)

    def one_of(self, key: str, allowed: Iterable[int], what: str) -> int:
        """A number of a list; the first of the list when it's another."""
        numbers = list(allowed)
        value = self.raw(key)
        if value not in map(str, numbers):
            self.wrong(key, f"{what}, one of {', '.join(map(str, numbers))}", fixes.default(key))
            return numbers[0]
        return int(value)

    def text(self, key: str, pattern: str, what: str, command: str = "") -> str:
        """A text that fits a pattern, or nothing."""
        value = self.as_written(key)
        if value and not re.fullmatch(pattern, value):
            self.wrong(key, f"{what}, or nothing", command=command)
        return value

    def words(self, key: str, pattern: str, what: str) -> tuple[str, ...]:
        """A comma list of words that fit a pattern."""
        words = tuple(part.strip() for part in self.as_written(key).split(",") if part.strip())
        if any(not re.fullmatch(pattern, word) for word in words):
            good = [word for word in words if re.fullmatch(pattern, word)]
            self.wrong(key, f"{what}, separated by commas, or nothing", ",".join(good) if len(good) > 1 else "")
        return words

    def port(self, key: str) -> int:
        return self.integer(key, 1, 65535, "a port number")

    def hosts(self, key: str, most: int | None = None) -> tuple[str, ...]:
        value = self.as_written(key)
        hosts = tuple(part.strip() for part in value.split(",") if part.strip())
        if any(not _HOST.match(host) for host in hosts) or (most and len(hosts) > most):
            form = "one host name" if most == 1 else "host names separated by commas"
            # Spread out as a list of YAML's it comes as JSON, with quotes and brackets.
            good = [name for host in re.split(r'[,\s"\[\]]+', value) if _HOST.match(name := fixes.host_in(host))]
            self.wrong(key, f"{form}, lower case, without scheme, port or path, or nothing", ",".join(good[:most]))
        return hosts

    def image(self, key: str) -> str:
        value = self.as_written(key).replace("{postgres-version}", self.raw("postgres-version"))
        if not IMAGE.fullmatch(value):
            self.wrong(key, "an image reference such as name:tag", fixes.default(key))
        if key == "postgres-image" and "alpine" in value:
            self.wrong(key, "a glibc image: alpine's collation differs from a managed PostgreSQL's", fixes.default(key))
        return value

    def app_path(self, key: str) -> Path:
        path = ROOT / self.as_written(key)
        if not self.raw(key) or not os.path.isdir(path):  # noqa: PTH112  # pathlib's raises for a name that is too long
            # Not the example's folder: its migrations are nothing for the database of another project.
            allowed = f"the Django project's folder, absolute or relative to {ROOT}"
            if found := fixes.folder_of_shell(self.raw(key)) or fixes.folder_like(path):
                self.wrong(key, allowed, str(found))
            else:
                self.wrong(key, f"{allowed}; {_ASKS}", command=fixes.ask_for(self.stack, key, secret=False))
        elif os.access(path, os.R_OK | os.X_OK) and not (path / "Dockerfile").is_file():
            allowed = "a folder with a Dockerfile in it; the fix begins with the example's"
            self.wrong(key, f"{allowed} (docs/bring-your-own.md, step 3)", command=fixes.begin_dockerfile(path))
        return path

    def command(self, key: str) -> tuple[str, ...]:
        try:
            return command_line.split(self.as_written(key))
        except CommandLineError as error:
            self.wrong(key, self._allowed(key, error), error.fix)
            return ()

    def commands(self, key: str) -> tuple[str, ...]:
        value = self.json(key)
        if not isinstance(value, list):
            text = self.raw(key)
            one = _corrected(text if text and value is None else fixes.default_command())
            # A path below an object, which is no list, can't be set.
            self._bad_commands(key, {0: one}, [one], "a list of command lines", whole=isinstance(value, dict))
            return ()
        bad: dict[int, str] = {}
        allowed = "a list of command lines"
        for index, item in enumerate(value):
            try:
                if not isinstance(item, str) or not command_line.split(item):
                    bad[index] = fixes.default_command()
            except CommandLineError as error:
                bad[index] = error.fix or fixes.default_command()
                allowed = f"a list of command lines, each {self._allowed(key, error)}"
        if bad:
            corrected = [bad.get(index, item) for index, item in enumerate(value)]
            whole = len(value) > 1 and self.file.is_text(self.full(key))
            self._bad_commands(key, bad, corrected, allowed, whole=whole)
            return ()
        return tuple(value)

    def _bad_commands(self, key: str, bad: dict[int, str], commands: list[str], allowed: str, *, whole: bool) -> None:
        """`whole`: the list is set as one JSON text, because a path would replace the rest of it."""
        if whole:
            command = fixes.set_value(self.stack, key, json.dumps(commands))
        else:
            command = " && ".join(fixes.set_value(self.stack, f"{key}[{index}]", line) for index, line in bad.items())
        self.wrong(key, f"{allowed}, none of them empty; [] for no release step", command=command)

    def _allowed(self, key: str, error: CommandLineError) -> str:
        """What a command line must be, without words of a secret one."""
        return "one program and its arguments, nothing for a shell" if self.is_secret(key) else error.allowed

    def storage_dsn(self, key: str) -> str:
        value = self.raw(key)
        if not value:
            return ""
        try:
            dsn.check_storage_dsn(value)
        except dsn.DSNError as error:
            self.wrong(key, f"s3://KEY:SECRET@BUCKET.s3.REGION.amazonaws.com/, but {error}; {_ASKS}")
        if not self.is_secret(key):
            self.wrong(key, "only as a secret, it holds keys", command=fixes.encrypt(self.stack, [key]))
        return value

    def json(self, key: str) -> Any:
        try:
            return json.loads(self.raw(key))
        except (ValueError, RecursionError):  # no JSON, a number of thousands of digits, or too deep
            return None


def _corrected(line: str) -> str:
    """The command line, or what its error proposes."""
    try:
        command_line.split(line)
    except CommandLineError as error:
        return error.fix or fixes.default_command()
    return line


def _asks(error: str) -> bool:
    """Whether an error's fix asks for a value: it comes last, so that it takes no pasted command for its answer."""
    return _ASKS in error


def _count(errors: int) -> str:
    return "one setting" if errors == 1 else f"{errors} settings"
