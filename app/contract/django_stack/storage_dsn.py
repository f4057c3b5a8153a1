"""DEFAULT_STORAGE_DSN: where uploaded files are stored, as one URL. Parses it, and builds it for tests and tools.

    s3://KEY:SECRET@BUCKET.s3.REGION.amazonaws.com/PREFIX?ARGUMENTS   at AWS; without KEY:SECRET@, by the task's role
    s3://KEY:SECRET@BUCKET.HOST/PREFIX?ARGUMENTS                      at a provider that s3_hosts.py knows
    s3://KEY:SECRET@HOST/BUCKET/PREFIX?ARGUMENTS                      the same in path style, for AWS too
    s3://KEY:SECRET@BUCKET/PREFIX?endpoint_url=http%3A%2F%2FHOST%3A9000   any S3, emulators included
    file:///data/media/?url=%2Fmedia%2F                               a folder, served by runserver

Key, secret and prefix are URL-encoded. Arguments: `domain` (files are read from https://DOMAIN/), `url` (the same as a
full address, path included), `qs_auth` (whether URLs are signed: true or false), `acl` (none unless given),
`addressing_style` (path, virtual, auto), `region_name`, `auth` (the signature: s3v4, or s3 for a server that supports
only version 2), `endpoint_url`.

It is a superset of the grammar of django-storage-url (Divio), with safer defaults: no ACL; signed URLs, unless files
are read from a `domain` or `url`, which S3's signature does not cover. A host of no known provider is refused, where
Divio takes its last three labels for the server.

infra/contract/ holds a copy of this file and of what it imports (a test compares them), so that `pulumi up` refuses
what the app would refuse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from .malformed import MalformedError, attempt, known_only
from .s3_hosts import SUPABASE, place, server, with_a_bucket

ARGUMENTS = {"acl", "addressing_style", "auth", "domain", "endpoint_url", "qs_auth", "region_name", "url"}
ACLS = {
    *("private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read"),
    *("bucket-owner-read", "bucket-owner-full-control"),
}
STYLES = {"path", "virtual", "auto"}
SIGNATURES = {"s3v4", "s3"}
ON, OFF = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}

# Schemes of other tools, each with what to write here.
ANYWHERE = "s3://KEY:SECRET@BUCKET/?endpoint_url=https%3A%2F%2FHOST&region_name=REGION"
INSTEAD = {
    "az": "Azure does not support S3",
    "b2": "write s3://KEY:SECRET@BUCKET.s3.REGION.backblazeb2.com/",
    "gs": "write s3://KEY:SECRET@storage.googleapis.com/BUCKET/ with an HMAC key",
    "http": f"a bucket is written {ANYWHERE}",
    "https": f"a bucket is written {ANYWHERE}",
    "minio": f"write {ANYWHERE}",
    "r2": "write s3://KEY:SECRET@BUCKET.ACCOUNT.r2.cloudflarestorage.com/",
    "s3a": "write s3://",
    "s3n": "write s3://",
    "spaces": "write s3://KEY:SECRET@BUCKET.REGION.digitaloceanspaces.com/",
}

# Folders that hold more than a site's files; /proc even has the environment, with its secrets.
SYSTEM = re.compile(
    r"/+(?:(?:app|bin|boot|home|lib|lib64|opt|root|run|sbin|srv|tmp|usr|var)/*|(?:dev|etc|proc|sys)(?:/.*)?)?",
    re.DOTALL,
)

HOST = re.compile(r"[A-Za-z0-9._-]+(:\d{1,5})?|\[[0-9a-fA-F:]+\](:\d{1,5})?")


@dataclass(frozen=True)
class S3:
    """A bucket, created by `S3.of`. `endpoint` is scheme, host and port; `prefix` has no slash at either end."""

    bucket: str
    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    region: str = ""
    endpoint: str = ""
    prefix: str = ""
    domain: str = ""
    url: str = ""
    acl: str = ""
    signed: bool = True
    addressing_style: str = "path"
    signature: str = "s3v4"

    @classmethod
    def of(
        cls,
        bucket: str,
        key: str = "",
        secret: str = "",
        region: str = "",
        endpoint: str = "",
        prefix: str = "",
        domain: str = "",
        url: str = "",
        acl: str = "",
        qs_auth: str = "",
        addressing_style: str = "",
        signature: str = "",
    ) -> S3:
        """Checks the parts, all of them text, and fills in the defaults.

        Raises:
            MalformedError: what is wrong, as the end of a sentence that begins with the variable's name.
        """
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{2,254}", bucket):
            raise MalformedError(
                "names no bucket (3 characters or more: letters, digits, dots, hyphens): expected "
                "s3://KEY:SECRET@BUCKET.s3.REGION.amazonaws.com/ with key and secret URL-encoded."
            )
        if bool(key) != bool(secret):
            raise MalformedError("has a key without a secret, or a secret without a key.")
        check("qs_auth", qs_auth.lower(), ON | OFF)
        check("addressing_style", addressing_style, STYLES)
        check("auth", signature, SIGNATURES)
        check("acl", acl, ACLS)
        if not re.fullmatch(r"[A-Za-z0-9-]{0,40}", region):
            raise MalformedError("has an invalid region; expected one like eu-central-1.")
        if domain and not HOST.fullmatch(domain):
            raise MalformedError("has an argument domain that is not a host name (without scheme and path).")
        if url:
            url = web_address("url", url if "://" in url else f"https://{url.lstrip('/')}")
        if endpoint:
            endpoint = web_address("endpoint_url", endpoint).rstrip("/")
        else:
            end = "com.cn" if region.startswith("cn-") else "eu" if region.startswith("eusc-") else "com"
            endpoint = f"https://s3{'.' if region else ''}{region}.amazonaws.{end}"
        if prefix.strip("/") and {"", ".", ".."} & set(prefix.strip("/").split("/")):
            raise MalformedError(
                "has a prefix with nothing, . or .. between two slashes; expected one like shop/media."
            )
        at = urlsplit(endpoint)
        known = server(at.netloc)
        if with_a_bucket(at.netloc) or (at.path and known and not known.root):
            raise MalformedError("has an argument endpoint_url with a bucket's name in it; expected the server alone.")
        if "." in at.netloc and f".{bucket}".lower().endswith(f".{at.hostname}"):
            raise MalformedError(
                "has the server's name in its host; with endpoint_url= only the bucket's name belongs there."
            )
        if at.path and (not region or addressing_style == "virtual"):
            raise MalformedError(f"needs region_name= and path style for a server at {SUPABASE}.")
        if known and known.amazon and region and known.region not in ("", region):
            raise MalformedError(f"has the region {known.region} in its host and another one as region_name.")
        region = region or (known.region if known else "")
        style = "virtual" if re.search(r"\.amazonaws\.(com|com\.cn|eu)$", at.netloc) else known.style if known else ""
        return cls(
            bucket=bucket,
            key=key,
            secret=secret,
            region=region,
            endpoint=endpoint,
            prefix=prefix.strip("/"),
            domain=domain,
            url=url,
            acl=acl,
            signed=(qs_auth.lower() in ON) if qs_auth else not (domain or url),
            addressing_style=addressing_style or ("virtual" if style == "virtual" and "." not in bucket else "path"),
            signature=signature or "s3v4",
        )

    @property
    def base_url(self) -> str:
        """The beginning of file URLs that are not S3's own; ends with a slash, or is empty."""
        if self.url:
            return self.url.rstrip("/") + "/"
        return f"https://{self.domain}/" if self.domain else ""

    @property
    def origin(self) -> str:
        """Scheme, host and port from which a browser reads the files, for a content security policy."""
        parts = urlsplit(self.base_url or self.endpoint)
        bucket = f"{self.bucket}." if self.addressing_style == "virtual" and not self.base_url else ""
        return f"{parts.scheme}://{bucket}{parts.netloc}"


