"""Whether ECS watches the alarm in a roll-out, and takes the new version back when it goes off.

It doesn't where the database has a new password. RDS knows one at a time, so the version before can't reach the
database any more: its errors turn the alarm on while the new version starts, and to go back would leave the site down.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from infra.cloud.aws import client
from infra.cloud.requests import ReleaseRequest

# What of a service's configuration of deployments is set by infra/cloud/web.py.
DEPLOYMENT = ("alarms", "deploymentCircuitBreaker", "maximumPercent", "minimumHealthyPercent")
URL = "DATABASE_URL"


def configuration(service: Mapping[str, Any], *, watched: bool) -> dict[str, Any]:
    """For UpdateService: the configuration of deployments that the service has, with the alarm watched or not."""
    found = service.get("deploymentConfiguration", {})
    chosen = {key: found[key] for key in DEPLOYMENT if key in found}
    if "alarms" in chosen:
        chosen["alarms"] = {**chosen["alarms"], "enable": watched}
    return chosen


def is_watched(service: Mapping[str, Any]) -> bool:
    """Whether there is nothing to turn on again."""
    return bool(service.get("deploymentConfiguration", {}).get("alarms", {}).get("enable", True))


def leave_after_a_new_password(request: ReleaseRequest) -> None:
    """Has ECS not watch the alarm in the roll-out that follows, if the serving version's password is an old one.

    The roll-out check turns it on again. A release that succeeded isn't failed for what AWS refuses here.
    """
    ecs = client("ecs", request)
    try:
        services = ecs.describe_services(cluster=request.cluster, services=[request.service])["services"]
        for service in services:
            if service["status"] == "ACTIVE" and "alarms" in service.get("deploymentConfiguration", {}):
                before, after = (_reference(ecs, one) for one in (service["taskDefinition"], request.task_definition))
                if before != after and _is_another_password(request, before, after):
                    unwatched = configuration(service, watched=False)
                    ecs.update_service(
                        cluster=request.cluster, service=request.service, deploymentConfiguration=unwatched
                    )
                    print("The database has a new password, so ECS doesn't go back by the alarm this time.", flush=True)
    except (BotoCoreError, ClientError) as error:
        print(f"Whether the database has a new password isn't known: {error}", flush=True)


def _reference(ecs: Any, definition: str) -> str:
    """Where the task definition has the database's URL: SECRET:KEY:STAGE:VERSION, or nothing."""
    found = ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
    secrets = [secret for container in found["containerDefinitions"] for secret in container.get("secrets", [])]
    return next((str(secret["valueFrom"]) for secret in secrets if secret["name"] == URL), "")


def _is_another_password(request: ReleaseRequest, before: str, after: str) -> bool:
    """Whether the two are the same database with different passwords; another database knows its old one."""
    if not before or not after:
        return False
    secrets = client("secretsmanager", request)
    urls = []
    for reference in (before, after):
        secret, key, _, version = reference.rsplit(":", 3)
        values = json.loads(secrets.get_secret_value(SecretId=secret, VersionId=version)["SecretString"])
        urls.append(urlsplit(values[key]))
    old, new = urls
    return bool(old.hostname == new.hostname and old.password != new.password)
