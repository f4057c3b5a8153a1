"""What a visitor meets while a part is down, and that everything comes back by itself."""

from __future__ import annotations

import re
import secrets
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.image.services import Services, Site, Visitor
from tests.pictures import png
from tests.waiting import wait_until

pytestmark = pytest.mark.docker

# gunicorn's master is the container's first process.
KILL_WORKERS = (
    "import os, signal, pathlib; children = pathlib.Path('/proc/1/task/1/children').read_text().split(); "
    "[os.kill(int(child), signal.SIGKILL) for child in children]"
)


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
        assert visitor.get().status_code == 200, "the pages themselves need no S3"
        assert pictures(services) == before, "no row without a file"
        assert visitor.send(f"{page}delete/", {}).status_code == 302
        (gone,) = before - pictures(services)
        (line,) = [line for line in site.lines(stderr=True) if line["logger"] == "gallery.signals"]
        assert gone in line["message"], "a file that stays behind is not forgotten silently"
    finally:
        services.media.start()
        wait_until(services.make_bucket, "the S3 server")

    assert visitor.upload("Found again").status_code == 302
    assert pictures(services) <= services.objects()
    assert gone in services.objects()
    status, out, err = services.run("python", "manage.py", "orphans")
    assert (status, out) == (0, ""), f"files of the last hour are left alone; {err}"


def test_sigterm_drains_the_request_in_flight_and_refuses_new_ones(services: Services) -> None:
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
        address = (services.address(site.container), 8000)
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall(head.encode() + body[:100])
            time.sleep(0.5)  # the server is waiting for the rest
            site.container.kill("SIGTERM")
            wait_until(lambda: refuses(address), "a server that takes no new connection")
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
    answers: list[tuple[float, int]] = []  # by the begin of the request, since one may wait for its answer
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            begun = time.monotonic()
            try:
                status = site.get().status_code
            except requests.RequestException:
                status = 0
            answers.append((begun, status))
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


def test_with_postgresql_stopped_all_that_needs_no_database_is_as_ever(site: Site) -> None:
    services = site.services
    style = re.search(r'href="(/static/gallery/style\.[0-9a-f]{12}\.css)"', site.get().text)
    assert style
    cookies = {"sessionid": site.visitor().session.cookies["sessionid"], "csrftoken": "x" * 32}
    services.database.stop(timeout=5)
    try:
        for mine in ({}, cookies):
            missing = site.get("/nothing-here/", cookies=mine)
            assert (missing.status_code, "Nothing here" in missing.text) == (404, True)
            forbidden = requests.post(
                f"http://127.0.0.1:{site.port}/login/", data={"username": "x"}, cookies=mine, timeout=10
            )
            assert (forbidden.status_code, "This form has expired" in forbidden.text) == (403, True)
            refused = site.get(headers={"Host": "wrong.example.com"}, cookies=mine)
            assert (refused.status_code, "That request made no sense" in refused.text) == (400, True)
            assert site.get("/login/").status_code == 200
            assert site.get(style[1], cookies=mine).status_code == 200
            assert site.get("/upload/").headers["Location"] == "/login/?next=/upload/"
            assert site.get("/healthz/live", cookies=mine).status_code == 200
            for path in ("/", "/pictures/1/"):
                away = site.get(path, cookies=mine)
                assert (away.status_code, "Back in a moment" in away.text) == (503, True)
    finally:
        services.database.start()
        wait_until(lambda: site.get("/healthz/ready").status_code == 200, "a server that is ready again")


def test_with_postgresql_frozen_the_site_says_that_it_is_alive_and_goes_on_afterwards(site: Site) -> None:
    """A frozen server's kernel still acknowledges: no time-out of TCP ends this, and what waits is answered later.

    Liveness has a thread of its own, so that a load balancer does not replace every task.
    """
    site.container.reload()
    before = (site.container.attrs["State"]["StartedAt"], workers(site))
    for _ in range(20):
        site.get()  # connections that persist
    services = site.services
    with ThreadPoolExecutor(20) as pool:
        services.database.pause()
        try:
            waiting = [pool.submit(lambda: site.get().status_code) for _ in range(20)]
            time.sleep(1)
            begun = time.monotonic()
            assert [site.get("/healthz/live").status_code for _ in range(5)] == [200] * 5
            assert time.monotonic() - begun < 2
            time.sleep(6)  # more than `connect_timeout`
        finally:
            services.database.unpause()
        begun = time.monotonic()
        assert {answer.result() for answer in waiting} <= {200, 503}
        assert time.monotonic() - begun < 10
    wait_until(lambda: site.get("/healthz/ready").status_code == 200, "a server that is ready again")
    assert [site.get().status_code for _ in range(20)] == [200] * 20
    site.container.reload()
    assert (site.container.attrs["State"]["StartedAt"], workers(site)) == before


