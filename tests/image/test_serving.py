"""A complete environment, a read-only root, a user without a name: pages, static files, uploads, what goes over the
wire to S3, and what stands in the log.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.e2e.media import fetch
from tests.image.services import ANOTHER_KEY, ANYBODY, SECRET_KEY, Services, Site
from tests.pictures import noise
from tests.waiting import wait_until

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def behind_a_proxy(services: Services) -> Iterator[Site]:
    """As in the cloud: https is the load balancer's business."""
    with services.serving(
        DOMAIN="www.example.com",
        DOMAIN_ALIASES=None,
        DOMAIN_REDIRECTS="example.com,old.example.com",
        SECURE_SSL_REDIRECT="True",
        SECURE_PROXY_SSL_HEADER="X-Forwarded-Proto",
    ) as site:
        yield site


def test_it_serves_with_a_read_only_root_and_as_anybody(site: Site) -> None:
    assert site.container.attrs["HostConfig"]["ReadonlyRootfs"] is True
    assert site.container.attrs["Config"]["User"] == ANYBODY
    assert site.get("/healthz/ready").json() == {"status": "ok", "database": "ok", "migrations": "applied"}
    assert site.get().status_code == 200


def test_its_own_health_check_finds_it_healthy(site: Site) -> None:
    def health() -> str:
        site.container.reload()
        return str(site.container.attrs["State"]["Health"]["Status"])

    wait_until(lambda: health() == "healthy", "a healthy container", 40)


def test_static_files_are_hashed_compressed_and_kept_for_ever(site: Site) -> None:
    """docs/handbook.md, fault 1."""
    path = re.search(r'href="(/static/gallery/style\.[0-9a-f]{12}\.css)"', site.get().text)
    assert path
    answer = site.get(path[1])
    assert (answer.status_code, answer.headers["Content-Encoding"]) == (200, "gzip")
    assert "immutable" in answer.headers["Cache-Control"]
    assert site.get("/admin/login/").status_code == 200, "its static files are in the manifest, too"


def test_an_upload_can_be_read_by_its_signed_address_and_by_no_other(site: Site) -> None:
    title = f"Lake {secrets.token_hex(3)}"
    visitor = site.visitor()
    assert visitor.upload(title).status_code == 302
    address = visitor.image_url(title)
    answer = fetch(address)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    assert fetch(address.partition("?")[0]).status_code == 403, "the bucket is private"
    assert fetch(address[:-1] + ("0" if address[-1] != "0" else "1")).status_code == 403
    assert visitor.image_url(title) == address, "the same for a while, or no browser could keep the picture"
    assert "max-age" in answer.headers["Cache-Control"]


def test_a_part_of_a_file_can_be_asked_for(site: Site) -> None:
    title = f"Part {secrets.token_hex(3)}"
    visitor = site.visitor()
    visitor.upload(title)
    address = visitor.image_url(title)
    whole, part = fetch(address), fetch(address, Range="bytes=8-15")
    assert (part.status_code, part.content) == (206, whole.content[8:16])
    assert part.headers["Content-Range"] == f"bytes 8-15/{len(whole.content)}"


@pytest.mark.report("gunicorn#2947")
def test_an_upload_in_chunks_is_taken(site: Site) -> None:
    """A body that requests does not know the length of, with the token in it, on the read-only root file system."""
    title = f"Chunks {secrets.token_hex(3)}"
    visitor = site.visitor()
    fields = {"title": title, "csrfmiddlewaretoken": visitor.token("/upload/")}
    form = requests.Request("POST", site.url, data=fields, files={"image": ("a.png", noise(4), "image/png")}).prepare()
    body = form.body
    assert isinstance(body, bytes)
    answer = visitor.session.post(
        f"http://127.0.0.1:{site.port}/upload/",
        data=(body[begin : begin + 50_000] for begin in range(0, len(body), 50_000)),
        headers={"Content-Type": str(form.headers["Content-Type"])},
        timeout=60,
        allow_redirects=False,
    )
    assert answer.status_code == 302, answer.text
    assert fetch(visitor.image_url(title)).status_code == 200


