"""Credentials of the task's own role. Those of MiniStack belong to a role that nobody made, and every task has them.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
AWS's SDKs ask for them at 169.254.170.2, which is this emulator's address on the Docker network.
"""

import secrets
import time
from collections.abc import Mapping
from typing import Any

from ministack.core.responses import json_response
from ministack.services import ecs, imds, sts

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace

PATH = "/v2/credentials/"
LIFETIME = 3600  # seconds
_roles: dict[str, tuple[str, str]] = {}


def apply(_: EmulatorConfig) -> None:
    """Gives a task with a role an address for its credentials, and answers there."""
    build = ecs._build_run_kwargs

    def build_run_kwargs(
        container: Mapping[str, Any],
        definition: Mapping[str, Any],
        environment: dict[str, str],
        *arguments: Any,
        **named: Any,
    ) -> dict[str, Any]:
        kwargs: dict[str, Any] = build(container, definition, environment, *arguments, **named)
        task = kwargs["labels"]["com.amazonaws.ecs.task-arn"]
        overrides = (ecs._tasks.get(task) or {}).get("overrides") or {}
        if role := overrides.get("taskRoleArn") or definition.get("taskRoleArn"):
            path = f"{PATH}{secrets.token_hex(16)}"
            _roles[path] = role, task.rpartition("/")[2]
            kwargs["environment"]["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = path
        return kwargs

    replace(ecs, "_build_run_kwargs", build_run_kwargs)
    handle = imds.handle_request

    async def handle_request(method: str, path: str, *arguments: Any) -> Any:
        if path.startswith(PATH):
            if path not in _roles:
                return json_response({"message": "no such credentials"}, status=404)
            return json_response(_session(*_roles[path]))
        return await handle(method, path, *arguments)

    replace(imds, "handle_request", handle_request)


def _session(role: str, session: str) -> dict[str, str]:
    """A session of the role, as AssumeRole makes one."""
    assumed, _ = sts._assumed_role_arn(role, session)
    key, secret, token = sts._gen_session_access_key(), sts._gen_secret(), sts._gen_session_token()
    sts.register_session(
        key,
        {
            "Arn": assumed,
            "UserId": f"{sts._role_id(role)}:{session}",
            "SecretAccessKey": secret,
            "SessionToken": token,
            "Expiration": time.time() + LIFETIME,
            "AccountId": role.split(":")[4],
            "PrincipalType": "AssumedRole",
            "SessionTags": [],
            "SessionPolicies": None,
        },
    )
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + LIFETIME))
    return {"AccessKeyId": key, "SecretAccessKey": secret, "Token": token, "Expiration": until, "RoleArn": role}
