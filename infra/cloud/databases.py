"""The databases of a stack as RDS knows them: the one that serves, and those that it replaced.

Without Pulumi, since the commands ask for them, too.
"""

from collections.abc import Mapping
from typing import Any

from infra.cloud.tags import Named, tags
from infra.cloud.task_kinds import CHECK_SEEN


def databases(rds: Any, names: Named, identifier: str = "") -> list[dict[str, Any]]:
    """Those of the stack as RDS describes them, the newest first, and one with this identifier, whatever its tags.

    That of a check of a backup, which has the stack's tags as well, isn't the stack's.

    Raises:
        ClientError, BotoCoreError: AWS refuses or can't be reached.
    """
    wanted = {key: value for key, value in tags(names).items() if key != "Name"}.items()

    def is_ours(database: Mapping[str, Any]) -> bool:
        known = {tag["Key"]: tag["Value"] for tag in database.get("TagList", [])}
        named = database.get("DBInstanceIdentifier") in {names.prefix, identifier}
        return named or (wanted <= known.items() and CHECK_SEEN not in known)

    pages = rds.get_paginator("describe_db_instances").paginate()
    found = [database for page in pages for database in page["DBInstances"] if is_ours(database)]
    # One that is being made has no time yet.
    return sorted(found, key=lambda database: str(database.get("InstanceCreateTime", "now")), reverse=True)
