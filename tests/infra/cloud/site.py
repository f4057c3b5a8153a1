"""The deployed site as steps see it: an HTTPS server on this machine that answers as a test tells it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.http_server import Reply, Request, serving

READY = '{"status": "ok", "database": "ok", "migrations": "applied"}'
UNREADY = '{"status": "unavailable", "database": "ok", "migrations not applied": ["gallery.0001_initial"]}'
JSON, HTML = "application/json", "text/html; charset=utf-8"


class Site:
    """A site on https://localhost:PORT; `certificate` is the file to trust it by, `asked` has hosts and paths.

    `answers` has, for a path, the answers one after the other, of which the last one stays: status, media type, text.
    """

    def __init__(self, certificate: Path) -> None:
        self.address = ""
        self.certificate = certificate
        self.answers = {"/healthz/ready": [(200, JSON, READY)], "/": [(200, HTML, "<h1>Welcome</h1>")]}
        self.asked: list[tuple[str, str]] = []


@contextmanager
def tls_site(certificate: Path) -> Iterator[Site]:
    """The site, on a free port of the loopback."""
    site = Site(certificate)

    def answer(request: Request) -> Reply:
        site.asked.append((request.headers["Host"], request.path))
        answers = site.answers[request.path]
        return Reply(*(answers.pop(0) if len(answers) > 1 else answers[0]))

    with serving(answer, certificate) as port:
        site.address = f"localhost:{port}"
        yield site
