"""Checks for `manage.py check`: what a settings file changed after `apply`; with --deploy, what a server would lack.

`apply` comes last, so that nothing in a project's files overrides the stack by accident. Where it does not come last
(the two lines are in base.py, and production.py sets hosts, keys and storages after them) the site runs with the wrong
ones while everything looks healthy. So the settings in force are compared with those that `apply` set. Additions are
fine.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register

from django_stack.refusal import command_of, is_server, under_test

logger = logging.getLogger("django_stack.settings")

TRANSPORT = ("SECURE_", "SESSION_COOKIE_", "CSRF_COOKIE_", "LANGUAGE_COOKIE_")
ADDED_TO = {"INSTALLED_APPS", "LOGGING", "MIDDLEWARE", "SECURE_REDIRECT_EXEMPT", "SILENCED_SYSTEM_CHECKS", "ANYMAIL"}
BY_ALIAS = {"CACHES", "DATABASES", "MAILERS", "STORAGES"}
PLACE = ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")  # of a database
applied: dict[str, Any] = {}  # what `apply` set last, for as long as this process lives

replaced_settings: list[str] = []  # which of the project's own `apply` replaced last

Difference = Callable[[Any, Any], str]  # takes what apply set and what is in force; says what is wrong, or ""


def remember(found: dict[str, Any]) -> None:
    """Called by `apply`: keeps a copy, since dictionaries and lists may be changed in place."""
    applied.clear()
    applied.update({name: deepcopy(found[name]) for name in found if name in RULES or name.startswith(TRANSPORT)})


def remember_replaced(project: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Called by `apply`: notes which settings of the project's own become others, but not those that it adds to."""
    replaced_settings[:] = sorted(replacements(project, found))


