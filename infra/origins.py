"""Origins, as browsers send them and as S3, CloudFront and Django compare them: scheme, host and unusual port."""

PORTS = {"http": 80, "https": 443}  # the default ports, which browsers leave out

# The response headers of a file that a script on the site's pages may read, besides those that CORS always allows.
EXPOSED = ["Accept-Ranges", "Content-Disposition", "Content-Length", "Content-Range", "ETag", "Last-Modified"]
MAX_AGE = 3600  # seconds for which a browser may cache the answer to a preflight request


def origin(scheme: str, host: str, port: int = 0) -> str:
    """The origin of a host name; a leading dot, which means all its subdomains, becomes an asterisk."""
    own = f":{port}" if port and port != PORTS[scheme] else ""
    return f"{scheme}://{'*' if host.startswith('.') else ''}{host}{own}"
