"""The middleware of the contract: request log, redirects to DOMAIN, size limit, media under DEBUG."""

from __future__ import annotations

import logging
import os
import re
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from io import BufferedReader
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost, MiddlewareNotUsed
from django.core.handlers.wsgi import LimitedStream
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponsePermanentRedirect,
)
from django.http.request import validate_host
from django.http.response import HttpResponseBase
from django.utils._os import safe_join
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from whitenoise.responders import SlicedFile

from django_stack import errors, media_types
from django_stack.logs import request_id

View = Callable[[HttpRequest], HttpResponse]
logger = logging.getLogger("django_stack.request")

FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")  # the types that Django parses into request.POST
CUT_OFF = "django_stack.body_cut_off"  # in the scope of an ASGI request whose body was too large (asgi_handler)


class RequestLog:
    """One line for each request: id, method, path without its query (which may hold secrets), status and duration.

    The id is taken from X-Request-ID if a proxy sent a harmless one. It is in every log line of the request and in the
    response, so that a visitor's report can be found in the log.
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
        try:
            parts = urlsplit("//" + request.get_host())
        except DisallowedHost:  # a static file may be asked for under a load balancer's name
            return self.get_response(request)
        if not validate_host(parts.hostname or "", settings.REDIRECTED_HOSTS):
            return self.get_response(request)
        scheme, port = request.scheme, f":{parts.port}" if parts.port else ""
        if settings.SECURE_SSL_REDIRECT:
            scheme, port = "https", ""
        return HttpResponsePermanentRedirect(f"{scheme}://{settings.SITE_DOMAIN}{port}{request.get_full_path()}")


class MissingStatic:
    """Answers 404 for a path below STATIC_URL that WhiteNoise doesn't have, if the host is none of the site's.

    A CDN that reads from a bucket first asks under the load balancer's name for what isn't there. WhiteNoise doesn't
    look at the host; Django would answer 400, and log an attack.
    """

    def __init__(self, get_response: View) -> None:
        self.prefix = urlsplit(settings.STATIC_URL).path
        if settings.DEBUG or not self.prefix.strip("/"):
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(self.prefix):
            try:
                request.get_host()
            except DisallowedHost:
                return errors.page(404)
        return self.get_response(request)


class BodyLimit:
    """Refuses a body above REQUEST_MAX_BYTES with 413; Django itself would first write all of it to /tmp. Under ASGI it
    does so before it asks any middleware; there `asgi_handler` has cut such a body off already.

    A browser shows the response only after its upload was read, so up to four times the limit is read and discarded.
    The rest stays unread, and gunicorn closes the connection. (A response can't ask for that itself: headers of the
    connection belong to the server, PEP 3333, and runserver refuses them.)

    A body that stops coming (`django_stack.worker`) is answered with 408, whatever the view made of the first half.

    Django reads as many bytes as Content-Length says, so it would read nothing of a chunked body (gunicorn#2947). Such
    a body is therefore read here first, and Django gets its length; the same limit applies. A server that can't decode
    chunked bodies (runserver) answers 411.
    """

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if status := cannot_be_read(request):
            return errors.page(status)
        if CUT_OFF in getattr(request, "scope", {}):
            return errors.page(413)
        if "HTTP_TRANSFER_ENCODING" in request.META:
            return self.in_chunks(request)
        length = int(request.META.get("CONTENT_LENGTH") or "0")
        if length <= settings.REQUEST_MAX_BYTES:
            response = self.get_response(request)
            broken_off = getattr(request.META.get("wsgi.input"), "failed", False)
            return errors.page(408) if broken_off else response
        if length <= 4 * settings.REQUEST_MAX_BYTES:
            with suppress(OSError):  # the client left
                while request.read(64 * 1024):
                    pass
        return errors.page(413)

    def in_chunks(self, request: HttpRequest) -> HttpResponse:
        """Reads the body into a file, or into memory if it is small."""
        stream: Any = request.META.get("wsgi.input") or request._stream
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
            request._stream = LimitedStream(body, length)
            return self.get_response(request)


def cannot_be_read(request: HttpRequest) -> int:
    """The status for a body whose length or encoding can't be handled, or 0.

    Django parses forms itself and would take a compressed one for an empty one. Other compressed bodies are left to the
    view.
    """
    given = request.META
    length, coding = given.get("CONTENT_LENGTH") or "0", given.get("HTTP_TRANSFER_ENCODING")
    if not (length.isascii() and length.isdecimal()):
        return 400
    if len(length) > 18:  # absurdly large
        return 413
    if coding is not None:
        if given.get("CONTENT_LENGTH"):  # two lengths: what one reader takes for a body is a request to another
            return 400
        if coding.strip().lower() != "chunked":
            return 501
        if "wsgi.input" in given and not given.get("wsgi.input_terminated"):  # an ASGI server has read it already
            return 411
    compressed = given.get("HTTP_CONTENT_ENCODING", "").strip().lower() not in ("", "identity")
    return 415 if compressed and request.content_type in FORMS else 0


class NullBytes:
    """Refuses null bytes in query and cookies with 400; PostgreSQL stores none in texts, so a lookup would be a 500."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "%00" in request.META.get("QUERY_STRING", "") or any("\0" in value for value in request.COOKIES.values()):
            logger.warning("refused with 400: a null byte in the query or in a cookie of %s", request.path)
            return errors.page(400)
        return self.get_response(request)


class DebugMedia:
    """Serves the folder of a file: storage, only while debugging, with the headers that S3 would send.

    It answers range requests (RFC 9110, section 14), which Django's own view does not: without them Safari plays no
    video and Chromium can't seek in one (whitenoise#82). A request for several ranges gets the whole file, as from S3.
    """

    def __init__(self, get_response: View) -> None:
        if not settings.DEBUG or "://" in settings.MEDIA_URL:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(settings.MEDIA_URL):
            return self.get_response(request)
        request.get_host()  # validates the host, which no middleware has done yet
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        name = request.path_info.removeprefix(settings.MEDIA_URL)
        root = Path(settings.MEDIA_ROOT).resolve()
        try:
            path = Path(safe_join(root, name)).resolve(strict=True)
            if not path.is_file() or not path.is_relative_to(root) or name.endswith("/"):
                raise Http404(f"There is no file {name!r} in {settings.MEDIA_ROOT}.")
            return response_of(request, path.open("rb"), media_types.headers(name))
        except (OSError, ValueError):  # not there, too long a name, a null byte
            raise Http404(f"There is no file {name!r} in {settings.MEDIA_ROOT}.") from None


def response_of(request: HttpRequest, file: BufferedReader, headers: dict[str, str]) -> HttpResponseBase:
    """The response: the file, the requested range of it, or 304 if the visitor has it already."""
    found = os.fstat(file.fileno())
    size, etag, changed = found.st_size, f'"{found.st_mtime_ns:x}-{found.st_size:x}"', int(found.st_mtime)
    validators = {"ETag": etag, "Last-Modified": http_date(changed), "Accept-Ranges": "bytes"}
    response: HttpResponseBase = FileResponse(file)
    del response["Content-Disposition"]  # it would have a file name; S3 sends none
    for header, value in {**headers, **validators}.items():
        response[header] = value
    conditional = get_conditional_response(request, etag, changed, response)
    if conditional is not response:
        response.close()
        return conditional
    wanted = re.fullmatch(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", request.headers.get("Range", ""))
    unchanged = request.headers.get("If-Range", etag) in (etag, validators["Last-Modified"])
    if request.method != "GET" or not wanted or not any(wanted.groups()) or not unchanged:
        return response
    first, last = wanted.groups()
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last), size - 1) if first and last else size - 1
    if first and last and int(first) > int(last):  # invalid, so it is ignored
        return response
    if start > end:
        response.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}", **validators})
    part = SlicedFile(file, start, end)
    response.status_code = 206
    response.streaming_content = iter(partial(part.read, 64 * 1024), b"")
    response["Content-Range"], response["Content-Length"] = f"bytes {start}-{end}/{size}", str(end - start + 1)
    return response
