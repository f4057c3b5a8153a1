"""Without `web-command` and with `debug` false, gunicorn of the image serves as it does in the cloud."""

import re
import socket

import pytest

from tests.e2e.stacks import Stack

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]


def test_static_files_are_hashed_and_may_be_kept_for_ever(serving: Stack) -> None:
    hashed = re.search(r'href="(/static/gallery/style\.[0-9a-f]{12}\.css)"', serving.get().text)
    assert hashed
    answer = serving.get(hashed[1])
    assert answer.status_code == 200
    seconds = re.search(r"max-age=(\d+)", answer.headers["Cache-Control"])
    assert seconds
    assert int(seconds[1]) > 86400 * 300
    assert "immutable" in answer.headers["Cache-Control"]


def test_gunicorn_runs_without_debug_and_not_as_root(serving: Stack) -> None:
    web = serving.container("web")
    assert not [entry for entry in web.attrs["Config"]["Env"] if entry.startswith("DJANGO_DEBUG")]
    assert [mount["Destination"] for mount in web.attrs["Mounts"]] == ["/data/maintenance"], "and no source"
    processes = web.top(ps_args="-eo pid,uid,args")["Processes"]
    assert any("gunicorn" in command for _, _, command in processes)
    assert {user for _, user, _ in processes} == {"10001"}


def test_a_missing_page_says_nothing_about_the_code(serving: Stack, development: Stack) -> None:
    missing = serving.get("/nothing-here/")
    assert missing.status_code == 404
    assert "urlpatterns" not in missing.text.lower()
    assert "URLconf" not in missing.text
    assert "URLconf" in development.get("/nothing-here/").text


def test_other_host_names_are_refused(serving: Stack) -> None:
    assert serving.get("/", headers={"Host": "elsewhere.example"}).status_code == 400
    assert serving.get("/healthz/live", headers={"Host": "elsewhere.example"}).status_code == 200


def test_gunicorn_over_a_mounted_and_edited_source_serves_its_static_files(development: Stack) -> None:
    """docs/handbook.md, fault 1: there the mounted source hides what the image collected."""
    edit = "/* edited over the mount */"
    try:
        with (
            development.edited("gallery/static/gallery/style.css", lambda text: text + edit),
            development.configured(web_command=None, debug=False),
        ):
            development.up()
            development.wait_until_ready()
            web = development.container("web")
            assert {mount["Destination"] for mount in web.attrs["Mounts"]} >= {"/app"}
            assert any("gunicorn" in " ".join(row) for row in web.top()["Processes"])
            assert not [entry for entry in web.attrs["Config"]["Env"] if entry.startswith("DJANGO_DEBUG")]
            for path, name in (("/", "gallery/style"), ("/admin/login/", "admin/css/base")):
                page = development.get(path)
                assert page.status_code == 200
                hashed = re.search(rf'href="(/static/{name}\.[0-9a-f]{{12}}\.css)"', page.text)
                assert hashed
                answer = development.get(hashed[1])
                assert (answer.status_code, "immutable" in answer.headers["Cache-Control"]) == (200, True)
                assert (edit in answer.text) is (path == "/")
    finally:
        development.up()
        development.wait_until_ready()


def test_too_large_a_body_is_413_and_a_clear_page(stack: Stack) -> None:
    """Over a real socket: runserver makes a 500 of an answer that has headers of the connection."""
    head = b"POST /upload/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    for length in (20 * 1024**2, 10**12):
        with socket.create_connection(("127.0.0.1", stack.ports["web-port"]), timeout=20) as connection:
            connection.sendall(head % length + (bytes(length) if length < 10**9 else b""))
            assert connection.recv(12) == b"HTTP/1.1 413"
    assert stack.get().status_code == 200
