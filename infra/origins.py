"""Origins, as browsers send them and as S3, CloudFront and Django compare them: scheme, host, and a port of its own."""

PORTS = {"http": 80, "https": 443}  # which no browser writes

# What a script on a page of the site may see of a file's answer, besides what every script may.
EXPOSED = ["Accept-Ranges", "Content-Disposition", "Content-Length", "Content-Range", "ETag", "Last-Modified"]
MAX_AGE = 3600  # seconds for which a browser need not ask again


def origin(scheme: str, host: str, port: int = 0) -> str:
    """The origin of a host name; a leading dot, which stands for all its subdomains, becomes an asterisk."""
    own = f":{port}" if port and port != PORTS[scheme] else ""
    return f"{scheme}://{'*' if host.startswith('.') else ''}{host}{own}"
