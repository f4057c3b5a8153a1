"""What the app's variables say of its cache and its mail, for the status of both platforms."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from infra.commands.operations.status import Section

# Schemes of EMAIL_URL that send nothing (the package's email_url.py has the spellings), and where the mail goes.
_UNSENT = {
    "consolemail": "printed to the log",
    "console": "printed to the log",
    "dummymail": "thrown away",
    "dummy": "thrown away",
    "filemail": "written to files",
    "file": "written to files",
    "memorymail": "kept in memory",
    "memory": "kept in memory",
}


def cache_section(environment: Mapping[str, str]) -> Section:
    """Which cache the app uses, by CACHE_URL."""
    url = urlsplit(environment.get("CACHE_URL", ""))
    if not url.scheme:
        return Section("the project's own; without one, each process has its own in memory", {"scheme": None})
    return Section(f"{url.scheme}{_at(url.hostname)}", {"scheme": url.scheme, "host": url.hostname})


def mail_section(environment: Mapping[str, str]) -> Section:
    """Where the app's mail goes, by EMAIL_URL."""
    url = urlsplit(environment.get("EMAIL_URL", ""))
    if not url.scheme:
        return Section("the project's own; without one, printed to the log", {"scheme": None})
    if url.scheme in _UNSENT:
        return Section(f"not sent: {_UNSENT[url.scheme]} ({url.scheme})", {"scheme": url.scheme, "host": None})
    return Section(f"sent by {url.scheme}{_at(url.hostname)}", {"scheme": url.scheme, "host": url.hostname})


def _at(host: str | None) -> str:
    return f" at {host}" if host else ""
