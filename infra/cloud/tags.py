"""The tags of every AWS resource of a stack."""

from infra.cloud.settings import CloudSettings


def tags(settings: CloudSettings, part: str = "") -> dict[str, str]:
    """The tags by name. `Name`, which AWS's console shows, includes `part` if the resource has no name of its own."""
    name = {"Name": f"{settings.prefix}-{part}" if part else settings.prefix}
    return name | {"django-stack.project": settings.project, "django-stack.stack": settings.stack}