@dataclass(frozen=True)
class Files:
    """A folder, and the path (or full address) at which its files are served; both end with a slash."""

    folder: str
    url: str = "/media/"

    @property
    def origin(self) -> str:
        """Scheme, host and port of the files, or "" if the site itself serves them."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def parse(dsn: str) -> S3 | Files:
    """Reads a DSN.

    Raises:
        MalformedError: what is wrong, as the end of a sentence that begins with the variable's name; never a part of
            the DSN that could be a secret.
    """
    parts = attempt(lambda: urlsplit(dsn))
    if parts is None or "@" in parts.path + parts.query:  # a bracket, a slash or a question mark in a secret
        raise MalformedError("is not a URL: key, secret and prefix must be URL-encoded (/ is %2F, @ is %40).")
    if parts.fragment or re.search(r"\s", dsn):
        raise MalformedError("has a # or a space in it: key, secret and prefix must be URL-encoded.")
    arguments = dict(parse_qsl(parts.query, keep_blank_values=True))  # an empty value means the default
    if parts.scheme == "s3":
        return parse_s3(parts.netloc, parts.path, arguments)
    if parts.scheme == "file":
        return parse_file(parts.netloc, parts.path, arguments)
    written = INSTEAD.get(parts.scheme, "a bare folder is written file:///data/media/")
    raise MalformedError(f"must begin with s3:// or file:/// ({written}).")


def parse_s3(netloc: str, path: str, arguments: dict[str, str]) -> S3:
    """Parses s3://."""
    known_only(arguments, ARGUMENTS)
    login, _, host = netloc.rpartition("@")
    key, _, secret = login.partition(":")
    bucket, prefix = host, unquote(path)
    region, endpoint = arguments.get("region_name", ""), arguments.get("endpoint_url", "")
    if not endpoint:
        found = place(host, path)
        bucket, endpoint, prefix = found.bucket, found.endpoint, found.prefix
        region = region or found.region
    return S3.of(
        bucket=bucket,
        key=unquote(key),
        secret=unquote(secret),
        region=region,
        endpoint=endpoint,
        prefix=prefix,
        domain=arguments.get("domain", ""),
        url=arguments.get("url", ""),
        acl=arguments.get("acl", ""),
        qs_auth=arguments.get("qs_auth", ""),
        addressing_style=arguments.get("addressing_style", ""),
        signature=arguments.get("auth", ""),
    )


