"""The storages for STORAGES: S3 for media, one that refuses to save, and collected static files."""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

from boto3.s3.transfer import TransferConfig
from botocore.auth import SIGV4_TIMESTAMP, HmacV1QueryAuth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError, NoCredentialsError
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.utils.encoding import filepath_to_uri
from storages.backends.s3 import S3Storage
from storages.utils import is_seekable

from django_stack import media_types
from django_stack.s3_errors import TOO_SKEWED
from django_stack.storage_dsn import S3

LIFE = 3600  # the most seconds for which a signed URL is valid
WINDOW = 1800  # seconds for which an object's signed URL stays the same; a visitor's is valid for LIFE - WINDOW or more
REMEMBERED = 1000  # signed URLs that a process keeps: 2 MB, with the token of a task role

# How far the signer's clock may be off: docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html, its "Time
# stamp requirement" (RequestTimeTooSkewed). versitygw 1.8 has the same MaxAllowedSkewMilliseconds, 900000.
SKEW = timedelta(minutes=15)

AWS = (".amazonaws.com", ".amazonaws.com.cn")

# Why a server that keeps objects as files can't store a key that AWS's S3 can: versitygw's codes (s3err/s3err.go).
NO_FILE = {
    "ObjectParentIsFile": "its folder exists already as a file",
    "ExistingObjectIsDirectory": "it exists already as a folder with files in it",
}
SEGMENT = 255  # bytes between two slashes, NAME_MAX of Linux file systems
KEY = 1024  # bytes; docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html. versitygw has no such limit

ATTEMPTS = 5  # to find a name that no other upload takes at the same moment
creating: ContextVar[bool] = ContextVar("creating", default=False)

# The location of S3Media() where the stack has no bucket. It can be created, but not used.
NO_LOCATION = S3.of(bucket="no-bucket-is-set")
NO_BUCKET = (
    "DEFAULT_STORAGE_DSN names no S3 bucket, so django_stack.storages.S3Media has no place for files. "
    "`pulumi up` sets it to the stack's bucket (`media: s3`); "
    'the dotted path "django_stack.storages.S3Media" needs a bucket, `default_storage` works with any storage.'
)

# django-storages' options for a bucket's location, with the names in S3. Absent ones are the stack's own.
LOCATION_OPTIONS = {
    "bucket_name": "bucket",
    "access_key": "key",
    "secret_key": "secret",
    "region_name": "region",
    "endpoint_url": "endpoint",
    "addressing_style": "addressing_style",
    "signature_version": "signature",
}
SECRET_OPTIONS = {"access_key", "secret_key", "security_token", "cloudfront_key", "cloudfront_signer"}


def default_location() -> S3 | None:
    """The location that `django_stack.settings` gave to the default storage."""
    location = settings.STORAGES.get("default", {}).get("OPTIONS", {}).get("location")
    return location if isinstance(location, S3) else None


def with_options(at: S3, folder: str, options: dict[str, Any]) -> S3:
    """A folder of the location `at`, with the options about the location, which this removes from `options`."""
    parts = [part for part in folder.split("/") if part]
    if foreign := sorted(name for name in options if name.startswith("cloudfront_")):
        raise ImproperlyConfigured(
            f"{foreign[0]} is a setting that django_stack.storages.S3Media does not have: its URLs are signed for S3. "
            "Use storages.backends.s3.S3Storage for URLs that are signed with CloudFront's keys."
        )
    if folder.startswith("/") or {".", ".."} & set(parts):
        raise ImproperlyConfigured(
            f"location is {folder!r}; allowed: a folder below the prefix of DEFAULT_STORAGE_DSN, like 'thumbnails'."
        )
    place = {ours: value for name, ours in LOCATION_OPTIONS.items() if (value := options.pop(name, None))}
    if place.get("bucket", at.bucket) != at.bucket:
        at = replace(at, prefix="", domain="", url="", signed=True)
    if "region" in place and at.endpoint == S3.of(bucket=at.bucket, region=at.region).endpoint:
        place.setdefault("endpoint", S3.of(bucket=at.bucket, region=place["region"]).endpoint)
    at = replace(at, prefix="/".join([*filter(None, [at.prefix]), *parts]), **place)
    if options.get("session_profile"):  # replaces the key
        at = replace(at, key="", secret="")
    if "default_acl" in options:
        at = replace(at, acl=options.pop("default_acl") or "")
    sign = options.pop("querystring_auth", None)
    if domain := options.pop("custom_domain", ""):  # as in django-storages, its URLs are not signed
        return replace(at, domain="", url=f"{options.get('url_protocol') or 'https:'}//{domain}/", signed=False)
    if sign is None:
        sign = at.signed or domain is None
    if sign and not at.signed:  # the signature is only valid for S3's own address
        at = replace(at, domain="", url="")
    return replace(at, signed=bool(sign))


