"""`media: filesystem`: a folder that runserver serves, with what S3 would answer; over a real socket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django_stack.storages import S3Media

from tests.app.served import Site, served
from tests.e2e.visitors import chromium

CONTENT = bytes(range(256)) * 4
MEDIA = "media"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With a middleware that compresses, as many projects have, at the front."""
    folder = tmp_path_factory.mktemp("site")
    media = folder / MEDIA
    (media / "docs").mkdir(parents=True)
    for name in ("a.bin", "docs/x.mp4", "page.html", "x.svg", "ä ö.txt", "empty.txt"):
        (media / name).write_bytes(b"" if name == "empty.txt" else CONTENT)
    (folder / "secret.txt").write_text("hunter2")
    (media / "link.txt").symlink_to(folder / "secret.txt")
    gzip = 'MIDDLEWARE.insert(1, "django.middleware.gzip.GZipMiddleware")'
    with served(folder, "runserver", gzip, DEFAULT_STORAGE_DSN=f"file://{media}/?url=%2Fmedia%2F") as site:
        yield site


def get(site: Site, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body."""
    sent = {"Host": "localhost", "Connection": "close", "Accept-Encoding": "gzip"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    head, _, body = site.raw(f"{method} /media/{path} HTTP/1.1\r\n{lines}\r\n".encode()).partition(b"\r\n\r\n")
    status, *fields = head.decode("latin-1").split("\r\n")
    return int(status.split()[1]), dict(field.split(": ", 1) for field in fields), body


@pytest.mark.report("whitenoise#82")
@pytest.mark.parametrize(
    ("asked", "part", "content_range"),
    [
        ("bytes=0-0", CONTENT[:1], "bytes 0-0/1024"),
        ("bytes=0-1", CONTENT[:2], "bytes 0-1/1024"),  # Safari's first question
        ("bytes=100-199", CONTENT[100:200], "bytes 100-199/1024"),
        ("bytes=1000-", CONTENT[1000:], "bytes 1000-1023/1024"),
        ("bytes=1000-99999", CONTENT[1000:], "bytes 1000-1023/1024"),
        ("bytes=-24", CONTENT[-24:], "bytes 1000-1023/1024"),
        ("bytes=-99999", CONTENT, "bytes 0-1023/1024"),
        ("bytes=0-", CONTENT, "bytes 0-1023/1024"),
    ],
)
def test_a_part_of_a_file_can_be_asked_for(site: Site, asked: str, part: bytes, content_range: str) -> None:
    status, headers, body = get(site, "a.bin", Range=asked)
    assert (status, body, headers["Content-Range"]) == (206, part, content_range)
    assert headers["Content-Length"] == str(len(part))
    assert headers["Accept-Ranges"] == "bytes"
    assert "Content-Encoding" not in headers


@pytest.mark.report("whitenoise#82")
@pytest.mark.parametrize(
    ("path", "asked"), [("a.bin", "bytes=1024-"), ("a.bin", "bytes=-0"), ("empty.txt", "bytes=0-")]
)
def test_a_part_that_is_not_there_is_416(site: Site, path: str, asked: str) -> None:
    status, headers, body = get(site, path, Range=asked)
    assert (status, body) == (416, b"")
    assert headers["Content-Range"] == f"bytes */{1024 if path == 'a.bin' else 0}"


@pytest.mark.parametrize(
    "asked", ["bytes=5-2", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6", "bytes=1_0-2_0", "bytes=+1-5", ""]
)
def test_what_makes_no_sense_and_several_ranges_get_the_whole(site: Site, asked: str) -> None:
    status, headers, body = get(site, "a.bin", Range=asked)
    assert (status, body) == (200, CONTENT)
    assert "Content-Range" not in headers


def test_a_part_of_another_version_is_not_mixed_in(site: Site) -> None:
    """If-Range: the rest of the file that the visitor has, or the whole of the new one."""
    _, headers, _ = get(site, "a.bin")
    for same in (headers["ETag"], headers["Last-Modified"]):
        assert get(site, "a.bin", Range="bytes=0-1", If_Range=same)[0] == 206
    for other in ('"another"', f"W/{headers['ETag']}", "Wed, 21 Oct 2015 07:28:00 GMT"):
        assert get(site, "a.bin", Range="bytes=0-1", If_Range=other)[0] == 200


def test_what_the_visitor_has_is_not_sent_again(site: Site) -> None:
    _, headers, _ = get(site, "a.bin")
    etag, changed = headers["ETag"], headers["Last-Modified"]
    for same in ({"If_None_Match": f'"x", {etag}'}, {"If_None_Match": "*"}, {"If_Modified_Since": changed}):
        status, headers, body = get(site, "a.bin", **same)
        assert (status, body, headers["ETag"]) == (304, b"", etag)
    assert get(site, "a.bin", If_None_Match='"x"', If_Modified_Since=changed)[0] == 200
    assert get(site, "a.bin", If_Match='"x"')[0] == 412


def test_head_says_what_there_is_without_it(site: Site) -> None:
    status, headers, body = get(site, "a.bin", method="HEAD", Range="bytes=0-1")
    assert (status, body) == (200, b"")
    assert (headers["Content-Length"], headers["Accept-Ranges"]) == ("1024", "bytes")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_is_changed_by_address(site: Site, method: str) -> None:
    status, headers, _ = get(site, "a.bin", method=method, Content_Length="0")
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path", ["", "docs", "docs/", "a.bin/", "a.bin/x", "missing", "%00", "x" * 300, "%FF.txt", "link.txt"]
)
def test_what_is_not_a_file_of_the_folder_is_404(site: Site, path: str) -> None:
    """Folders are not listed; a link out of the folder is not followed."""
    status, _, body = get(site, path)
    assert (status, b"hunter2" in body) == (404, False)


@pytest.mark.parametrize("path", ["../secret.txt", "%2e%2e/secret.txt", "docs/../../secret.txt", "..%2fsecret.txt"])
def test_no_name_leads_out_of_the_folder(site: Site, path: str) -> None:
    status, _, body = get(site, path)
    assert (status in (400, 404), b"hunter2" in body) == (True, False)


def test_a_name_beyond_ascii_is_found(site: Site) -> None:
    assert get(site, "%C3%A4%20%C3%B6.txt")[2] == CONTENT


@pytest.mark.parametrize("path", ["a.bin", "docs/x.mp4", "page.html", "x.svg", "empty.txt"])
def test_the_headers_are_those_of_s3(site: Site, path: str) -> None:
    """Above all for what could run scripts: it is a download."""
    _, headers, _ = get(site, path)
    stored = S3Media(location="x").get_object_parameters(path)
    assert headers["Content-Type"] == stored["ContentType"]
    assert headers.get("Content-Disposition") == stored.get("ContentDisposition")
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_other_hosts_are_refused(site: Site) -> None:
    assert get(site, "a.bin", Host="evil.example")[0] == 400


@pytest.mark.browser
@pytest.mark.report("whitenoise#82")
def test_chromium_seeks_in_a_recording(site: Site) -> None:
    """Four minutes of silence; to its middle, which was not loaded. Without parts Chromium starts again at 0."""
    rate, seconds = 48_000, 240
    data = rate * seconds
    wav = b"RIFF" + (36 + data).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    wav += b"".join(
        number.to_bytes(size, "little") for number, size in ((1, 2), (1, 2), (rate, 4), (rate, 4), (1, 2), (8, 2))
    )
    (site.folder / MEDIA / "long.wav").write_bytes(wav + b"data" + data.to_bytes(4, "little") + b"\x80" * data)
    with chromium() as browser:
        page = browser.new_page()
        page.goto(f"http://localhost:{site.port}/form")
        reached = page.evaluate(
            """(address) => new Promise((done, failed) => {
                const audio = new Audio(address);
                audio.preload = "metadata";
                audio.onerror = () => failed(new Error("not played"));
                audio.onloadedmetadata = () => { audio.currentTime = 120; };
                audio.onseeked = () => done(audio.currentTime);
            })""",
            "/media/long.wav",
        )
    assert reached == 120
