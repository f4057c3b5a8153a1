"""What a distribution tells its origin of the visitor: CloudFront-Forwarded-Proto and its like, when the origin request
policy asks for CloudFront's headers. Without it Django redirects to https for ever.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/adding-cloudfront-headers.html

A fetch from S3 by an origin access control is made by TLS; MiniStack's is refused by policies that want it.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
"""

from typing import Any

from ministack.core.iam_evaluator import pin_request_origin
from ministack.services import cloudfront, s3

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace

NAMES = ("cloudfront-forwarded-proto", "cloudfront-viewer-country", "cloudfront-viewer-address")
COUNTRY = "CH"


def apply(_: EmulatorConfig) -> None:
    """Adds the headers to what the visitor sent, before the policy chooses; says that fetches are made by TLS."""
    handle = cloudfront.handle_viewer_request

    async def handle_viewer_request(
        distribution: Any, method: str, path: str, raw: str, query: str, headers: dict[str, str], *arguments: Any
    ) -> Any:
        client = arguments[2] if len(arguments) > 2 else "127.0.0.1"
        protocol = "https" if headers.get("x-forwarded-proto") == "https" else "http"
        own = dict(zip(NAMES, (protocol, COUNTRY, f"{client}:50000"), strict=True))
        sent = {name: value for name, value in headers.items() if not name.startswith("cloudfront-")}
        return await handle(distribution, method, path, raw, query, sent | own, *arguments)

    replace(cloudfront, "handle_viewer_request", handle_viewer_request)
    fetch = s3.serve_cloudfront_origin_fetch

    def fetch_by_tls(*arguments: Any, **named: Any) -> Any:
        pin_request_origin("127.0.0.1", True)
        return fetch(*arguments, **named)

    replace(s3, "serve_cloudfront_origin_fetch", fetch_by_tls)