def test_a_file_just_below_the_limit_is_taken_and_one_above_gets_a_clear_answer(site: Site) -> None:
    title = f"Large {secrets.token_hex(3)}"
    visitor = site.visitor()
    assert visitor.upload(title, noise(14.9)).status_code == 302
    large = fetch(visitor.image_url(title))
    assert large.status_code == 200
    assert len(large.content) > 14 * 1024**2
    refused = visitor.upload("No", noise(15.5))
    assert refused.status_code == 422
    assert "This file is larger than 15 MB" in refused.text
    refused = visitor.upload("No", b"\0" * 20 * 1024**2)
    assert refused.status_code == 413, "whoever sends more still reads why"
    assert "Too large" in refused.text


def test_many_large_files_at_once_find_a_place_without_a_writable_folder(site: Site) -> None:
    """More than the 64 MB that Docker gives /dev/shm."""
    content = noise(14)
    visitors = [site.visitor() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda visitor: visitor.upload("Many", content).status_code, visitors))
    assert statuses == [302] * 6


def test_two_uploads_of_one_name_are_two_objects_and_a_deleted_picture_takes_its_own_along(site: Site) -> None:
    title = f"Twin {secrets.token_hex(3)}"
    visitor = site.visitor()
    slug = title.lower().replace(" ", "-")
    pages = [visitor.upload(title).headers["Location"] for _ in range(2)]
    mine = {key for key in site.services.objects() if key.startswith(f"pictures/{slug}-")}
    assert len(mine) == 2
    assert visitor.send(f"{pages[0]}delete/", {}).status_code == 302
    left = {key for key in site.services.objects() if key.startswith(f"pictures/{slug}-")}
    assert len(left) == 1
    assert left < mine


def test_no_acl_header_is_on_the_wire_and_every_request_is_signed(site: Site) -> None:
    """On the wire: a proxy between app and S3 server kept every byte. AWS refuses an ACL on buckets made since 2023."""
    title = f"Wire {secrets.token_hex(3)}"
    visitor = site.visitor()
    page = visitor.upload(title).headers["Location"]
    assert fetch(visitor.image_url(title), Range="bytes=0-3").status_code == 206
    visitor.send(f"{page}delete/", {})
    seen = [request for request in site.services.proxy.requests() if "/wire-" in request[1]]
    methods = {method for method, _, _ in seen}
    assert {"PUT", "GET", "DELETE"} <= methods
    for method, target, headers in seen:
        assert "x-amz-acl" not in headers, (method, target)
        assert "acl" not in target.partition("?")[2]
        signed = headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 ") or "X-Amz-Signature=" in target
        assert signed, (method, target)


def test_the_proxy_would_have_seen_an_acl_header(services: Services) -> None:
    """The test before this one is worth something: an ACL that a DSN asks for is on the wire."""
    dsn = services.environment()["DEFAULT_STORAGE_DSN"]
    with services.serving(DEFAULT_STORAGE_DSN=f"{dsn}&acl=private") as site:
        site.visitor().upload("Asked for")
    sent = [headers for method, target, headers in services.proxy.requests() if "/asked-for-" in target]
    assert any(headers.get("x-amz-acl") == "private" for headers in sent)


def test_public_media_have_plain_addresses_by_config_alone(services: Services) -> None:
    dsn = services.environment()["DEFAULT_STORAGE_DSN"]
    title = f"Public {secrets.token_hex(3)}"
    with services.serving(DEFAULT_STORAGE_DSN=f"{dsn}&qs_auth=false") as site:
        visitor = site.visitor()
        visitor.upload(title)
        assert "?" not in visitor.image_url(title)


def test_a_session_outlives_a_rotated_key_with_a_fallback_and_not_without(site: Site, services: Services) -> None:
    cookies = {"sessionid": site.visitor().session.cookies["sessionid"]}
    with services.serving(SECRET_KEY=ANOTHER_KEY, SECRET_KEY_FALLBACKS=SECRET_KEY) as rotated:
        assert "Log out" in rotated.get(cookies=cookies).text
    with services.serving(SECRET_KEY=ANOTHER_KEY) as forgetful:
        assert "Log out" not in forgetful.get(cookies=cookies).text


