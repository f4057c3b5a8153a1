"""Error pages that need no database and no request. Outages are answered with 503, not 500.

A project names them in its URL configuration: `handler500 = "django_stack.errors.server_error"`, likewise handler400.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import TemplateDoesNotExist, loader

logger = logging.getLogger("django_stack.errors")


def page(status: int) -> HttpResponse:
    """The project's template `<status>.html`, or one line of text if it has none, or one that fails."""
    content = own_template(f"{status}.html")
    if content is None:
        content = f"<!doctype html><title>{status}</title><h1>{status} {HTTPStatus(status).phrase}</h1>"
    return HttpResponse(content, status=status)


def own_template(name: str, values: Mapping[str, Any] | None = None) -> str | None:
    """A template of the project's, made without a request; None if there is none, or one that needs more."""
    try:
        return loader.get_template(name).render(values)
    except TemplateDoesNotExist:
        return None
    except Exception:
        log_failure(name)
        return None


@cache
def log_failure(name: str) -> None:
    """Once for each template and process, since every missing file may ask for it."""
    logger.exception("the template %s fails without a request; the page is the default one", name)


def bad_request(_: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400: 413 if the form was too big, else 400."""
    return page(413 if isinstance(exception, RequestDataTooBig) else 400)


def server_error(_: HttpRequest) -> HttpResponse:
    """handler500: 503 with Retry-After if database or storage do not answer, else 500. Django logs the traceback."""
    if not is_outage(sys.exc_info()[1]):
        return page(500)
    response = page(503)
    response["Retry-After"] = "10"
    return response


def is_outage(error: BaseException | None) -> bool:
    """True if the database or S3 could not be reached, or reported an error that is not the request's fault."""
    if isinstance(error, OperationalError | InterfaceError):
        return True
    if "boto3" not in sys.modules:  # then it is no error of S3; botocore alone may be another package's
        return False
    from django_stack import s3_errors  # noqa: PLC0415  (a project without S3 lacks boto3)

    return s3_errors.is_outage(error)
