"""`manage.py check` says what a settings file changed after `apply`, and with --deploy what a server would miss.

`apply` comes last, so that nothing in a project's files wins over the stack by accident. Where it does not come last
(the two lines are in base.py, and production.py sets hosts, keys and storages after them) the site runs with the wrong
ones while everything looks healthy. So the settings in force are compared with those that `apply` set. Additions are
fine.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from django_stack.refusal import under_test

logger = logging.getLogger("django_stack.settings")

TRANSPORT = ("SECURE_", "SESSION_COOKIE_", "CSRF_COOKIE_", "LANGUAGE_COOKIE_")
PLACE = ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")  # of a database
applied: dict[str, Any] = {}  # what `apply` set last, for as long as this process lives

Difference = Callable[[Any, Any], str]  # what apply set, what is in force: what is wrong with it, or ""


def remember(found: dict[str, Any]) -> None:
    """Called by `apply`: keeps a copy, since dictionaries and lists may be changed in place."""
    applied.clear()
    applied.update({name: deepcopy(found[name]) for name in found if name in RULES or name.startswith(TRANSPORT)})


def replaced(before: Any, now: Any) -> str:
    """For what may be a secret."""
    return "" if before == now else "it is not the stack's"


def value(before: Any, now: Any) -> str:
    """For what may be printed."""
    return "" if before == now else f"it is {now!r}; the stack's is {before!r}"


def hosts(before: Any, now: Any) -> str:
    """Names may be added, but not all at once."""
    wrong = []
    if lost := [name for name in before if name not in now]:
        wrong.append(f"it lacks {', '.join(map(repr, lost))}")
    if "*" in now and "*" not in before:
        wrong.append("it lets in every host ('*')")
    return " and ".join(wrong)


def database(before: Any, now: Any) -> str:
    """Where it is; how it is used is the project's business. Options may be added."""
    old, new = before["default"], now.get("default", {})
    names = [name for name in PLACE if (new.get(name) or "") != (old.get(name) or "")]  # Django adds empty ones
    if "OPTIONS" in names and not lacks(new.get("OPTIONS"), old.get("OPTIONS")):
        names.remove("OPTIONS")
    return f"another {', '.join(names)} than the stack's" if names else ""


def storages(before: Any, now: Any) -> str:
    """Of media and static files; other aliases are the project's business."""
    wrong = []
    for alias in ("default", "staticfiles"):
        old, new = before[alias], now.get(alias, {})
        if old.get("BACKEND") != new.get("BACKEND"):
            wrong.append(f"the BACKEND of {alias!r} is {new.get('BACKEND')}; the stack's is {old['BACKEND']}")
        elif lacks(new.get("OPTIONS"), old.get("OPTIONS")):
            wrong.append(f"the OPTIONS of {alias!r} are not the stack's")
    return "; ".join(wrong)


def lacks(now: dict[str, Any] | None, before: dict[str, Any] | None) -> bool:
    """Whether something that was there is not there any more, or another; what was added does not count."""
    return any(name not in (now or {}) or (now or {})[name] != value for name, value in (before or {}).items())


def order(before: Any, now: Any) -> str:
    """Ours are all there, in our order, whatever stands between them."""
    ours = [name for name in before if name.startswith(("django_stack.", "whitenoise."))]
    if lost := [name for name in ours if name not in now]:
        return f"it lacks {', '.join(lost)}"
    return "" if [name for name in now if name in ours] == ours else f"its order is not {', '.join(ours)}"


def app(_: Any, now: Any) -> str:
    return (
        "" if "django_stack" in now else "it lacks 'django_stack', and with it the lock of `migrate` and the refusals"
    )


RULES: dict[str, tuple[str, Difference]] = {
    "SECRET_KEY": ("W001", replaced),
    "SECRET_KEY_FALLBACKS": ("W001", replaced),
    "DEBUG": ("W002", value),
    "ALLOWED_HOSTS": ("W003", hosts),
    "CSRF_TRUSTED_ORIGINS": ("W003", hosts),
    "DATABASES": ("W004", database),
    "STORAGES": ("W005", storages),
    "MIDDLEWARE": ("W007", order),
    "INSTALLED_APPS": ("W008", app),
}


def overwritten() -> Iterator[CheckMessage]:
    """A warning for each setting of the stack's that is not in force."""
    for name, before in applied.items():
        identity, differs = RULES.get(name, ("W006", value))
        if wrong := differs(before, getattr(settings, name, None)):
            yield Warning(
                f"{name} was set after apply(globals()): {wrong}.",
                hint=(
                    f"Fix: take it out of {settings.SETTINGS_MODULE}, or end that file, after all else, with "
                    "`from django_stack.settings import apply` and `apply(globals())`. If it is meant: "
                    f'SILENCED_SYSTEM_CHECKS += ["django_stack.{identity}"].'
                ),
                id=f"django_stack.{identity}",
            )


def never_applied() -> Error:
    """The package is there, and the settings in force know nothing of the stack."""
    if applied:
        return Error(
            f"apply(globals()) was called, but the settings in force, {settings.SETTINGS_MODULE}, are other ones: the "
            "stack's database, storage, hosts and key are not used.",
            hint=(
                "Fix: call it at the end of that file, but before a line that takes the settings over (like `settings "
                "= dynaconf.DjangoDynaconf(__name__)`), or as `apply(locals())` at the end of a configuration's class."
            ),
            id="django_stack.E002",
        )
    return Error(
        f"The settings in force, {settings.SETTINGS_MODULE}, never called apply(globals()): the stack's database, "
        "storage, hosts and key are not used.",
        hint=(
            "Fix: end that file with `from django_stack.settings import apply` and `apply(globals())`, or name "
            "the file that does in DJANGO_SETTINGS_MODULE (manage.py and wsgi.py have a default of their own)."
        ),
        id="django_stack.E002",
    )


def findings() -> list[CheckMessage]:
    """What is wrong with the settings in force; nothing under a test runner, which sets some of them."""
    if not hasattr(settings, "DJANGO_STACK_MISSING"):
        return [never_applied()]
    return [] if under_test() else list(overwritten())


def said(messages: Iterable[CheckMessage]) -> None:
    """Into the log, for a server that runs no checks."""
    for message in messages:
        if not message.is_silenced():
            logger.log(message.level, "%s %s (%s)", message.msg, message.hint, message.id)


@register(Tags.security)
def settings_in_force(**_: Any) -> list[CheckMessage]:
    """For `manage.py check`, `migrate` and runserver."""
    return findings()


@register(Tags.security, deploy=True)
def complete_environment(**_: Any) -> list[Error]:
    """One error for each variable that a server misses."""
    missing = getattr(settings, "DJANGO_STACK_MISSING_FOR_SERVERS", [])
    return [Error(line, id="django_stack.E001") for line in missing]


def say_at_start() -> None:
    """Called by gunicorn's master once the project is loaded, if it is a Django project at all."""
    if "django" in sys.modules and settings.configured:
        said(findings())
