"""A container's secrets in the version that the definition names. MiniStack always takes the current one.

`arn:…:secret:NAME:json-key:version-stage:version-id`, of which stage and id may be empty:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
"""

import json
from collections.abc import Mapping
from typing import Any

from ministack.services import ecs, secretsmanager

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace


def apply(_: EmulatorConfig) -> None:
    """Resolves references that have a version ourselves, the others as before."""
    resolve = ecs._resolve_container_secrets

    def resolve_secrets(container: Mapping[str, Any]) -> dict[str, str]:
        secrets = container.get("secrets", [])
        versioned = [secret for secret in secrets if _version(secret["valueFrom"])]
        others = [secret for secret in secrets if secret not in versioned]
        values: dict[str, str] = resolve({**container, "secrets": others})
        return values | {secret["name"]: _value(secret) for secret in versioned}

    replace(ecs, "_resolve_container_secrets", resolve_secrets)


def _version(reference: str) -> tuple[str, str]:
    """Stage and id of a reference; nothing for neither."""
    parts = reference.split(":")
    if ":secretsmanager:" not in reference or len(parts) < 10 or not (parts[8] or parts[9]):
        return ()  # type: ignore[return-value]
    return parts[8], parts[9]


def _value(secret: Mapping[str, str]) -> str:
    reference = secret["valueFrom"]
    parts = reference.split(":")
    stage, version = _version(reference)
    text = secretsmanager.resolve_secret_string(":".join(parts[:7]), stage or "AWSCURRENT", version or None)
    try:
        return str(json.loads(text)[parts[7]]) if parts[7] else text
    except (TypeError, ValueError, KeyError):
        raise ecs._SecretResolutionError(
            f"unable to retrieve secret from Secrets Manager for {secret['name']}: {reference}"
        ) from None
