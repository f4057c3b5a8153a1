"""What a visitor meets while a part is down, and that everything comes back by itself."""

from __future__ import annotations

import secrets
import socket
import threading
import time

import pytest
import requests

from tests.e2e.visitors import png
from tests.image.services import Services, Site, Visitor, wait_until

pytestmark = pytest.mark.docker


def pictures(services: Services) -> set[str]:
    """The files that the database knows of."""
    return {row[0] for row in services.query("SELECT image FROM gallery_picture")}


def test_s3_down_is_a_clear_page_and_nothing_is_lost(site: Site) -> None:
    services = site.services
    visitor = site.visitor()
    title = f"Kept {secrets.token_hex(3)}"
    page = visitor.upload(title).headers["Location"]
    before = pictures(services)
    assert before <= services.objects()

    services.media.stop(timeout=5)
    try:
        started = time.monotonic()
        refused = visitor.upload("Lost")
        assert time.monotonic() - started < 15
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
        assert "Back in a moment" in refused.text
        deleted = visitor.send(f"{page}delete/", {})
        assert deleted.status_code == 503
        assert visitor.get().status_code == 200, "the pages themselves need no S3"
        assert pictures(services) == before, "no row without a file, and none that went too early"
    finally:
        services.media.start()
        wait_until(services.make_bucket, "the S3 server")

    assert visitor.upload("Found again").status_code == 302
    assert visitor.send(f"{page}delete/", {}).status_code == 302
    assert pictures(services) <= services.objects()


def test_sigterm_drains_the_request_in_flight(services: Services) -> None:
    with services.serving() as site:
        visitor = Visitor(site)
        token = visitor.token("/upload/")
        boundary = "a-boundary"
        title = f"Drained {secrets.token_hex(3)}"
        body = b"".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n"
            for name, more, value in (
                ("csrfmiddlewaretoken", "", token.encode()),
                ("title", "", title.encode()),
                ("image", '; filename="a.png"', png()),
            )
        )
        body += f"--{boundary}--\r\n".encode()
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in visitor.session.cookies)
        head = (
            f"POST /upload/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookies}\r\nConnection: close\r\n"
            f"Content-Type: multipart/form-data; boundary={boundary}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", site.port), timeout=30) as connection:
            connection.sendall(head.encode() + body[:100])
            time.sleep(0.5)  # the server is waiting for the rest
            site.container.kill("SIGTERM")
            time.sleep(1.5)
            connection.sendall(body[100:])
            answer = b""
            while data := connection.recv(65536):
                answer += data
        assert answer.startswith(b"HTTP/1.1 302 Found")
        assert title in {row[0] for row in services.query("SELECT title FROM gallery_picture")}
        assert site.container.wait(timeout=20)["StatusCode"] == 0


def test_postgresql_restarted_under_load_costs_seconds_and_no_restart_of_the_app(site: Site) -> None:
    services = site.services
    site.container.reload()
    before = (site.container.attrs["State"]["StartedAt"], workers(site))
    answers: list[tuple[float, int]] = []
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            try:
                status = site.get().status_code
            except requests.RequestException:
                status = 0
            answers.append((time.monotonic(), status))
            time.sleep(0.05)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    try:
        services.database.restart(timeout=10)
        wait_until(lambda: site.get("/healthz/ready").status_code == 200, "a server that is ready again")
        back = time.monotonic()
        time.sleep(2)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    failed = [moment for moment, status in answers if status != 200]
    assert {status for _, status in answers} <= {200, 503}, "a clear page, never a broken one"
    assert not failed or max(failed) - min(failed) < 15
    assert all(status == 200 for moment, status in answers if moment > back + 1)
    site.container.reload()
    assert (site.container.attrs["State"]["StartedAt"], workers(site)) == before


def test_a_database_that_is_away_is_said_by_ready_alone(services: Services) -> None:
    name = services.new_database()
    with services.serving(DATABASE_URL=f"postgres://app:password@database:5432/{name}") as site:
        ready = site.get("/healthz/ready")
        assert ready.status_code == 503
        assert "gallery.0001_initial" in ready.json()["migrations not applied"]
        services.query(f"DROP DATABASE {name} WITH (FORCE)")
        assert site.get("/healthz/ready").json() == {"status": "unavailable", "database": "does not answer"}
        assert site.get("/healthz/live").status_code == 200
        page = site.get()
        assert page.status_code == 503
        assert "Back in a moment" in page.text
        assert "style." in page.text


def workers(site: Site) -> set[str]:
    """The process ids of gunicorn, master and workers."""
    top = site.container.top()
    return {row[top["Titles"].index("PID")] for row in top["Processes"]}
