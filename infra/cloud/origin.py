"""What a database is made from: from nothing, from a snapshot, or from the backups of a database at a moment.

Forms of names: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBSnapshot.html, API_DBInstance.html
"""

import hashlib
import re
from dataclasses import dataclass
from typing import ClassVar

from infra.settings_reader import Reader


@dataclass(frozen=True)
class Origin:
    """What the database of a stack is made from.

    prefix: what the stack's physical names begin with.
    snapshot: identifier or ARN of a snapshot. Those that RDS makes by itself begin with `rds:`.
    moment: in UTC by ISO 8601, or `latest`.
    source: identifier or resource id of the database whose backups are meant; it matters with a moment only.
    """

    INSTANCE: ClassVar[str] = r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"
    RESOURCE_ID: ClassVar[str] = r"db-[A-Z0-9]{10,40}"
    SNAPSHOT: ClassVar[str] = r"(?:[a-z]+:)?[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*"
    SNAPSHOT_ARN: ClassVar[str] = rf"arn:aws[a-z-]*:rds:[a-z0-9-]+:\d{{12}}:snapshot:{SNAPSHOT}"

    prefix: str
    snapshot: str
    moment: str
    source: str

    def __bool__(self) -> bool:
        """Whether there is one."""
        return bool(self.snapshot or self.moment)

    def __str__(self) -> str:
        if self.snapshot:
            return f"snapshot {self.snapshot}"
        return f"{self.source} at {self.moment}" if self.moment else ""

    @property
    def identifier(self) -> str:
        """The identifier of the database that is made from it, another one for each origin.

        The old database is still there while the new one is made, and an identifier can be given only once.
        """
        return f"{self.prefix}-{hashlib.sha256(str(self).encode()).hexdigest()[:8]}" if self else self.prefix

    @property
    def is_by_resource_id(self) -> bool:
        """Whether the source is named by its resource id, which also finds the backups of a deleted database."""
        return re.fullmatch(self.RESOURCE_ID, self.source) is not None


def check_origin(origin: Origin, region: str, reader: Reader) -> None:
    """Notes in `reader` which of the settings behind an origin don't go together."""
    if origin.snapshot and origin.moment:
        reader.note_wrong("database-snapshot", "only one of database-snapshot and database-restore-time")
    if reader.raw_value("database-restore-source") and not origin.moment:
        reader.note_wrong("database-restore-source", "only together with database-restore-time")
    if origin.snapshot.startswith("arn:") and origin.snapshot.split(":")[3] != region:
        reader.note_wrong(
            "database-snapshot", f"a snapshot in {region}, where the database is made (`aws rds copy-db-snapshot`)"
        )