class NoKeyError(NoCredentialsError):
    """No credentials; counts as an outage, since a machine gets its credentials from a server, too."""

    fmt = "DEFAULT_STORAGE_DSN has no key, and this machine has no AWS credentials either."


class S3Media(S3Storage):
    """The bucket of DEFAULT_STORAGE_DSN. Never overwrites a file, and sends no ACL unless the DSN has one.

    `S3Media()` is the stack's own storage, so that packages can create it from its dotted path (django-filer, sorl,
    easy-thumbnails, wagtail). As with django-storages, keywords and a subclass's attributes change a part of it:
    `location="thumbnails"` is a folder below the DSN's prefix; `bucket_name`, `querystring_auth`, `querystring_expire`,
    `custom_domain`, `default_acl`, `file_overwrite`, `object_parameters` and all others mean what they mean there.

    Args:
        location: a folder, or a whole location, as `django_stack.settings` passes it.
        options: django-storages' settings in lower case, without their prefix.

    Raises:
        ImproperlyConfigured: the setting does not exist, or the folder is outside the DSN's prefix.
    """

    conditional = True  # until the server says that it does not support `If-None-Match`

    def __init__(self, location: S3 | str | None = None, **options: Any) -> None:
        attributes = {
            name: getattr(type(self), name) for name in self.get_default_settings() if hasattr(type(self), name)
        }
        options = {**attributes, **options}
        folder = options.pop("location", None) or ""
        if isinstance(location, S3):
            self.at = with_options(location, str(folder), options)
        else:
            self.at = with_options(
                default_location() or NO_LOCATION, str(folder if location is None else location), options
            )
        # Credentials and the begin of a window, and the signed URLs of these, by the files' keys.
        self.remembered: tuple[tuple[Any, float] | None, dict[str, str]] = None, {}
        self.life = int(options.get("querystring_expire") or LIFE)
        self.window = max(1, self.life * WINDOW // LIFE)
        at = self.at
        own_host = not at.endpoint.endswith(AWS)
        # Others support only some of Amazon's checksums.
        checksums = ("request_checksum_calculation", "response_checksum_validation") if own_host else ()
        client: dict[str, Any] = {
            "s3": {"addressing_style": at.addressing_style},
            **dict.fromkeys(checksums, "when_required"),
        }
        lasting = f"private, max-age={self.life - self.window}" if at.signed else "public, max-age=86400"
        defaults = {
            "security_token": None,
            "session_profile": None,
            "file_overwrite": False,
            "max_memory_size": 10 * 1024 * 1024,
            "transfer_config": TransferConfig(preferred_transfer_client="classic"),
            "client_config": Config(
                signature_version=at.signature,
                proxies=options.get("proxies"),
                connect_timeout=3,  # in an outage a visitor waits for seconds, not minutes
                read_timeout=20,
                retries={"mode": "standard", "total_max_attempts": 2},
                max_pool_connections=20,
                **client,
            ),
        }
        governed = {
            "bucket_name": at.bucket,
            "access_key": at.key or None,
            "secret_key": at.secret or None,
            "region_name": at.region or None,
            "endpoint_url": at.endpoint,
            "location": at.prefix,
            "default_acl": at.acl or None,
            "querystring_auth": False,  # `url` below signs
            "custom_domain": None,
            "object_parameters": {"CacheControl": lasting, **(options.get("object_parameters") or {})},
        }
        super().__init__(**{**defaults, **options, **governed})
        # Uploads use the caller's thread, where `creating` is set, and a web process needs no ten additional threads.
        self.transfer_config.use_threads = False

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """For migrations: without a location, which differs between stacks, and without secrets."""
        path, arguments, options = super().deconstruct()
        kept = {name: value for name, value in options.items() if name not in SECRET_OPTIONS}
        if isinstance(kept.get("location"), S3):
            del kept["location"]
        return path, [value for value in arguments if not isinstance(value, S3)], kept

    def get_object_parameters(self, name: str) -> dict[str, Any]:
        """The headers of a stored object; the type follows from the name alone, since browsers could send any type."""
        headers = media_types.headers(name, self.default_content_type)
        return {**{header.replace("-", ""): value for header, value in headers.items()}, **self.object_parameters}

    @cached_property
    def session(self) -> Any:
        """One boto3 session, so that a task role's credentials are fetched once and refreshed in one place."""
        if self.at.bucket == NO_LOCATION.bucket:
            raise ImproperlyConfigured(NO_BUCKET)
        session = super()._create_session()
        for operation in ("PutObject", "CompleteMultipartUpload"):
            session.events.register(f"before-parameter-build.s3.{operation}", only_if_new)
        session.events.register("after-call.s3", explain_clock_skew)
        return session

    def _create_session(self) -> Any:
        return self.session

    def preload(self) -> None:
        """Loads what botocore reads of S3, 40 MB in memory, without a request or a socket.

        A server that forks workers calls it before, so that they share it.
        """
        loader = self.session._session.get_component("data_loader")
        for name in ("service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2"):
            loader.load_service_model("s3", name)
        for name in ("partitions", "endpoints", "sdk-default-configuration", "_retry"):
            loader.load_data(name)

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Saves under a free name. Looking first is not enough, since two uploads may look at the same moment.

        So the server is told not to overwrite, and the second upload takes another name. S3 supports that since August
        2024 (docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html), versitygw 1.8 does it under a
        lock.
        """
        key = "/".join(filter(None, (self.at.prefix, str(name or content.name))))
        if len(key.encode()) > KEY:
            raise SuspiciousFileOperation(f"{key!r} can't be stored: S3 allows names of {KEY} bytes at most.")
        for _ in range(ATTEMPTS):
            token = creating.set(self.conditional and not self.file_overwrite)
            try:
                return str(super().save(name, content, max_length))
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code")
                if reason := self.why_no_file(key, code):
                    raise SuspiciousFileOperation(
                        f"{key!r} can't be stored: {reason}, and this S3 server keeps objects as files in folders. "
                        "S3 on AWS would store it. Give the file another name, or change upload_to."
                    ) from None
                if code not in ("PreconditionFailed", "ConditionalRequestConflict", "NotImplemented"):
                    raise
                if not is_seekable(content):
                    raise
                self.conditional = self.conditional and code != "NotImplemented"
                failed = error
            finally:
                creating.reset(token)
        raise failed

    def why_no_file(self, key: str, code: str | None) -> str:
        """Why a server that keeps objects as files refused a key that AWS would store; "" if `code` means another
        error.

        In its answers to HEAD requests and to uploads in several parts, the server doesn't say itself what is wrong.
        """
        unsaid = code in ("400", "InternalError")
        if self.at.endpoint.endswith(AWS) or not (unsaid or code == "KeyTooLongError" or code in NO_FILE):
            return ""
        if any(len(part.encode()) > SEGMENT for part in key.split("/")):
            return f"a part of it between slashes is longer than {SEGMENT} bytes"
        if code == "InternalError":
            client = self.connection.meta.client
            if client.list_objects_v2(Bucket=self.bucket_name, Prefix=f"{key}/", MaxKeys=1).get("Contents"):
                code = "ExistingObjectIsDirectory"
        return NO_FILE.get(str(code), "")

    def url(
        self,
        name: str,
        parameters: dict[str, Any] | None = None,
        expire: int | None = None,
        http_method: str | None = None,
    ) -> str:
        """The URL of a file. A signed one stays the same for WINDOW seconds, so that browsers can cache the file.

        `parameters` are django-storages': boto3's names (`ResponseContentDisposition`), or the query's own where files
        are read from a `domain` or `url`.

        Every process with the same key makes the same URL. With a task role the URL expires with the role's token,
        which botocore renews a quarter of an hour before its end; and each task has its own token.
        """
        key = self._normalize_name(name.replace("\\", "/"))
        if not self.at.signed:
            return self.address(name, key, parameters, expire, http_method)
        credentials = self.session.get_credentials()
        if credentials is None:
            raise NoKeyError
        frozen = credentials.get_frozen_credentials()
        now = time.time()
        if parameters or expire is not None or http_method:
            life, moment = (self.life, now // self.window * self.window) if expire is None else (expire, now)
            address = self.address(name, key, parameters, expire, http_method)
            return self.signed(address, key, frozen, life, moment, http_method or "GET")
        # Made once more, it would be the same; it is half of what a page with a dozen pictures takes.
        mark = (frozen, now // self.window * self.window)
        marked, urls = self.remembered
        if marked != mark or len(urls) >= REMEMBERED:
            urls = {}
            self.remembered = mark, urls
        if key not in urls:
            urls[key] = self.signed(self.address(name, key), key, frozen, self.life, mark[1])
        return urls[key]

    def address(
        self,
        name: str,
        key: str,
        parameters: dict[str, Any] | None = None,
        expire: int | None = None,
        http_method: str | None = None,
    ) -> str:
        """The URL of a file, whose key in the bucket is given, without a signature."""
        if self.at.base_url:
            query = f"?{urlencode(parameters, quote_via=quote)}" if parameters else ""
            return self.at.base_url + filepath_to_uri(key) + query
        return str(super().url(name, parameters, expire, http_method))

    def signed(self, address: str, key: str, credentials: Any, life: int, moment: float, method: str = "GET") -> str:
        """The address with a signature that is valid for `life` seconds from `moment` on."""
        if self.at.signature == "s3":
            # this version always signs bucket and key, encoded as in the URL, whatever the URL looks like
            encoded = filepath_to_uri(key) if self.at.base_url else quote(key, safe="/~")
            request = AWSRequest(method, address, auth_path=f"/{self.at.bucket}/{encoded}")
            OldQueryAuth(credentials, int(moment + life)).add_auth(request)
        else:
            region = self.at.region or self.connection.meta.client.meta.region_name
            request = AWSRequest(method, address)
            QueryAuth(credentials, region, life, moment).add_auth(request)
        return str(request.url)


def only_if_new(params: dict[str, Any], **_: Any) -> None:
    """Receiver of botocore's `before-parameter-build`: forbids `save` to overwrite an object."""
    if creating.get():
        params["IfNoneMatch"] = "*"


def explain_clock_skew(http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
    """Receiver of botocore's `after-call`: makes the ClientError of a 403 say that this machine's clock is wrong.

    The answer to a HEAD request has no body, so that the error would only be "Forbidden"; but it has S3's time.
    """
    if http_response.status_code != 403:
        return
    ours = datetime.now(UTC).replace(microsecond=0)
    try:
        theirs = parsedate_to_datetime(http_response.headers["date"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        return
    if abs(ours - theirs) > SKEW:
        parsed["Error"] = {
            **parsed.get("Error", {}),
            "Code": TOO_SKEWED,
            "Message": (
                f"This machine's clock is {abs(ours - theirs)} {'ahead of' if ours > theirs else 'behind'} S3's: "
                f"{ours:%Y-%m-%d %H:%M:%S} UTC here, {theirs:%Y-%m-%d %H:%M:%S} UTC there. S3 refuses requests "
                f"more than {SKEW // timedelta(minutes=1)} minutes off. Set this machine's clock, by NTP for instance; "
                "a container uses the clock of the machine that runs Docker."
            ),
        }


class QueryAuth(S3SigV4QueryAuth):
    """botocore's signer of URLs, for a given time (seconds since 1970) instead of the present one."""

    def __init__(self, credentials: Any, region: str, expires: int, moment: float) -> None:
        super().__init__(credentials, "s3", region, expires)
        self.moment = datetime.fromtimestamp(moment, UTC)

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        """Called after botocore sets the request's timestamp and before it is used."""
        request.context["timestamp"] = self.moment.strftime(SIGV4_TIMESTAMP)
        super()._modify_request_before_signing(request)  # type: ignore[misc]  # botocore-stubs lacks it


class OldQueryAuth(HmacV1QueryAuth):
    """botocore's signer of URLs in version 2 (`auth=s3`), with a given expiry (seconds since 1970)."""

    def _get_date(self) -> str:
        return str(self._expires)  # type: ignore[attr-defined]  # the same
