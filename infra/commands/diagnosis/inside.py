"""Checks of what the app says of itself, by a program that runs in a container of the running version."""

from infra.commands.diagnosis import Facts, Level, check

Found = tuple[Level, str, str] | None
MARK = "django-stack doctor: "  # begins the line with the answer, among others that the app may print
SKEW = 30.0  # seconds
ERROR, WARNING = Level.ERROR, Level.WARNING
# Each fact for itself, so that one that fails leaves the others.
PROGRAM = """
import json, time
from django.conf import settings
from django.core import checks
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.shortcuts import resolve_url
from django.urls import reverse

def pending():
    executor = MigrationExecutor(connection)
    return [f"{m.app_label}.{m.name}" for m, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]

def messages():
    found = checks.run_checks(include_deployment_checks=True)
    return [{"id": one.id or "", "level": one.level, "text": str(one.msg)} for one in found if not one.is_silenced()]

def uploads():
    try:
        name = default_storage.save("django-stack-doctor.txt", ContentFile(b"doctor"))
        try:
            with default_storage.open(name) as file:
                return "" if file.read() == b"doctor" else "what was read is not what was written"
        finally:
            default_storage.delete(name)
    except Exception as error:
        return f"{type(error).__name__}: {error}"

def encrypted():
    with connection.cursor() as cursor:
        cursor.execute("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
        return bool(cursor.fetchone()[0])

def static():
    from django.contrib.staticfiles.storage import staticfiles_storage
    names = getattr(staticfiles_storage, "hashed_files", {}) or {"admin/css/base.css": ""}
    return staticfiles_storage.url(sorted(names)[0])

def mailer():
    default = getattr(settings, "MAILERS", {}).get("default", {})
    return default.get("BACKEND") or settings.EMAIL_BACKEND

def login():
    try:
        return resolve_url(settings.LOGIN_URL)
    except Exception:
        return reverse("admin:login")

questions = {
    "debug": lambda: bool(settings.DEBUG),
    "hosts": lambda: list(settings.ALLOWED_HOSTS),
    "pending": pending,
    "messages": messages,
    "cache": lambda: settings.CACHES["default"]["BACKEND"],
    "mail": mailer,
    "uploads": uploads,
    "encrypted": encrypted,
    "static": static,
    "login": login,
    "key": lambda: len(settings.SECRET_KEY),
    "time": time.time,
}
found = {}
for name, question in questions.items():
    try:
        found[name] = question()
    except Exception as error:
        pass
print("MARK" + json.dumps(found))
""".replace("MARK", MARK)


@check
def debug(facts: Facts) -> Found:
    if facts.is_cloud and facts.said("debug"):
        return ERROR, "DEBUG is on: errors show settings to everybody, and memory grows", "take DEBUG = True away"
    return None


@check
def every_host(facts: Facts) -> Found:
    if "*" in facts.said("hosts"):
        return WARNING, "ALLOWED_HOSTS has '*'", "take it away; domain-aliases adds single names"
    return None


@check
def migrations(facts: Facts) -> Found:
    pending = facts.said("pending")
    if not pending:
        return None
    names = ", ".join(pending[:5]) + (f" and {len(pending) - 5} more" if len(pending) > 5 else "")
    return ERROR, f"not applied: {names}", f"pulumi up -s {facts.stack}, whose release runs migrate"


@check
def settings_after_apply(facts: Facts) -> Found:
    if found := _messages(facts, own=True):
        return found
    replaced = [one["text"] for one in facts.said("messages") if one["id"] == "django_stack.I001"]
    return (Level.OK, replaced[0], "") if replaced else None


@check
def deploy_checks(facts: Facts) -> Found:
    return _messages(facts, own=False) if facts.is_cloud else None


@check
def mail(facts: Facts) -> Found:
    backend = str(facts.said("mail")).split(".")[-2:][0]
    if facts.is_cloud and backend in {"console", "dummy", "locmem", "filebased"}:
        fix = f"pulumi config set -s {facts.stack} --secret --path env.EMAIL_URL smtp+tls://USER:PASSWORD@HOST:587"
        return WARNING, f"mail isn't sent ({facts.said('mail')})", fix
    return None


@check
def cache(facts: Facts) -> Found:
    if facts.is_cloud and str(facts.said("cache")).endswith("LocMemCache"):
        return (
            WARNING,
            "each process has a cache of its own, so counters, throttles and locks in it don't hold",
            "a CACHE_URL (docs/variables.md)",
        )
    return None


@check
def uploads(facts: Facts) -> Found:
    wrong = facts.said("uploads")
    return (ERROR, f"a file can't be stored and read again: {wrong}", "see `media` in the status") if wrong else None


@check
def database_encryption(facts: Facts) -> Found:
    if facts.is_cloud and not facts.said("encrypted"):
        return ERROR, "the connection to the database isn't encrypted", "leave DATABASES to the contract"
    return None


@check
def secret_key(facts: Facts) -> Found:
    if facts.said("key") < 50:
        return ERROR, "SECRET_KEY is shorter than 50 characters", "leave it to the contract"
    return None


@check
def clock(facts: Facts) -> Found:
    skew = abs(float(facts.said("skew")))
    if skew < SKEW:
        return None
    return (
        WARNING,
        f"the container's clock differs by {skew:.0f} seconds from this machine's",
        "set this machine's clock",
    )


def _messages(facts: Facts, *, own: bool) -> Found:
    """The first of the app's checks that fails: those of the contract (`own`), or all others."""
    found = [
        one
        for one in facts.said("messages")
        if one["id"].startswith("django_stack.") is own and one["level"] >= (30 if own or facts.is_cloud else 40)
    ]
    if not found:
        return None
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    level = ERROR if max(one["level"] for one in found) >= 40 else WARNING
    return level, f"{found[0]['id']}: {found[0]['text']}{more}", f"django-stack manage -s {facts.stack} check --deploy"
