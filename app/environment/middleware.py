"""Middleware that follows from the contract: request log, redirects to DOMAIN, limits, media under DEBUG."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from tempfile import SpooledTemporaryFile
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.core.handlers.wsgi import LimitedStream
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.http.request import validate_host
from django.views.static import serve

from environment import errors
from environment.logs import request_id

View = Callable[[HttpRequest], HttpResponse]
logger = logging.getLogger("environment.request")

FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")  # what fills request.POST


class RequestLog:
    """One line for each request: id, method, path without its query (which may hold secrets), status and duration.

    The id is taken from X-Request-ID if a proxy sent a harmless one, stands in every log line of the request, and is
    sent back, so that a visitor's report can be found in the log.
    """

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        identity = given if re.fullmatch(r"[A-Za-z0-9._-]{8,100}", given) else uuid.uuid4().hex
        token = request_id.set(identity)
        started = time.perf_counter()
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = identity
            logger.info(
                "%s %s %s",
                request.method,
                request.path,
                response.status_code,
                extra={
                    "method": request.method,
                    "path": request.path,
                    "status": response.status_code,
                    "duration_ms": round((time.perf_counter() - started) * 1000, 1),
                },
            )
            return response
        finally:
            request_id.reset(token)


class Redirects:
    """Answers DOMAIN_REDIRECTS with 301 to DOMAIN, path and query kept. Other hosts are left to Django's validation."""

    def __init__(self, get_response: View) -> None:
        if not settings.REDIRECTED_HOSTS:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        parts = urlsplit("//" + request.get_host())
        if not validate_host(parts.hostname or "", settings.REDIRECTED_HOSTS):
            return self.get_response(request)
        scheme, port = request.scheme, f":{parts.port}" if parts.port else ""
        if settings.SECURE_SSL_REDIRECT:
            scheme, port = "https", ""
        return HttpResponsePermanentRedirect(f"{scheme}://{settings.SITE_DOMAIN}{port}{request.get_full_path()}")


class BodyLimit:
    """Refuses a body above REQUEST_MAX_BYTES with 413: Django itself would write it all to /tmp first.

    A browser shows an answer only once its upload has been taken, so up to four times the limit is read and thrown
    away. What is beyond that stays unread, and gunicorn closes the connection. (An answer may not ask for that itself:
    headers of the connection are the server's, PEP 3333, and runserver refuses them.)

    A body that stops coming (`environment.worker`) is 408, whatever the view made of the half that it got.

    Django reads as many bytes as Content-Length says, so of a body that comes in chunks it would read none
    (gunicorn#2947): here such a body is taken first, and Django gets its length. It counts and is refused as the others
    are. A server that can't say where a chunked body ends (runserver) makes it a 411.
    """

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if status := cannot_be_read(request):
            return errors.page(status)
        if "HTTP_TRANSFER_ENCODING" in request.META:
            return self.in_chunks(request)
        length = int(request.META.get("CONTENT_LENGTH") or "0")
        if length <= settings.REQUEST_MAX_BYTES:
            response = self.get_response(request)
            broken_off = getattr(request.META.get("wsgi.input"), "failed", False)
            return errors.page(408) if broken_off else response
        if length <= 4 * settings.REQUEST_MAX_BYTES:
            with suppress(OSError):  # gone meanwhile
                while request.read(64 * 1024):
                    pass
        return errors.page(413)

    def in_chunks(self, request: HttpRequest) -> HttpResponse:
        """Takes the body into a file, as large ones always are, or into memory, as small ones are."""
        stream = request.META["wsgi.input"]
        with SpooledTemporaryFile(settings.FILE_UPLOAD_MAX_MEMORY_SIZE, dir=settings.FILE_UPLOAD_TEMP_DIR) as body:
            length = 0
            try:
                while length <= 4 * settings.REQUEST_MAX_BYTES and (data := stream.read(64 * 1024)):
                    length += len(data)
                    if length <= settings.REQUEST_MAX_BYTES:
                        body.write(data)
            except Exception as error:
                if not getattr(stream, "failed", False):  # a full disk, for instance
                    raise
                return errors.page(getattr(error, "status", 400))
            if length > settings.REQUEST_MAX_BYTES:
                return errors.page(413)
            body.seek(0)
            request.META["CONTENT_LENGTH"] = str(length)
            request._stream = LimitedStream(body, length)  # type: ignore[attr-defined]
            return self.get_response(request)


def cannot_be_read(request: HttpRequest) -> int:
    """The status for a body whose length or form nobody here can tell, or 0.

    Forms are read by Django itself, which would see nothing in a compressed one. Other compressed bodies are the
    view's affair.
    """
    given = request.META
    length, coding = given.get("CONTENT_LENGTH") or "0", given.get("HTTP_TRANSFER_ENCODING")
    if not (length.isascii() and length.isdecimal()):
        return 400
    if coding is not None:
        if given.get("CONTENT_LENGTH"):  # two lengths: what one reader takes for a body is a request to another
            return 400
        if coding.strip().lower() != "chunked":
            return 501
        if not given.get("wsgi.input_terminated"):
            return 411
    compressed = given.get("HTTP_CONTENT_ENCODING", "").strip().lower() not in ("", "identity")
    return 415 if compressed and request.content_type in FORMS else 0


class NullBytes:
    """Refuses null bytes in query and cookies with 400: PostgreSQL takes no text with them, so any lookup is a 500."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "%00" in request.META.get("QUERY_STRING", "") or any("\0" in value for value in request.COOKIES.values()):
            return errors.page(400)
        return self.get_response(request)


class DebugMedia:
    """Serves the folder of a file: storage, as `static()` in a URL configuration would: only while debugging."""

    def __init__(self, get_response: View) -> None:
        if not settings.DEBUG or "://" in settings.MEDIA_URL:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(settings.MEDIA_URL):
            return self.get_response(request)
        return serve(request, request.path_info.removeprefix(settings.MEDIA_URL), document_root=settings.MEDIA_ROOT)
