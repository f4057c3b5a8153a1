"""The databases of a stack as RDS knows them: the one that serves, and those that it replaced.

Without Pulumi, since the commands ask for them, too.
"""

import re
from collections.abc import Mapping
from typing import Any

from infra.cloud.tags import Named, tags
from infra.cloud.task_kinds import CHECK_SEEN


def databases(rds: Any, names: Named, identifier: str = "") -> list[dict[str, Any]]:
    """Those of the stack as RDS describes them, the newest first, and one with this identifier, whatever its tags.

    That of a check of a backup, which has the stack's tags as well, isn't the stack's. Nor is one by another name than
    the program gives (`Origin.identifier`), while there is one by such a name: RDS copies the tags to what somebody
    makes of a snapshot. A database that the stack adopted keeps its name, and is older than what was made of it.

    Raises:
        ClientError, BotoCoreError: AWS refuses or can't be reached.
    """
    given = re.compile(rf"{re.escape(names.prefix)}(-[0-9a-f]{{8}})?")
    wanted = {key: value for key, value in tags(names).items() if key != "Name"}.items()

    def is_tagged(database: Mapping[str, Any]) -> bool:
        known = {tag["Key"]: tag["Value"] for tag in database.get("TagList", [])}
        return wanted <= known.items() and CHECK_SEEN not in known

    def is_named(database: Mapping[str, Any]) -> bool:
        name = database["DBInstanceIdentifier"]
        return name in {names.prefix, identifier} or bool(given.fullmatch(name) and is_tagged(database))

    pages = rds.get_paginator("describe_db_instances").paginate()
    # The newest first; one that is being made has no time yet.
    every = sorted(
        (database for page in pages for database in page["DBInstances"]),
        key=lambda database: str(database.get("InstanceCreateTime", "now")),
        reverse=True,
    )
    return [database for database in every if is_named(database)] or [*filter(is_tagged, every)][-1:]