def replacements(project: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """The names of the settings that become others; of a dictionary by alias, as in DATABASES["default"]."""
    for name, value in found.items():
        old = project.get(name)
        if old is None or old == value or name in ADDED_TO:
            continue
        if name in BY_ALIAS and isinstance(old, dict):
            yield from (f'{name}["{alias}"]' for alias, entry in old.items() if entry and entry != value.get(alias))
        elif old not in ("", [], ()):
            yield name


def replaced(before: Any, now: Any) -> str:
    """For values that may be secret."""
    return "" if before == now else "it is not the stack's"


def value(before: Any, now: Any) -> str:
    """For values that may be shown."""
    return "" if before == now else f"it is {now!r}; the stack's is {before!r}"


def hosts(before: Any, now: Any) -> str:
    """For lists of names, to which names may be added, but not `*`."""
    wrong = []
    if lost := [name for name in before if name not in now]:
        wrong.append(f"it lacks {', '.join(map(repr, lost))}")
    if "*" in now and "*" not in before:
        wrong.append("it allows every host ('*')")
    return " and ".join(wrong)


def database(before: Any, now: Any) -> str:
    """For where the default database is. How it is used is up to the project, and options may be added."""
    old, new = before["default"], now.get("default", {})
    names = [name for name in PLACE if (new.get(name) or "") != (old.get(name) or "")]  # Django adds empty ones
    if "OPTIONS" in names and not changes(new.get("OPTIONS"), old.get("OPTIONS")):
        names.remove("OPTIONS")
    return f"another {', '.join(names)} than the stack's" if names else ""


def storages(before: Any, now: Any) -> str:
    """For the storages of media and static files; other aliases are up to the project."""
    wrong = []
    for alias in ("default", "staticfiles"):
        old, new = before[alias], now.get(alias, {})
        if old.get("BACKEND") != new.get("BACKEND"):
            wrong.append(f"the BACKEND of {alias!r} is {new.get('BACKEND')}; the stack's is {old['BACKEND']}")
        elif changes(new.get("OPTIONS"), old.get("OPTIONS")):
            wrong.append(f"the OPTIONS of {alias!r} are not the stack's")
    return "; ".join(wrong)


def changes(now: dict[str, Any] | None, before: dict[str, Any] | None) -> bool:
    """Whether an entry was removed or changed; added ones do not count."""
    return any(name not in (now or {}) or (now or {})[name] != value for name, value in (before or {}).items())


def order(before: Any, now: Any) -> str:
    """For middleware: this package's are all there in their order, whatever is between them."""
    ours = [name for name in before if name.startswith(("django_stack.", "whitenoise."))]
    if lost := [name for name in ours if name not in now]:
        return f"it lacks {', '.join(lost)}"
    return "" if [name for name in now if name in ours] == ours else f"its order is not {', '.join(ours)}"


def app(_: Any, now: Any) -> str:
    return (
        ""
        if "django_stack" in now
        else "it lacks 'django_stack', which has the lock of `migrate` and the checks of the environment"
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
    """A warning for each setting of the stack that is not in force."""
    for name, before in applied.items():
        identity, differs = RULES.get(name, ("W006", value))
        if wrong := differs(before, getattr(settings, name, None)):
            yield Warning(
                f"{name} was set after apply(globals()): {wrong}.",
                hint=(
                    f"Fix: remove it from {settings.SETTINGS_MODULE}, or end that file, after everything else, with "
                    "`from django_stack.settings import apply` and `apply(globals())`. If it is intended: "
                    f'SILENCED_SYSTEM_CHECKS += ["django_stack.{identity}"].'
                ),
                id=f"django_stack.{identity}",
            )


def never_applied() -> Error:
    """The error that the package is installed, but the settings in force are not the stack's."""
    if applied:
        return Error(
            f"apply(globals()) was called, but not for the settings in force, {settings.SETTINGS_MODULE}: the "
            "stack's database, storage, hosts and key are not used.",
            hint=(
                "Fix: call it at the end of that file, but before a line that collects the settings (like `settings = "
                "dynaconf.DjangoDynaconf(__name__)`), or as `apply(locals())` at the end of a configuration class."
            ),
            id="django_stack.E002",
        )
    return Error(
        f"The settings in force, {settings.SETTINGS_MODULE}, never called apply(globals()): the stack's database, "
        "storage, hosts and key are not used.",
        hint=(
            "Fix: end that file with `from django_stack.settings import apply` and `apply(globals())`, or name "
            "the file that does so in DJANGO_SETTINGS_MODULE (manage.py and wsgi.py have their own default)."
        ),
        id="django_stack.E002",
    )


def findings() -> list[CheckMessage]:
    """What is wrong with the settings in force; nothing under a test runner, which changes some of them."""
    if not hasattr(settings, "DJANGO_STACK_MISSING"):
        return [never_applied()]
    return [] if under_test() else list(overwritten())


def log(messages: Iterable[CheckMessage]) -> None:
    """Writes messages to the log, for servers, which run no checks."""
    for message in messages:
        if not message.is_silenced():
            logger.log(message.level, "%s %s (%s)", message.msg, message.hint, message.id)


@register(Tags.security)
def settings_in_force(**_: Any) -> list[CheckMessage]:
    """For `manage.py check`, `migrate` and runserver."""
    return findings()


@register(Tags.security)
def replaced_by_apply(**_: Any) -> list[CheckMessage]:
    """Which settings of the project's own are not in force, since the stack has others; for `manage.py check`, and for
    the shell in which `django-stack doctor` asks, but not for each `migrate`."""
    if not replaced_settings or command_of(sys.argv) not in {"check", "shell"}:
        return []
    return [
        Info(
            f"apply(globals()) replaced what the settings had: {', '.join(replaced_settings)}.",
            hint="docs/bring-your-own.md of django-stack says where each comes from, and what is kept.",
            id="django_stack.I001",
        )
    ]


@register(Tags.security, deploy=True)
def complete_environment(**_: Any) -> list[Error]:
    """One error for each variable that a server lacks."""
    missing = getattr(settings, "DJANGO_STACK_MISSING_FOR_SERVERS", [])
    return [Error(line, id="django_stack.E001") for line in missing]


@cache
def log_at_start() -> None:
    """For a server that starts, once in its process; runserver and its like show the checks themselves.

    gunicorn's master calls it, too, since a project that never called `apply` has no `Guard`.
    """
    if "django" in sys.modules and settings.configured and not is_server(command_of(sys.argv)):
        log(findings())
