"""The app that `apply` puts into INSTALLED_APPS: it has `migrate` with a lock, and refuses to run half-configured."""

from __future__ import annotations

import sys

from django.apps import AppConfig
from django.conf import settings
from django.db.backends.signals import connection_created

from django_stack import checks, refusal  # noqa: F401  (checks register themselves)


class EnvironmentConfig(AppConfig):
    """Has no models."""

    name = "django_stack"

    def ready(self) -> None:
        """Called once by `django.setup()`, in every kind of process."""
        if not hasattr(settings, "DJANGO_STACK_MISSING"):  # apply was not called: django_stack.E002 says so
            return
        if refusal.is_server(refusal.command_of(sys.argv)):
            refusal.refuse_server()
        if settings.DJANGO_STACK_MISSING:
            connection_created.connect(refusal.refuse_stand_in)
