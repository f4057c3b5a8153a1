"""Finds bucket, server and region in the host and path of an S3 address, by the form of the host alone.

Only forms that a provider documents are recognised. Any other host is refused, and the error shows the unambiguous
spelling (`endpoint_url=`), since a wrong guess would be noticed only at the first upload.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from .malformed import MalformedError

AREA = r"(?P<region>[a-z]{2}-[a-z]+-\d+)"  # eu-central-1
SHORT = r"(?P<region>[a-z]+(?:-[a-z0-9]+)*)"  # gra, fr-par, us-east-va


@dataclass(frozen=True)
class Provider:
    """The servers of a provider. `host` matches a server's name without a bucket, and may have a group `region`.

    `region` is the region of hosts that name none. `virtual` means that the bucket may be written before the host,
    `path` that it may be the first part of the path. `style` is how requests are sent: in path style, unless the
    provider needs the other (or is Amazon, and the bucket's name has no dot). `root` is the path of a server that has
    one.
    """

    host: str
    region: str = ""
    virtual: bool = True
    path: bool = True
    style: str = "path"
    root: str = ""
    amazon: bool = False


SUPABASE = "/storage/v1/s3"

# Amazon (docs.aws.amazon.com/general/latest/gr/s3.html), without the hosts for websites, acceleration, control,
# Outposts, directory buckets and Object Lambda.
AMAZON_REGION = r"(?P<region>(?!cn-)[a-z]{2}(?:-gov)?-[a-z]+-\d{1,2})"
CHINA = r"(?P<region>cn-[a-z]+-\d{1,2})"
SERVICE = r"s3(?:-fips)?(?:\.dualstack)?"
POINT = r"s3-accesspoint(?:-fips)?(?:\.dualstack)?"
AMAZON = [
    Provider(rf"{SERVICE}\.{AMAZON_REGION}\.amazonaws\.com", amazon=True),
    Provider(rf"s3-(?:fips-)?{AMAZON_REGION}\.amazonaws\.com", amazon=True),
    Provider(r"s3\.amazonaws\.com", amazon=True),
    Provider(r"s3-external-1\.amazonaws\.com", region="us-east-1", amazon=True),
    Provider(rf"s3(?:\.dualstack)?\.{CHINA}\.amazonaws\.com\.cn", amazon=True),
    Provider(r"s3(?:\.dualstack)?\.(?P<region>eusc-[a-z]{2}-[a-z]+-\d{1,2})\.amazonaws\.eu", amazon=True),
    Provider(rf"{POINT}\.{AMAZON_REGION}\.amazonaws\.com", path=False, style="virtual", amazon=True),
    Provider(rf"s3-accesspoint(?:\.dualstack)?\.{CHINA}\.amazonaws\.com\.cn", path=False, style="virtual", amazon=True),
]

OTHERS = [
    # developers.cloudflare.com/r2/api/s3/api: region auto; r2/reference/data-location: jurisdictions
    Provider(r"[0-9a-f]{32}(?:\.[a-z-]{2,16})?\.r2\.cloudflarestorage\.com", region="auto"),
    # docs.digitalocean.com/products/spaces/reference/aws-sdks: the region is the endpoint's
    Provider(r"(?P<region>[a-z]{3}\d)\.digitaloceanspaces\.com"),
    # docs.wasabi.com, "Service URLs for Wasabi's storage regions"
    Provider(r"s3\.wasabisys\.com", region="us-east-1"),
    Provider(rf"s3\.{AREA}\.wasabisys\.com"),
    # backblaze.com/docs/cloud-storage-call-the-s3-compatible-api
    Provider(r"s3\.(?P<region>[a-z]{2}-[a-z]+-\d{3})\.backblazeb2\.com"),
    # docs.hetzner.com/storage/object-storage/overview
    Provider(r"(?P<region>[a-z]{3}\d)\.your-objectstorage\.com"),
    # scaleway.com/en/docs/object-storage/api-cli/object-storage-aws-cli
    Provider(r"s3\.(?P<region>[a-z]{2}-[a-z]{3})\.scw\.cloud"),
    # ovhcloud: "Object Storage - Endpoints and Object Storage geoavailability" of help.ovhcloud.com
    Provider(rf"s3\.{SHORT}\.(?:(?:io|perf)\.)?cloud\.ovh\.(?:net|us)"),
    # techdocs.akamai.com/cloud-computing/docs/access-buckets-and-files-through-urls
    Provider(rf"{AREA}\.linodeobjects\.com"),
    # community.exoscale.com/product/storage/object-storage; Divio's own other provider
    Provider(r"sos-(?P<region>[a-z]{2}-[a-z]{2,3}-\d)\.exo\.io"),
    # cloud.google.com/storage/docs/aws-simple-migration: region auto
    Provider(r"storage\.googleapis\.com", region="auto"),
    # cloud.ibm.com/docs/cloud-object-storage?topic=cloud-object-storage-endpoints
    Provider(
        r"s3\.(?:(?:private|direct)\.)?(?:[a-z]{3}\.)?(?P<region>[a-z]{2}(?:-[a-z]+)?|[a-z]{3}\d\d)"
        r"\.cloud-object-storage\.appdomain\.cloud"
    ),
    # docs.oracle.com/iaas/Content/Object/Tasks/s3compatibleapi.htm: the tenancy's namespace comes first
    Provider(rf"[a-z0-9]+\.compat\.objectstorage\.{AREA}\.(?:oraclecloud\.com|oci\.customer-oci\.com)", virtual=False),
    Provider(
        rf"vhcompat\.objectstorage\.{AREA}\.(?:oraclecloud\.com|oci\.customer-oci\.com)", path=False, style="virtual"
    ),
    # docs.vultr.com/how-to-use-vultr-object-storage-in-python: the region is the host's first label
    Provider(r"(?P<region>[a-z]{3}\d)\.vultrobjects\.com"),
    # idrive.com/s3-storage-e2/guides
    Provider(rf"s3\.{AREA}\.idrivee2\.com"),
    # tigrisdata.com/docs/sdks/s3/aws-python-sdk: region auto, addressing style virtual
    Provider(r"t3\.storage\.dev|fly\.storage\.tigris\.dev", region="auto", style="virtual"),
    # storj.dev/dcs/buckets/data-location: region global
    Provider(r"gateway(?:\.[a-z]{2}\d)?\.storjshare\.io", region="global", virtual=False),
    # supabase.com/docs/guides/storage/s3/authentication: the region is the project's, and not in the host
    Provider(r"[a-z0-9]+(?:\.storage)?\.supabase\.co", virtual=False, root=SUPABASE),
]

# Hosts that look like a provider's S3 server and are something else, each with what to write.
AMAZON_FORM = "s3://KEY:SECRET@BUCKET.s3.REGION.amazonaws.com/"
MISTAKEN = [
    (r"(?:.+\.)?s3-website[.-].+", f"a website's, which only reads: write {AMAZON_FORM}"),
    (r"(?:.+\.)?s3-accelerate(?:\.dualstack)?\.amazonaws\.com", f"without a region: write {AMAZON_FORM}"),
    (r".*\.s3express-[a-z0-9-]+\..+", "a directory bucket's, which is not supported: use a general purpose bucket"),
    (r"(?:.+\.)?s3-outposts\..+", "an Outpost's, which is not supported: use a bucket in a region"),
    (r"(?:.+\.)?s3-object-lambda\..+", f"an Object Lambda's, which only reads: write {AMAZON_FORM}"),
    (r"(?:.+\.)?accesspoint\.s3-global\..+", "a multi-Region access point's, which is not supported: use one bucket"),
    (r"(?:.+\.)?s3-control(?:-fips)?\..+", f"for management, not for files: write {AMAZON_FORM}"),
    (
        r"(?:.+\.)?s3-accesspoint.*",
        "an access point's: write s3://KEY:SECRET@NAME-ACCOUNT.s3-accesspoint.REGION.amazonaws.com/",
    ),
    (r".+\.cloudfront\.net", f"a CDN's, which only reads: write {AMAZON_FORM}?domain=…"),
    (
        r".+\.cdn\.digitaloceanspaces\.com",
        "a CDN's: write s3://KEY:SECRET@BUCKET.fra1.digitaloceanspaces.com/?domain=…",
    ),
    (
        r".+\.website-.+\.linodeobjects\.com",
        "a website's: write s3://KEY:SECRET@BUCKET.eu-central-1.linodeobjects.com/",
    ),
    (r"f\d+\.backblazeb2\.com", "for downloads: write s3://KEY:SECRET@BUCKET.s3.us-west-004.backblazeb2.com/"),
    (r"pub-.+\.r2\.dev", "public, which only reads: write s3://KEY:SECRET@BUCKET.ACCOUNT.r2.cloudflarestorage.com/"),
    (
        r"(?:.+\.)?r2\.cloudflarestorage\.com",
        "without an account's 32 hexadecimal digits: write s3://KEY:SECRET@BUCKET.ACCOUNT.r2.cloudflarestorage.com/",
    ),
    (r".*\.cn-[a-z]+-\d+\.amazonaws\.com", "not China's: write s3://KEY:SECRET@BUCKET.s3.REGION.amazonaws.com.cn/"),
    (
        r".*\.supabase\.co",
        f"without {SUPABASE}: write s3://KEY:SECRET@PROJECT.storage.supabase.co{SUPABASE}/BUCKET/?region_name=REGION",
    ),
]

# A host name, an address or localhost, perhaps with a port. Errors repeat nothing else: it could be a piece of a
# secret.
SHOWN = re.compile(
    r"(?:(?:[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?\.)+[a-z]{2,63}|localhost|(?:\d{1,3}\.){3}\d{1,3}|\[[0-9a-f:]+\])(?::\d{1,5})?",
    re.IGNORECASE,
)
NEAR = re.compile(r"localhost\b|[\d.]+(?::|$)|\[", re.IGNORECASE)  # usually a server without TLS


@dataclass(frozen=True)
class Place:
    """A bucket, its server, and the rest of the path. `region` is "" if neither host nor provider has one."""

    bucket: str
    endpoint: str
    region: str
    prefix: str


def place(host: str, path: str) -> Place:
    """What s3://HOST/PATH means: HOST is a server with a bucket's name before it, or PATH begins with the bucket.

    Raises:
        MalformedError: the host is not recognised, or there is no bucket.
    """
    for provider in (*AMAZON, *OTHERS):
        before = r"(?:(?P<bucket>.+)\.)?" if provider.virtual else ""
        match = re.fullmatch(rf"{before}(?P<host>{provider.host})", host, re.IGNORECASE)
        bucket, rest = (match.groupdict().get("bucket") if match else ""), path
        if not match or not (bucket or provider.path):
            continue
        if not bucket:
            if not f"{path}/".startswith(provider.root + "/"):
                continue
            bucket, _, rest = path.removeprefix(provider.root).lstrip("/").partition("/")
        if not bucket:
            example = f"BUCKET.{host}/" if provider.virtual else f"{host}{provider.root}/BUCKET/"
            raise MalformedError(f"names no bucket: {host} is the server. Write s3://KEY:SECRET@{example}.")
        if provider.amazon and bucket.lower().endswith("--x-s3"):
            raise MalformedError("names a directory bucket, which is not supported: use a general purpose bucket.")
        return Place(
            bucket=unquote(bucket),
            endpoint=f"https://{match['host'].lower()}{provider.root}",
            region=(match.groupdict().get("region") or provider.region).lower(),
            prefix=unquote(rest),
        )
    raise refusal(host)


def server(host: str) -> Provider | None:
    """The provider of a server without a bucket before it, with its `region` filled in."""
    for provider in (*AMAZON, *OTHERS):
        if match := re.fullmatch(provider.host, host, re.IGNORECASE):
            return replace(provider, region=(match.groupdict().get("region") or provider.region).lower())
    return None


def with_a_bucket(host: str) -> bool:
    """True for a known provider's server with a bucket's name before it."""
    virtual = (provider.host for provider in (*AMAZON, *OTHERS) if provider.virtual)
    return any(re.fullmatch(rf".+\.(?:{host_})", host, re.IGNORECASE) for host_ in virtual)


def refusal(host: str) -> MalformedError:
    """The error about a host that is not recognised, with what to write instead."""
    if not SHOWN.fullmatch(host):
        return MalformedError(
            f"names no bucket: expected {AMAZON_FORM} with key and secret URL-encoded, or at another server "
            "s3://KEY:SECRET@BUCKET/?endpoint_url=https%3A%2F%2FHOST&region_name=REGION."
        )
    for pattern, what in MISTAKEN:
        if re.fullmatch(pattern, host, re.IGNORECASE):
            return MalformedError(f"has the host {host}, which is {what}.")
    scheme = "http" if NEAR.match(host) else "https"
    return MalformedError(
        f"has the host {host}, in which the bucket's name can't be told from the server's. Write "
        f"s3://KEY:SECRET@BUCKET/?endpoint_url={quote(f'{scheme}://{host}', safe='')}&region_name=REGION "
        "(without the bucket's name in endpoint_url)."
    )