def test_health_answers_by_address_over_http_without_a_redirect(behind_a_proxy: Site) -> None:
    """docs/handbook.md, fault 5: as a load balancer asks."""
    address = behind_a_proxy.services.address(behind_a_proxy.container)
    for path in ("/healthz/live", "/healthz/ready"):
        answer = requests.get(f"http://{address}:8000{path}", timeout=10, allow_redirects=False)
        assert answer.status_code == 200
    assert behind_a_proxy.get(headers={"Host": address}).status_code == 400


def test_the_proxys_word_for_https_is_taken_so_there_is_no_loop(behind_a_proxy: Site) -> None:
    """docs/handbook.md, fault 4."""
    host = {"Host": "www.example.com"}
    assert behind_a_proxy.get(headers={**host, "X-Forwarded-Proto": "https"}).status_code == 200
    plain = behind_a_proxy.get("/a?b=c", headers={**host, "X-Forwarded-Proto": "http"})
    assert (plain.status_code, plain.headers["Location"]) == (301, "https://www.example.com/a?b=c")


def test_nobodys_word_for_https_is_taken_unless_configured(services: Services) -> None:
    with services.serving(SECURE_SSL_REDIRECT="True") as site:
        for header in ("X-Forwarded-Proto", "X-Forwarded-Ssl", "X-Forwarded-Protocol", "CloudFront-Forwarded-Proto"):
            value = "on" if header == "X-Forwarded-Ssl" else "https"
            assert site.get(headers={header: value}).status_code == 301, header


def test_redirected_domains_keep_path_and_query(behind_a_proxy: Site) -> None:
    answer = behind_a_proxy.get("/pictures/1/?a=b%20c", headers={"Host": "old.example.com"})
    assert (answer.status_code, answer.headers["Location"]) == (301, "https://www.example.com/pictures/1/?a=b%20c")


def test_the_log_is_json_with_the_requests_id_and_without_its_query(site: Site) -> None:
    identity = secrets.token_hex(8)
    site.get("/?token=hunter2", headers={"X-Request-ID": identity})
    site.get("/pictures/1/?token=hunter2", headers={"Host": "wrong.example.com"})
    (line,) = [line for line in site.lines() if line.get("request_id") == identity]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/", 200)
    assert line["duration_ms"] > 0
    assert "hunter2" not in site.container.logs().decode()


def test_a_500_leaves_its_traceback_on_stderr(services: Services) -> None:
    """docs/handbook.md, fault 6."""
    name = services.new_database()
    url = f"postgres://app:password@database:5432/{name}"
    status, _, err = services.run("python", "manage.py", "migrate", environment=services.environment(DATABASE_URL=url))
    assert status == 0, err
    services.query("DROP TABLE gallery_picture", name)
    with services.serving(DATABASE_URL=url) as site:
        answer = site.get()
        assert answer.status_code == 500
        assert "Something broke" in answer.text
        (line,) = site.lines(stderr=True)
        assert "ProgrammingError" in line["traceback"]
        assert line["request_id"] == answer.headers["X-Request-ID"]


def test_guessing_a_password_is_stopped_for_all_workers_alike(site: Site) -> None:
    name = f"somebody-{secrets.token_hex(4)}"
    statuses = []
    for _ in range(12):  # a new connection each time: any worker may answer
        session = requests.Session()
        shown = session.get(f"http://127.0.0.1:{site.port}/login/", timeout=10).text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', shown)
        assert token
        form = {"username": name, "password": "wrong", "csrfmiddlewaretoken": token[1]}
        answer = session.post(f"http://127.0.0.1:{site.port}/login/", data=form, timeout=10)
        statuses.append(answer.status_code)
    assert statuses == [200] * 9 + [429] * 3
    assert "Too many attempts" in answer.text
    site.visitor()  # others still get in
