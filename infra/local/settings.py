"""The settings that only the local platform has, and the rules about several settings together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.setting_kinds import Boolean, Image, Port, Setting, setting
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
    web_port: int = setting(Port(), 8000, "Port of the site on 127.0.0.1.")
    database_port: int = setting(Port(), 5432, "Port of PostgreSQL on 127.0.0.1.")
    media_port: int = setting(Port(), 9000, "Port of the S3 server on 127.0.0.1, and of its own name media.localhost.")
    postgres_image: str = setting(
        _PostgresImage(),
        "postgres:{postgres-version}-trixie",
        "Image of the database, based on the official one and with glibc, for the collation of a managed PostgreSQL; "
        "{postgres-version} stands for the setting postgres-version.",
    )
    s3_image: str = setting(Image(), "versity/versitygw:v1.8.0", "Image of the S3 server, a versitygw.")

    @property
    def app_variables(self) -> Mapping[str, str]:
        return {"DJANGO_DEBUG": "True"} if self.debug else {}

    def check_together(self, reader: Reader) -> None:
        ports: dict[int, str] = {}
        taken = {self.web_port, self.database_port, self.media_port}
        for key, port in (
            ("web-port", self.web_port),
            ("database-port", self.database_port),
            ("media-port", self.media_port),
        ):
            if port in ports:
                free = next(other for other in (*range(port + 1, 65536), *range(1024, port)) if other not in taken)
                taken.add(free)
                reader.note_wrong(key, f"a port of its own; {ports[port]} has {port} already", str(free))
            ports.setdefault(port, key)
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