def parse_file(netloc: str, path: str, arguments: dict[str, str]) -> Files:
    """Parses file://."""
    known_only(arguments, {"url"})
    folder = unquote(path)
    if netloc not in ("", "localhost") or not folder.startswith("/") or "\0" in folder:
        raise MalformedError("needs an absolute folder after three slashes, like file:///data/media/.")
    if SYSTEM.fullmatch(folder) or {".", ".."} & set(folder.split("/")):
        raise MalformedError("needs a separate folder, like file:///data/media/: everything in it is served.")
    url = arguments.get("url") or "/media/"
    if not url.startswith("/"):
        url = web_address("url", url)
    if url.startswith("//") or not url.rstrip("/"):
        raise MalformedError("has an argument url that is neither a path like /media/ nor a full address.")
    return Files(folder.rstrip("/") + "/", url.rstrip("/") + "/")


def build(location: S3 | Files) -> str:
    """The DSN of a location: `parse(build(x)) == x`."""
    if isinstance(location, Files):
        return f"file://{quote(location.folder)}?{urlencode({'url': location.url})}"
    login = f"{quote(location.key, safe='')}:{quote(location.secret, safe='')}@" if location.key else ""
    arguments = {
        "endpoint_url": location.endpoint,
        "region_name": location.region,
        "domain": location.domain,
        "url": location.url,
        "acl": location.acl,
        "qs_auth": "true" if location.signed else "false",
        "addressing_style": location.addressing_style,
        "auth": location.signature,
    }
    query = urlencode({name: value for name, value in arguments.items() if value})
    return f"s3://{login}{location.bucket}/{quote(location.prefix)}?{query}"


def check(name: str, value: str, allowed: set[str]) -> None:
    """Refuses a value that is not allowed; empty means the default."""
    if value and value not in allowed:
        raise MalformedError(f"has an argument {name} that is none of {', '.join(sorted(allowed))}.")


def web_address(name: str, text: str) -> str:
    """An http or https address without a login, query or fragment."""

    def read() -> SplitResult | None:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and HOST.fullmatch(parts.netloc) and parts.port != 0
        return parts if good and not parts.query and not parts.fragment else None

    parts = attempt(read)
    if parts is None:
        raise MalformedError(f"has an argument {name} that is not an http or https address.")
    if name == "endpoint_url" and parts.path.rstrip("/") not in ("", SUPABASE):
        raise MalformedError("has an argument endpoint_url with a path; expected scheme, host and port only.")
    return text
