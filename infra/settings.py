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

from infra import dsn
from infra.cloud.settings import CloudSettings
from infra.environment import RESERVED

ROOT = Path(__file__).resolve().parent.parent

_HOST = re.compile(r"^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$")
_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|_KEY$|_DSN$", re.IGNORECASE)
_IMAGE = re.compile(r"^[a-z0-9][\w.:/-]*(@sha256:[0-9a-f]{64})?$")


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
        settings = cls(
            project=pulumi.get_project(),
            stack=pulumi.get_stack(),
            platform=read.choice("platform", "local", "cloud"),
            app_path=read.app_path("app-path"),
            env=read.env("env"),
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
            postgres_version=read.integer("postgres-version", 14, 17, "a major version of PostgreSQL"),
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
        read.unknown_keys()
        if read.errors:
            raise pulumi.RunError(
                f"Stack {pulumi.get_stack()}: {_count(len(read.errors))} can't be used, nothing was changed.\n"
                + "\n".join(f"  - {error}" for error in read.errors)
            )
        return settings

    def _check_together(self, read: "_Reader") -> None:
        ports: dict[int, str] = {}
        for key in ("web-port", "database-port", "media-port"):
            port = int(getattr(self, key.replace("-", "_")))
            if port in ports:
                read.wrong(key, f"a port of its own; {ports[port]} has {port} already", f"{port + 1}")
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

    def is_secret(self, key: str) -> bool:
        return bool(is_config_secret(self.full(key)))

    def full(self, key: str) -> str:
        """The key as the engine knows it; one of another namespace, such as aws:region, has it already."""
        return key if ":" in key else f"{self.namespace}:{key}"

    def wrong(self, key: str, allowed: str, fix: str, *, value: str | None = None, fix_key: str = "") -> None:
        """Notes one bad key: its value unless it's a secret, what is allowed, the command that sets `fix_key` or it."""
        shown = self.raw(key) if value is None else value
        shown = "[secret]" if self.is_secret(key) or key == "storage-dsn" else json.dumps(shown, ensure_ascii=False)
        stack = pulumi.get_stack()
        self.errors.append(
            f"{key} is {shown}; allowed: {allowed}. Fix: pulumi config set -s {stack} {_quoted(fix_key or key, fix)}"
        )

    def unknown_keys(self) -> None:
        for full in sorted(CONFIG.get()):
            namespace, _, key = full.partition(":")
            if namespace != self.namespace or key in self.known:
                continue
            near = get_close_matches(key, self.known, n=1)
            known = f"did you mean {near[0]}?" if near else "see Pulumi.yaml for all keys."
            self.errors.append(f"{key} is not a setting; {known} Fix: pulumi config rm -s {pulumi.get_stack()} {key}")

    def raw(self, key: str) -> str:
        self.known.add(key)
        value = CONFIG.get().get(self.full(key), "")
        return value if isinstance(value, str) else json.dumps(value)

    def choice(self, key: str, *allowed: str) -> str:
        value = self.raw(key)
        if value not in allowed:
            near = get_close_matches(value, allowed, n=1, cutoff=0.4) or allowed
            self.wrong(key, " or ".join(allowed), near[0])
        return value

    def boolean(self, key: str) -> bool:
        value = self.raw(key)
        if value not in {"true", "false"}:
            self.wrong(key, "true or false", "true" if value.lower() in {"true", "yes", "on", "1"} else "false")
        return value == "true"

    def integer(self, key: str, low: int, high: int, what: str) -> int:
        value = self.raw(key)
        if not re.fullmatch(r"\d{1,9}", value) or not low <= int(value) <= high:
            self.wrong(key, f"{what}, {low} to {high}", _default(key) or str(low))
            return low
        return int(value)

    def one_of(self, key: str, allowed: Iterable[int], what: str) -> int:
        """A number of a list; the first of the list when it's another."""
        numbers = list(allowed)
        value = self.raw(key)
        if value not in map(str, numbers):
            self.wrong(key, f"{what}, one of {', '.join(map(str, numbers))}", _default(key))
            return numbers[0]
        return int(value)

    def text(self, key: str, pattern: str, what: str, example: str) -> str:
        """A text that fits a pattern, or nothing."""
        value = self.raw(key)
        if value and not re.fullmatch(pattern, value):
            self.wrong(key, f"{what}, or nothing", example)
        return value

    def words(self, key: str, pattern: str, what: str, example: str) -> tuple[str, ...]:
        """A comma list of words that fit a pattern."""
        words = tuple(part.strip() for part in self.raw(key).split(",") if part.strip())
        if any(not re.fullmatch(pattern, word) for word in words):
            self.wrong(key, f"{what}, separated by commas, or nothing", example)
        return words

    def port(self, key: str) -> int:
        return self.integer(key, 1, 65535, "a port number")

    def hosts(self, key: str, most: int | None = None) -> tuple[str, ...]:
        value = self.raw(key)
        hosts = tuple(part.strip() for part in value.split(",") if part.strip())
        if any(not _HOST.match(host) for host in hosts) or (most and len(hosts) > most):
            form = "one host name" if most == 1 else "host names separated by commas"
            good = [name for host in hosts if _HOST.match(name := _host_in(host))]
            self.wrong(key, f"{form}, lower case, without scheme, port or path, or nothing", ",".join(good[:most]))
        return hosts

    def image(self, key: str) -> str:
        value = self.raw(key).replace("{postgres-version}", self.raw("postgres-version"))
        if not _IMAGE.match(value):
            self.wrong(key, "an image reference such as name:tag", _default(key))
        if key == "postgres-image" and "alpine" in value:
            self.wrong(key, "a glibc image: alpine's collation differs from a managed PostgreSQL's", _default(key))
        return value

    def app_path(self, key: str) -> Path:
        path = ROOT / self.raw(key)
        if not self.raw(key) or not os.path.isdir(path):  # noqa: PTH112  # pathlib's raises for a name that is too long
            self.wrong(key, f"a folder, absolute or relative to {ROOT}", "app")
        elif os.access(path, os.R_OK | os.X_OK) and not (path / "Dockerfile").is_file():
            self.wrong(key, "a folder with a Dockerfile in it (docs/bring-your-own.md shows one)", "app")
        return path

    def command(self, key: str) -> tuple[str, ...]:
        try:
            return tuple(shlex.split(self.raw(key)))
        except ValueError as error:
            self.wrong(key, f"a command line with balanced quotes ({error})", _default(key))
            return ()

    def commands(self, key: str) -> tuple[str, ...]:
        value = self.json(key)
        items = value if isinstance(value, list) else [None]
        bad = [index for index, item in enumerate(items) if not isinstance(item, str) or not _splits(item)]
        if bad:
            self.wrong(
                key,
                "a list of command lines, none of them empty; [] for no release step",
                "python manage.py migrate --noinput",
                fix_key=f"{key}[{bad[0]}]",
            )
            return ()
        return tuple(items)

    def env(self, key: str) -> dict[str, str]:
        value = self.json(key)
        if not isinstance(value, dict):
            self.not_in_env(key, key, "only an object of names and values (pulumi config set --path env.NAME VALUE)")
            return {}
        result = {}
        for name, item in value.items():
            path = f"env.{name}" if re.fullmatch(r"\w+", name) else f'env["{name}"]'
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                self.not_in_env(path, path, "names of letters, digits and _")
            elif name in RESERVED:
                self.not_in_env(f"{path}, which the stack sets itself,", path, RESERVED[name])
            elif not isinstance(item, str | int | float | bool):
                self.not_in_env(path, path, "text or a number, not a list or an object")
            else:
                result[name] = item if isinstance(item, str) else json.dumps(item)
                if _SECRET_NAME.search(name) and not self.is_secret(key):
                    pulumi.log.warn(
                        f"{path} looks like a secret, and stands in plain text in the stack's file. Encrypt it: "
                        f"pulumi config set -s {pulumi.get_stack()} --secret --path {path}"
                    )
        return result

    def not_in_env(self, what: str, path: str, allowed: str) -> None:
        """Notes what can't be in `env`. Its value isn't shown: it may be a secret that nobody marked as one."""
        rm = f"pulumi config rm -s {pulumi.get_stack()} --path {shlex.quote(path)}"
        self.errors.append(f"{what} can't be used; allowed: {allowed}. Fix: {rm}")

    def storage_dsn(self, key: str) -> str:
        value = self.raw(key)
        if not value:
            return ""
        if not self.is_secret(key):
            self.wrong(key, "only as a secret, it holds keys", "s3://…")
        try:
            dsn.check_storage_dsn(value)
        except dsn.DSNError as error:
            self.wrong(key, f"s3://KEY:SECRET@BUCKET.s3.REGION.amazonaws.com/, but {error}", "s3://…")
        return value

    def json(self, key: str) -> Any:
        try:
            return json.loads(self.raw(key))
        except (ValueError, RecursionError):  # no JSON, a number of thousands of digits, or too deep
            return None


def _count(errors: int) -> str:
    return "one setting" if errors == 1 else f"{errors} settings"


def _host_in(text: str) -> str:
    """The host of something like https://www.example.com:8000/path."""
    return text.lower().rpartition("://")[2].partition("/")[0].partition(":")[0]


def _splits(command: str) -> bool:
    try:
        return bool(shlex.split(command))
    except ValueError:
        return False


def _quoted(key: str, fix: str) -> str:
    """The arguments of `pulumi config set` that give `key` the value `fix`."""
    if key.endswith("]"):
        return f"--path {shlex.quote(key)} {shlex.quote(fix)}"
    if key == "storage-dsn":
        return f"--secret {key}"
    return f"{key} {shlex.quote(fix)}"


def _default(key: str) -> str:
    """What Pulumi.yaml gives for `key`, for the fix an error proposes."""
    import yaml  # noqa: PLC0415  # only an error needs it

    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    return str(project["config"][key]["default"])
