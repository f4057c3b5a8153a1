"""Builds and parses the DSNs of the contract: DATABASE_URL, DEFAULT_STORAGE_DSN, CACHE_URL. Plain strings, no Pulumi.

A DSN is a URL, so every part is percent-encoded; keys and passwords may contain any character.
The DSNs that a stack makes itself are built and parsed here. A DSN that a person wrote is checked by the app's grammar.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from infra.contract import storage_dsn
from infra.contract.malformed import MalformedError

# Divio's host forms: BUCKET.s3.REGION.amazonaws.com, the older BUCKET.s3-REGION…, and BUCKET.s3.amazonaws.com.
_AWS_HOST = re.compile(
    r"^(?P<bucket>.+?)\.s3(?:-fips)?(?:\.dualstack)?(?:[.-](?P<region>[a-z0-9-]+))?\.amazonaws\.com(?:\.cn)?$"
)


class DSNError(ValueError):
    """A DSN that can't be used; the message says what is wrong, never the DSN itself."""


@dataclass(frozen=True)
class DatabaseURL:
    """PostgreSQL's address; `options` are libpq parameters such as `sslmode`."""

    user: str
    password: str = field(repr=False)
    host: str
    port: int
    name: str
    options: dict[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        """`postgres://USER:PASSWORD@HOST:PORT/NAME?OPTIONS`"""
        return (
            f"postgres://{_encode(self.user)}:{_encode(self.password)}@{self.host}:{self.port}/{_encode(self.name)}"
            f"{_query(self.options)}"
        )

    @classmethod
    def parse(cls, text: str) -> "DatabaseURL":
        """Raises DSNError unless `text` is a PostgreSQL URL with a host and a database name."""
        url = _split(text)
        if url.scheme not in {"postgres", "postgresql"}:
            raise DSNError("the scheme is not postgres://")
        if not url.hostname:
            raise DSNError("there is no host")
        name = unquote(url.path.removeprefix("/"))
        if not name:
            raise DSNError("there is no database name after the host")
        return cls(
            user=unquote(url.username or ""),
            password=unquote(url.password or ""),
            host=url.hostname,
            port=_port(url.netloc) or 5432,
            name=name,
            options=dict(parse_qsl(url.query)),
        )


@dataclass(frozen=True)
class CacheURL:
    """Valkey's address; `database` is the number of one of its databases, `options` are redis-py's arguments."""

    password: str = field(repr=False)
    host: str
    port: int
    database: int
    tls: bool = False
    options: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """`redis://:PASSWORD@HOST:PORT/DATABASE?OPTIONS`, or `rediss://` with TLS"""
        scheme = "rediss" if self.tls else "redis"
        place = f":{_encode(self.password)}@{self.host}:{self.port}/{self.database}"
        return f"{scheme}://{place}{_query(self.options)}"


@dataclass(frozen=True)
class S3DSN:
    """A bucket, and how to reach it. Without keys, the client uses those of its environment (an AWS task role).

    `endpoint_url` (scheme, host, port) is for S3 servers other than AWS; `signed` says whether URLs are signed.
    """

    bucket: str
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    region: str = "us-east-1"
    endpoint_url: str = ""
    prefix: str = ""
    signed: bool = True
    options: dict[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        """`s3://KEY:SECRET@BUCKET/PREFIX?endpoint_url=…`, or `s3://BUCKET.s3.REGION.amazonaws.com/PREFIX` on AWS"""
        keys = f"{_encode(self.access_key)}:{_encode(self.secret_key)}@" if self.access_key else ""
        options = {} if self.signed else {"qs_auth": "false"}
        if self.endpoint_url:
            host = self.bucket
            options |= {
                "endpoint_url": self.endpoint_url,
                "addressing_style": "path",
                "region_name": self.region,
            }
        else:
            end = "com.cn" if self.region.startswith("cn-") else "com"
            host = f"{self.bucket}.s3.{self.region}.amazonaws.{end}"
        return f"s3://{keys}{host}/{quote(self.prefix)}{_query(options | self.options)}"

    @classmethod
    def parse(cls, text: str) -> "S3DSN":
        """Raises DSNError unless `text` names a bucket in AWS's host form or together with `endpoint_url`."""
        url = _split(text)
        if url.scheme != "s3":
            raise DSNError("the scheme is not s3://")
        options = dict(parse_qsl(url.query))
        host = url.netloc.rpartition("@")[2]
        if bool(url.username) != bool(url.password):
            raise DSNError("there is a key without a secret, or a secret without a key")
        endpoint_url = options.pop("endpoint_url", "")
        region = options.pop("region_name", "")
        if endpoint_url:
            if not re.match(r"^https?://[^/?#]+$", endpoint_url):
                raise DSNError("endpoint_url is not http(s)://HOST[:PORT]")
            options.pop("addressing_style", None)
            bucket = host
        elif aws := _AWS_HOST.match(host):
            bucket, region = aws["bucket"], aws["region"] or region
        else:
            raise DSNError("the host is neither BUCKET.s3.REGION.amazonaws.com nor a bucket with ?endpoint_url=")
        if not bucket:
            raise DSNError("there is no bucket name")
        return cls(
            bucket=bucket,
            access_key=unquote(url.username or ""),
            secret_key=unquote(url.password or ""),
            region=region or "us-east-1",
            endpoint_url=endpoint_url,
            prefix=unquote(url.path.removeprefix("/")),
            signed=options.pop("qs_auth", "true").lower() in {"1", "true", "yes", "on"},
            options=options,
        )


@dataclass(frozen=True)
class FileDSN:
    """A folder in the web container, and the URL path under which runserver serves it."""

    folder: str
    url: str

    def __str__(self) -> str:
        """`file:///FOLDER/?url=%2FURL%2F`"""
        return f"file://{quote(self.folder)}{_query({'url': self.url})}"


def check_storage_dsn(text: str) -> None:
    """Raises DSNError unless `text` is a DEFAULT_STORAGE_DSN of a bucket that the app accepts."""
    if _split(text).scheme != "s3":
        raise DSNError("the scheme is not s3://")
    try:
        storage_dsn.parse(text.strip())
    except MalformedError as error:
        message = str(error)
    else:
        return
    raise DSNError(f"it {message.rstrip('.')}")


def _split(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
    except ValueError:
        url = None
    if url is None or ("@" in text and "@" not in url.netloc):
        raise DSNError("it is not a URL: characters such as / @ : ? # in keys and passwords must be percent-encoded")
    return url


def _port(netloc: str) -> int | None:
    _, colon, port = netloc.rpartition("@")[2].rpartition(":")
    if not colon:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise DSNError("the port is not a number from 1 to 65535")
    return int(port)


def _encode(part: str) -> str:
    return quote(part, safe="")


def _query(options: dict[str, str]) -> str:
    return f"?{urlencode(options)}" if options else ""
