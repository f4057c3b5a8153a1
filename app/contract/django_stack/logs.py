"""Logging for a container: errors with their tracebacks go to stderr, everything else to stdout.

One JSON object for each line, for log services; plain text while debugging, for people.
"""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from typing import Any

from django.utils.regex_helper import _lazy_re_compile
from django.views.debug import SafeExceptionReporterFilter

request_id: ContextVar[str] = ContextVar("request_id", default="")
REQUEST_FIELDS = ("method", "path", "status", "duration_ms")


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON, with the request's fields if it has them."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if identity := request_id.get():
            entry["request_id"] = identity
        entry |= {name: getattr(record, name) for name in REQUEST_FIELDS if hasattr(record, name)}
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


class TextFormatter(logging.Formatter):
    """Formats a record for people, with the request's id at the end of the first line, if it is one of a request."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", "%H:%M:%S", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        text = super().formatMessage(record)
        if identity := request_id.get():
            first, newline, rest = text.partition("\n")
            text = f"{first} [{identity}]{newline}{rest}"
        return text


def below_error(record: logging.LogRecord) -> bool:
    """A filter that passes what goes to stdout."""
    return record.levelno < logging.ERROR


def as_remark(record: logging.LogRecord) -> bool:
    """A filter that turns errors which scanners cause all day into one-line warnings without a traceback."""
    record.exc_info, record.levelno, record.levelname = None, logging.WARNING, "WARNING"
    return True


def but_requests(record: logging.LogRecord) -> bool:
    """A filter that drops runserver's line for each request, which has the query; `django_stack.request` logs them."""
    return not record.args


def configuration(debug: bool) -> dict[str, Any]:
    """The value of LOGGING, and of gunicorn's `logconfig_dict`."""
    formatter = "text" if debug else "json"
    stream = "logging.StreamHandler"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "below_error": {"()": lambda: below_error},
            "as_remark": {"()": lambda: as_remark},
            "but_requests": {"()": lambda: but_requests},
        },
        "formatters": {
            "json": {"()": "django_stack.logs.JsonFormatter"},
            "text": {"()": "django_stack.logs.TextFormatter"},
        },
        "handlers": {
            "stdout": {
                "class": stream,
                "stream": "ext://sys.stdout",
                "formatter": formatter,
                "filters": ["below_error"],
            },
            "stderr": {"class": stream, "stream": "ext://sys.stderr", "formatter": formatter, "level": "ERROR"},
        },
        "root": {"level": "INFO", "handlers": ["stdout", "stderr"]},
        "loggers": {
            # Replaces Django's own handlers (mail to admins, a console that is silent without DEBUG) by the root's.
            "django": {"level": "INFO", "handlers": [], "propagate": True},
            "django.security.DisallowedHost": {"filters": ["as_remark"]},
            "django.server": {"level": "WARNING", "handlers": [], "propagate": True, "filters": ["but_requests"]},
            **servers(),
        },
    }


def servers() -> dict[str, Any]:
    """The loggers of servers: what they say goes where all goes, but not their lines for requests, which
    `django_stack.request` has with an id."""
    said = ("gunicorn.error", "uvicorn", "uvicorn.error", "daphne", "granian", "_granian", "hypercorn.error")
    requests = ("gunicorn.access", "uvicorn.access", "daphne.access", "granian.access", "hypercorn.access")
    return {
        **{name: {"level": "INFO", "handlers": [], "propagate": True} for name in said},
        **{name: {"level": "CRITICAL", "handlers": [], "propagate": False} for name in requests},
    }


class ReporterFilter(SafeExceptionReporterFilter):
    """Hides URLs with logins, too: under runserver, request.META on the debug page contains the environment."""

    hidden_settings = _lazy_re_compile("API|AUTH|TOKEN|KEY|SECRET|PASS|SIGNATURE|HTTP_COOKIE|DSN|_URL$", flags=2)
