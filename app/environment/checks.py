"""`manage.py check --deploy` says what a server would refuse to start for."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register


@register(Tags.security, deploy=True)
def complete_environment(**_: Any) -> list[Error]:
    """One error for each variable that a server misses."""
    return [Error(line, id="environment.E001") for line in settings.ENVIRONMENT_MISSING_FOR_SERVERS]
