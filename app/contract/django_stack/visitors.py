"""The address of a visitor behind the proxies that this site trusts.

Each proxy appends the address of its client to X-Forwarded-For. Earlier entries come from the visitor, who may have
written anything. So as many entries are counted from the end as there are trusted proxies.
"""

from __future__ import annotations

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def trusted_proxies() -> int:
    """How many trusted proxies a request has passed: the setting TRUSTED_PROXIES.

    Unless that is set, it follows from SECURE_PROXY_SSL_HEADER: none without that header, two if it is CloudFront's
    (CloudFront, then the load balancer), else one.
    """
    configured: int | None = getattr(settings, "TRUSTED_PROXIES", None)
    if configured is not None:
        return configured
    header = (settings.SECURE_PROXY_SSL_HEADER or ("",))[0]
    return (2 if header.startswith("HTTP_CLOUDFRONT_") else 1) if header else 0


def address(request: HttpRequest) -> str:
    """The visitor's address; the connection's address if the header is missing or invalid."""
    connection = str(request.META.get("REMOTE_ADDR", ""))
    proxies = trusted_proxies()
    passed = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    if not proxies or len(passed) < proxies:
        return connection
    try:
        return str(ip_address(passed[-proxies].strip()))
    except ValueError:
        return connection
