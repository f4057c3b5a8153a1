"""A stack with which nothing is wrong, as the doctor's checks see it, and changes of it."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.commands.diagnosis import Answer, Facts
from infra.commands.operations.status import ProcessStatus, Section, Status

DOMAIN = "www.example.com"
READY = json.dumps({"status": "ok", "database": "ok", "migrations": "ok"})
HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "strict-transport-security": "max-age=31536000",
    "x-request-id": "abc-1",
}
COOKIE = "csrftoken=abc; Path=/; SameSite=Lax"

Change = Callable[[dict[str, Any]], None]


def _parts(platform: str) -> dict[str, Any]:
    """The arguments of Facts."""
    secure = platform == "cloud"
    health = {"content-type": "application/json"}
    answers: dict[str, Any] = {
        "home": Answer(200, HEADERS, "<title>Gallery</title>", (), 0.1),
        "live": Answer(200, health, '{"status": "ok"}'),
        "ready": Answer(200, health, READY),
        "missing page": Answer(404, HEADERS, "<title>Not found</title>"),
        "foreign host": Answer(400, HEADERS, "Bad Request"),
        "login page": Answer(200, HEADERS, "form", (f"{COOKIE}; Secure" if secure else COOKIE,)),
        "login with token": Answer(200, HEADERS, "try again"),
        "login without token": Answer(403, HEADERS, "CSRF"),
        "static file": Answer(200, {"cache-control": "max-age=315360000, public, immutable"}, "css"),
        "redirect example.org": Answer(301, {"location": f"https://{DOMAIN}/"}),
    }
    if secure:
        answers["plain http"] = Answer(301, {"location": f"https://{DOMAIN}/"})
    now = datetime.now(UTC)
    return {
        "stack": "pr-12",
        "platform": platform,
        "status": Status(
            f"https://{DOMAIN}/" if secure else f"http://{DOMAIN}:8000/",
            "shop:abc",
            now,
            [ProcessStatus("web", 2, 2, "healthy")],
            {
                "database": Section(
                    "PostgreSQL 17",
                    {
                        "connections": 3,
                        "max_connections": 76,
                        "restorable_until": (now - timedelta(minutes=3)).isoformat(),
                    },
                ),
                "release": Section("succeeded 3 hours ago", {"result": "succeeded"}),
                "alarms": Section("none rings", {"ringing": []}),
                "media": Section("2 objects", {"objects": 2}),
                "schedules": Section("sweep succeeded", {"sweep": {"result": "succeeded"}}),
                "certificate": Section("valid", {"until": "2027-01-31"}),
            },
        ),
        "environment": {"DOMAIN": DOMAIN, "DOMAIN_ALIASES": "example.com", "DOMAIN_REDIRECTS": "example.org"},
        "answers": answers,
        "inside": {
            "debug": False,
            "hosts": [DOMAIN],
            "pending": [],
            "messages": [],
            "cache": "django.core.cache.backends.redis.RedisCache",
            "mail": "django.core.mail.backends.smtp.EmailBackend",
            "uploads": "",
            "encrypted": True,
            "static": "/static/base.0a1b2c.css",
            "login": "/admin/login/",
            "key": 64,
            "skew": 0.1,
        },
        "addresses": dict.fromkeys((DOMAIN, "example.com", "example.org"), ("192.0.2.1",)),
    }


def facts(platform: str = "cloud", *changes: Change) -> Facts:
    """The facts of a healthy stack, changed."""
    parts = deepcopy(_parts(platform))
    for change in changes:
        change(parts)
    return Facts(**parts)


def answers(name: str, **values: Any) -> Change:
    """The site answers otherwise."""

    def change(parts: dict[str, Any]) -> None:
        parts["answers"][name] = replace(parts["answers"][name], **values)

    return change


def without_header(name: str) -> Change:
    """The home page lacks a header."""
    return answers("home", headers={key: value for key, value in HEADERS.items() if key != name})


def silent(name: str) -> Change:
    """There is no answer."""

    def change(parts: dict[str, Any]) -> None:
        parts["answers"][name] = "/ isn't answered: connection refused"

    return change


def says(**values: Any) -> Change:
    """The app says otherwise."""
    return lambda parts: parts["inside"].update(values)


def section(name: str, text: str = "", *, is_well: bool = True, **values: Any) -> Change:
    """A section of the status is otherwise."""

    def change(parts: dict[str, Any]) -> None:
        old = parts["status"].sections.get(name, Section(""))
        parts["status"].sections[name] = Section(text or old.text, {**old.facts, **values}, is_well)

    return change
