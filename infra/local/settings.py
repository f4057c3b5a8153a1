"""The settings that only the local platform has, and the rules about several settings together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.setting_kinds import Boolean, Folders, Image, Port, Setting, setting
from infra.settings import Settings
from infra.settings_reader import Reader


class _PostgresImage(Image):
    """An image of PostgreSQL, in which {postgres-version} stands for the setting postgres-version."""

    def read(self, reader: Reader, setting: Setting[Any]) -> str:
        value = super().read(reader, setting)
        if "alpine" in value:
            allowed = "a glibc image: alpine's collation differs from a managed PostgreSQL's"
            reader.note_wrong(setting.key, allowed, setting.default_text)
        return value

    def named(self, reader: Reader, setting: Setting[Any]) -> str:
        return super().named(reader, setting).replace("{postgres-version}", reader.raw_value("postgres-version"))


@dataclass(frozen=True)
class LocalSettings(Settings):
    """One local stack's settings. Ports are those on 127.0.0.1."""

    synonyms = ("docker", "dev", "development", "here")

    debug: bool = setting(Boolean(), False, "Whether Django runs in debug mode.", heading="The local platform only")
    mount_source: bool = setting(
        Boolean(), False, "Whether the app's source is mounted over the image's copy, at its WORKDIR (live reload)."
    )
    mount_exclude: tuple[str, ...] = setting(
        Folders(),
        "",
        "With mount-source, folders below the WORKDIR that stay the image's own, such as node_modules or what its "
        "build made, separated by commas.",
    )
    web_port: int = setting(Port(), 8000, "Port of the site on 127.0.0.1.")
    database_port: int = setting(Port(), 5432, "Port of PostgreSQL on 127.0.0.1.")
    media_port: int = setting(Port(), 9000, "Port of the S3 server on 127.0.0.1, and of its own name media.localhost.")
    cache_port: int = setting(Port(), 6379, "Port of Valkey on 127.0.0.1, with cache: valkey.")
    mail_port: int = setting(Port(), 8025, "Port of the page on 127.0.0.1 that shows the mails, with mail: mailpit.")
    postgres_image: str = setting(
        _PostgresImage(),
        "postgres:{postgres-version}-trixie",
        "Image of the database, based on the official one and with glibc, for the collation of a managed PostgreSQL; "
        "{postgres-version} stands for the setting postgres-version.",
    )
    s3_image: str = setting(Image(), "versity/versitygw:v1.8.0", "Image of the S3 server, a versitygw.")
    cache_image: str = setting(Image(), "valkey/valkey:8.1", "Image of the cache, a Valkey.")
    mail_image: str = setting(Image(), "axllent/mailpit:v1.33.1", "Image of the mail server, a Mailpit.")

    @property
    def app_variables(self) -> Mapping[str, str]:
        return {**super().app_variables, **({"DJANGO_DEBUG": "True"} if self.debug else {})}

    @property
    def mount_points(self) -> tuple[str, ...]:
        return self.mount_exclude if self.mount_source else ()

    @property
    def ports(self) -> Mapping[str, int]:
        """The ports that the stack publishes, by the keys of their settings."""
        return {
            "web-port": self.web_port,
            "database-port": self.database_port,
            **({"media-port": self.media_port} if self.media == "s3" and not self.storage_dsn else {}),
            **({"cache-port": self.cache_port} if self.cache == "valkey" else {}),
            **({"mail-port": self.mail_port} if self.mail == "mailpit" else {}),
        }

    @property
    def images(self) -> Mapping[str, str]:
        """The images that the stack's containers are made from, by the keys of their settings."""
        return {
            "postgres-image": self.postgres_image,
            **({} if self.image else {"python-image": self.python_image}),  # with `image`, nothing is built
            **({"s3-image": self.s3_image} if self.media == "s3" and not self.storage_dsn else {}),
            **({"cache-image": self.cache_image} if self.cache == "valkey" else {}),
            **({"mail-image": self.mail_image} if self.mail == "mailpit" else {}),
        }

    def check_together(self, reader: Reader) -> None:
        if self.mail == "ses":
            reader.note_wrong("mail", "url, mailpit, none or project on the local platform", "mailpit")
        super().check_together(reader)
        holders: dict[int, str] = {}
        taken = set(self.ports.values())
        for key, port in self.ports.items():
            if port in holders:
                free = next(other for other in (*range(port + 1, 65536), *range(1024, port)) if other not in taken)
                taken.add(free)
                reader.note_wrong(key, f"a port of its own; {holders[port]} has {port} already", str(free))
            holders.setdefault(port, key)
        if self.image and self.mount_source:
            reader.note_wrong(
                "mount-source", "false with image, since the mounted source would hide that version's code", "false"
            )
        if self.media == "filesystem":
            if not self.debug:
                reader.note_wrong("media", "s3 when debug is false: only runserver in debug mode serves files", "s3")
            if self.storage_dsn:
                reader.note_wrong("media", "s3 when storage-dsn names a bucket", "s3")


SECTION = LocalSettings
