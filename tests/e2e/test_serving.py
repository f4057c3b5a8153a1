"""Without `web-command` and with `debug` false, gunicorn of the image serves as it does in the cloud."""

import re

import pytest

from tests.e2e.stacks import Stack

pytestmark = [pytest.mark.docker, pytest.mark.engine]


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
    assert web.attrs["Mounts"] == []
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