def test_with_postgresql_gone_without_a_word_the_threads_come_back_in_time(services: Services) -> None:
    """A cut cable: nobody says that the connection is over, so TCP's time-outs end it. Of the default, 20 s, the URL's
    own query makes 3 here, or the test would take that long."""
    options = "connect_timeout=2&tcp_user_timeout=3000&keepalives_idle=1&keepalives_interval=1"
    with services.serving(DATABASE_URL=f"postgres://app:password@database:5432/app?{options}") as site:
        for _ in range(20):
            site.get()
        before = workers(site)
        with ThreadPoolExecutor(8) as pool:
            services.network.disconnect(services.database)
            try:
                begun = time.monotonic()
                asked = [pool.submit(lambda: site.get().status_code) for _ in range(8)]
                assert {answer.result() for answer in asked} == {503}
                assert time.monotonic() - begun < 10
            finally:
                services.network.connect(services.database, aliases=["database"])
        wait_until(lambda: site.get("/healthz/ready").status_code == 200, "a server that is ready again")
        assert [site.get().status_code for _ in range(20)] == [200] * 20
        assert workers(site) == before


def test_processes_are_replaced_under_load_without_a_failed_request(services: Services) -> None:
    """`max_requests` with its jitter, made small; over connections that are kept and over new ones."""
    with services.serving(GUNICORN_CMD_ARGS="--max-requests 20 --max-requests-jitter 10") as site:
        first = workers(site)

        def ask(kept: bool) -> set[int]:
            session = requests.Session()
            path = f"http://127.0.0.1:{site.port}/healthz/ready"
            get = session.get if kept else requests.get
            return {get(path, timeout=20).status_code for _ in range(60)}

        with ThreadPoolExecutor(6) as pool:
            statuses = set().union(*pool.map(ask, [True, False] * 3))
        assert statuses == {200}
        restarts = site.container.logs().decode().count("Autorestarting worker")
        assert restarts >= 5
        assert len(workers(site) & first) == 1, "all but the master are new"
        assert "Traceback" not in site.container.logs().decode()


def test_a_server_that_was_never_ready_is_not_alive(services: Services) -> None:
    name = services.new_database()
    with services.serving(DATABASE_URL=f"postgres://app:password@database:5432/{name}") as site:
        for path in ("/healthz/ready", "/healthz/live"):
            missing = site.get(path)
            assert missing.status_code == 503
            assert "gallery.0001_initial" in missing.json()["migrations not applied"]
        services.query(f"DROP DATABASE {name} WITH (FORCE)")
        for path in ("/healthz/ready", "/healthz/live"):
            assert site.get(path).json() == {"status": "unavailable", "database": "does not answer"}
        page = site.get()
        assert page.status_code == 503
        assert "Back in a moment" in page.text
        assert "style." in page.text


def test_a_process_that_starts_while_the_database_is_away_is_alive_if_the_server_was_ready(services: Services) -> None:
    """Or a load balancer would replace every task whose processes are renewed (`max_requests`) during an outage."""
    with services.serving() as site:
        first = workers(site)
        services.database.stop(timeout=5)
        try:
            master, *others = sorted(first, key=int)
            assert site.container.exec_run(["python", "-c", KILL_WORKERS])[0] == 0
            wait_until(lambda: len(workers(site) - first) == len(others), "new processes")
            assert master in workers(site)
            assert [site.get("/healthz/live").status_code for _ in range(8)] == [200] * 8
            assert site.get("/healthz/ready").status_code == 503
        finally:
            services.database.start()
            wait_until(lambda: site.get("/healthz/ready").status_code == 200, "a server that is ready again")


def refuses(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def workers(site: Site) -> set[str]:
    """The process ids of gunicorn, master and workers; a health check may run besides."""
    top = site.container.top(ps_args="-eo pid,args")
    return {pid for pid, command in top["Processes"] if "gunicorn" in command}
