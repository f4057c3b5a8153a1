"""The settings that every platform has; each platform's own settings are in its module `settings`.

A setting is declared once, here or there. `make settings` generates Pulumi.yaml and docs/settings.md from the
declarations. `Settings.load()` returns all values, or raises one error that lists every bad key with its value, what is
allowed, and a command that fixes it. It doesn't ask Docker or AWS; the platform's `preflight` does.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Self

import pulumi

from infra.names import Names
from infra.processes import PROCESSES, ProcessSettings
from infra.schedules import SCHEDULES, ScheduleSettings
from infra.services import NO_MAIL, check_services
from infra.setting_kinds import (
    AppPath,
    Boolean,
    BuildArgs,
    Choice,
    Command,
    Commands,
    DockerfilePath,
    Env,
    EnvFile,
    EnvFilePath,
    Host,
    Hosts,
    Image,
    Integer,
    Reasons,
    StorageDSN,
    Text,
    Version,
    declared,
    setting,
)
from infra.settings_reader import Reader
from infra.versions import POSTGRES

PLATFORMS = ("local", "cloud")

_MODULE = "DJANGO_SETTINGS_MODULE"
MIGRATE = "python manage.py migrate --noinput"


class _PlatformChoice(Choice):
    """One of the platforms. Synonyms of its name are in the settings of each."""

    def synonyms_of(self, word: str) -> Collection[str]:
        return section_of(word).synonyms


def _likely_platform(reader: Reader) -> str:
    """The platform whose keys of another namespace (aws:region) the stack has: moved, it would be removed there."""
    keys = reader.all_keys()
    for name in PLATFORMS:
        if any(":" in one.key and one.key in keys for one in declared(section_of(name)).values()):
            return name
    return ""


@dataclass(frozen=True)
class Settings:
    """One stack's settings, all valid: those of every platform. `release_timeout` is in seconds, `secret_env` the
    names in `env` whose values are secret.

    Besides its own settings, the class of a platform has the rules for the `names` of project and stack, and `synonyms`
    of the platform's name.
    """

    names: ClassVar[type[Names]] = Names
    synonyms: ClassVar[Collection[str]] = ()

    project: str
    stack: str
    secret_env: frozenset[str]
    platform: str = setting(
        _PlatformChoice(*PLATFORMS, likely=_likely_platform),
        "local",
        "Where the stack lives, local (Docker) or cloud (AWS).",
    )
    app_path: Path = setting(
        AppPath(),
        "app",
        "Folder of the Django project and its Dockerfile, relative to Pulumi.yaml.",
        heading="The application",
    )
    settings_module: str = setting(
        Text("a module such as `mysite.settings`", r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"),
        "",
        "The project's settings, DJANGO_SETTINGS_MODULE of everything that runs; empty for what the image, manage.py "
        "and wsgi.py say.",
    )
    env: Mapping[str, str] = setting(
        Env(),
        {},
        "Your own environment variables for the app, an object of texts (numbers in quotes, or --type string) and "
        "booleans; set secret ones with --secret --path env.NAME.",
        secret=True,
    )
    env_file: EnvFile = setting(
        EnvFilePath(),
        "",
        "A .env file that is read at each update, relative to Pulumi.yaml; its variables are the app's unless env has "
        "them, and those that look like secrets are secret.",
    )
    release_commands: tuple[str, ...] = setting(
        Commands(MIGRATE),
        [MIGRATE],
        "Commands of the release step, run in order in a one-off container of the new image before the web moves to "
        'it; shell syntax ($X, &&) needs sh -c "...".',
    )
    release_timeout: int = setting(
        Integer(1, 86400, "seconds"),
        1800,
        "Seconds that all release commands together may take before they are stopped and the update fails.",
    )
    web_command: tuple[str, ...] = setting(
        Command(),
        "",
        "Command that replaces the image's own CMD; runserver for local development, empty for the image's gunicorn; "
        'shell syntax ($PORT, &&) needs sh -c "...".',
    )
    processes: Mapping[str, ProcessSettings] = setting(
        PROCESSES,
        {},
        "What runs beside the web from the same image, by name, such as {worker: {command: python manage.py "
        "db_worker}}; the fields are in docs/settings.md.",
    )
    schedules: Mapping[str, ScheduleSettings] = setting(
        SCHEDULES,
        {},
        "What runs at its times from the same image, by name, such as {clearsessions: {command: python manage.py "
        "clearsessions, cron: '15 3 * * *'}}; the fields are in docs/settings.md.",
    )
    domain: str = setting(
        Host(),
        "",
        "The site's host name; DOMAIN in the app. Empty means localhost on the local platform, and a name by "
        "CloudFront on the cloud.",
        heading="Where the site answers",
    )
    domain_aliases: tuple[str, ...] = setting(
        Hosts(),
        "",
        "Further host names of the site, comma-separated, such as that of a tunnel to this machine; DOMAIN_ALIASES in "
        "the app. The local platform adds localhost and 127.0.0.1.",
    )
    domain_redirects: tuple[str, ...] = setting(
        Hosts(),
        "",
        "Host names that redirect to the domain, comma-separated; DOMAIN_REDIRECTS in the app.",
    )
    postgres_version: int = setting(
        Integer(POSTGRES[0], POSTGRES[-1], "a major version of PostgreSQL"),
        17,
        f"PostgreSQL's major version, {POSTGRES[0]} to {POSTGRES[-1]}, the same on every platform.",
        heading="Data",
    )
    media: str = setting(
        Choice(
            "s3",
            "filesystem",
            synonyms={"s3": ("bucket", "minio", "versitygw"), "filesystem": ("file", "disk", "folder", "volume")},
        ),
        "s3",
        "Where uploaded files are stored, s3 or filesystem (a volume, which runserver serves in debug mode; local "
        "platform only).",
    )
    media_access: str = setting(
        Choice("signed", "public"),
        "signed",
        "How visitors read uploaded files, signed (by URLs that expire) or public.",
    )
    storage_dsn: str = setting(
        StorageDSN(),
        "",
        "DEFAULT_STORAGE_DSN of an existing bucket (a cloud stack's, say) that is used instead of a new one; set it "
        "with --secret.",
        secret=True,
    )
    keep_data: bool = setting(
        Boolean(),
        True,
        "Whether `pulumi destroy` keeps the data (local, the volumes stay; cloud, database and bucket are protected); "
        "to remove the data, set false, run `pulumi up`, then destroy.",
    )
    meant_differences: Mapping[str, str] = setting(
        Reasons(),
        {},
        "What this stack differs in from others on purpose, by the names that `django-stack compare` has, each with "
        "the reason; --path meant-differences.NAME.",
        heading="Operating",
    )
    cache: str = setting(
        Choice(
            "none",
            "valkey",
            synonyms={
                "none": ("no", "off", "false", "nothing", "locmem", "url"),
                "valkey": ("redis", "elasticache", "yes", "on", "true"),
            },
        ),
        "none",
        "Cache and broker of the stack, none or valkey, which sets CACHE_URL and REDIS_URL; with none, a project's own "
        "of env stay.",
        heading="Services",
    )
    mail: str = setting(
        Choice(
            "url",
            "mailpit",
            "ses",
            "none",
            "project",
            synonyms={
                "url": ("smtp", "email", "email-url"),
                "mailpit": ("mailhog", "mailcatcher", "maildev", "local"),
                "ses": ("aws", "amazon", "amazon-ses", "sesv2"),
                "none": ("no", "off", "false", "nothing", "dummy"),
                "project": ("own", "app", "anymail", "settings"),
            },
        ),
        "url",
        "How the site sends mail, url (by EMAIL_URL in env; without it a local stack prints mails into its log), "
        "mailpit (local platform only, a page shows them), ses (cloud platform only, Amazon SES), none (the app "
        "throws its mails away) or project (as the Django project's own settings say).",
    )
    python_image: str = setting(
        Image(),
        "python:3.13-slim-trixie",
        "Base image of the app, passed to its Dockerfile as PYTHON_IMAGE.",
        heading="Images",
    )
    dockerfile: str = setting(
        DockerfilePath(),
        "Dockerfile",
        "The app's Dockerfile, below app-path, which stays the folder that it copies from.",
    )
    build_target: str = setting(
        Text("the name of a stage", r"[A-Za-z0-9][A-Za-z0-9_.-]*"),
        "",
        "Stage of the Dockerfile that is the app's image; empty for the last one.",
    )
    build_args: Mapping[str, str] = setting(
        BuildArgs(),
        {},
        "Arguments of the image's build (ARG), an object of texts and booleans; whoever has the image can read them.",
    )
    image: str = setting(
        Version(),
        "",
        "Version of the app by its hash, or stack:NAME for the one that another stack runs, so that nothing is built; "
        "empty to build the app's folder.",
    )

    @property
    def prefix(self) -> str:
        """What the stack's physical names begin with, so that several stacks can exist side by side."""
        return f"{self.project}-{self.stack}"

    @property
    def has_cache(self) -> bool:
        """Whether the stack has a cache of its own."""
        return self.cache != "none"

    @property
    def has_mail(self) -> bool:
        """Whether the stack itself has what sends mails or shows them."""
        return self.mail in {"mailpit", "ses"}

    @property
    def app_variables(self) -> Mapping[str, str]:
        """Environment variables of the app that come from settings alone."""
        return {
            **({"EMAIL_URL": NO_MAIL} if self.mail == "none" else {}),
            **({_MODULE: self.settings_module} if self.settings_module else {}),
        }

    @property
    def all_build_args(self) -> dict[str, str]:
        """The arguments of the image's build, with the base image."""
        return {"PYTHON_IMAGE": self.python_image, **self.build_args}

    @property
    def mount_points(self) -> tuple[str, ...]:
        """Folders below the app's that the engine makes there, empty, where it mounts something."""
        return ()

    def check_together(self, reader: Reader) -> None:
        """Notes in `reader` which values don't go together; each is valid by itself."""
        check_services(self.cache, self.mail, self.env, reader)
        if self.settings_module and _MODULE in self.env:
            command = reader.remove_command("env", _MODULE)
            reader.note_wrong("settings-module", f"nothing where env has {_MODULE}", command=command)

    def with_env_file(self) -> Self:
        """These settings, with the variables of `env-file` in `env`, unless that has them itself."""
        found = {name: text for name, text in self.env_file.variables.items() if name not in self.env}
        secret = self.secret_env | (self.env_file.secret & found.keys())
        return replace(self, env={**found, **self.env}, secret_env=secret) if found else self

    @staticmethod
    def load() -> "Settings":
        """The settings of the running program's stack. Raises `pulumi.RunError` that lists every bad key."""
        reader = Reader()
        platform = declared(Settings)["platform"].read(reader)
        section = section_of(platform)
        reader.note_names(section.names)
        declarations = declared(section)
        values: dict[str, Any] = {name: declaration.read(reader) for name, declaration in declarations.items()}
        settings = section(
            project=pulumi.get_project(),
            stack=reader.stack,
            secret_env=reader.secret_names("env", values["env"]),
            **values,
        ).with_env_file()
        if not reader.errors:
            settings.check_together(reader)
        reader.note_unquoted()
        known = {declaration.key for declaration in declarations.values()}
        foreign = {
            declaration.key: (other, declaration.default_text)
            for other in PLATFORMS
            if other != platform
            for declaration in declared(section_of(other)).values()
            if declaration.key not in known and ":" not in declaration.key
        }
        reader.note_unknown_keys(known, foreign)
        if reader.raw_value("platform") == platform:
            reader.note_foreign_keys(platform, foreign)
        reader.raise_errors()
        return settings


def section_of(platform: str) -> type[Settings]:
    """The class of a platform's settings: `SECTION` in its module `settings`, which is imported by its name."""
    section: type[Settings] = import_module(f"infra.{platform}.settings").SECTION
    return section
