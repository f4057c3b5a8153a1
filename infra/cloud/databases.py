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
    the program gives (`Origin.identifier`): RDS copies the tags to what somebody makes of a snapshot.

    Raises:
        ClientError, BotoCoreError: AWS refuses or can't be reached.
    """
    given = re.compile(rf"{re.escape(names.prefix)}(-[0-9a-f]{{8}})?")
    wanted = {key: value for key, value in tags(names).items() if key != "Name"}.items()

    def is_ours(database: Mapping[str, Any]) -> bool:
        known = {tag["Key"]: tag["Value"] for tag in database.get("TagList", [])}
        name = database["DBInstanceIdentifier"]
        is_tagged = wanted <= known.items() and CHECK_SEEN not in known
        return name in {names.prefix, identifier} or bool(is_tagged and given.fullmatch(name))

    pages = rds.get_paginator("describe_db_instances").paginate()
    found = [database for page in pages for database in page["DBInstances"] if is_ours(database)]
    # One that is being made has no time yet.
    return sorted(found, key=lambda database: str(database.get("InstanceCreateTime", "now")), reverse=True)
