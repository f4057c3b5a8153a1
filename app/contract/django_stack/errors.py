"""Error pages that need no database and no request. Outages are answered with 503, not 500.

A project names them in its URL configuration: `handler500 = "django_stack.errors.server_error"`, likewise handler400.
"""

from __future__ import annotations

import sys
from http import HTTPStatus

from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
    NoCredentialsError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as EndpointError
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import TemplateDoesNotExist, loader
from s3transfer.exceptions import RetriesExceededError

# No answer, half an answer, or no credentials (when the endpoint of a task role is down).
STORAGE_DOWN = (
    EndpointError,
    HTTPClientError,
    IncompleteReadError,
    RetriesExceededError,
    NoCredentialsError,
    CredentialRetrievalError,
    MetadataRetrievalError,
    TokenRetrievalError,
)

# S3 refuses all requests of a machine whose clock is wrong.
TOO_SKEWED = "RequestTimeTooSkewed"


def page(status: int) -> HttpResponse:
    """The project's template `<status>.html`, or one line of text if it has none."""
    try:
        content = loader.get_template(f"{status}.html").render()
    except TemplateDoesNotExist:
        content = f"<!doctype html><title>{status}</title><h1>{status} {HTTPStatus(status).phrase}</h1>"
    return HttpResponse(content, status=status)


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
    if isinstance(error, ClientError):
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500))
        return status >= 500 or error.response.get("Error", {}).get("Code") == TOO_SKEWED
    return isinstance(error, STORAGE_DOWN)
