"""The source on this machine stands where the image works, whatever its path and the image's WORKDIR are."""

import os
import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeStack
from tests.e2e.stacks import DEVELOPMENT, SERVING, Stack
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]

AWKWARD = "it's a: site, 100% \N{SNOWMAN}=x"


@pytest.fixture(scope="module")
def moved(make_stack: MakeStack) -> Stack:
    """A stack whose app is at an awkward path, whose image works elsewhere, checked out with umask 077."""
    stack = make_stack("moved", DEVELOPMENT)
    app = stack.folder / AWKWARD
    stack.app.rename(app)
    stack.app.symlink_to(app)
    dockerfile = app / "Dockerfile"
    text = dockerfile.read_text()
    assert "WORKDIR /app\n" in text
    # From an argument, so that only the engine knows.
    dockerfile.write_text(text.replace("WORKDIR /app\n", "ARG FOLDER=/srv/site\nWORKDIR ${FOLDER}\n"))
    for path in app.rglob("*"):
        path.chmod(0o700 if path.is_dir() or path.stat().st_mode & 0o100 else 0o600)
    stack.configure({"app-path": str(app)})
    stack.up()
    return stack


@pytest.mark.report("joining bug 4")
@pytest.mark.report("docker-py#2041")
def test_edits_show(moved: Stack) -> None:
    with moved.edited("gallery/templates/base.html", lambda text: text.replace("</body>", "EDITED</body>")):
        # Django keeps a template until its reloader, which looks once a second, sees the edit.
        wait_until(lambda: "EDITED" in moved.get("/").text, "the edited template")


@pytest.mark.report("joining bug 4")
def test_a_command_that_writes_source_writes_here(moved: Stack) -> None:
    try:
        moved.make_target("manage", "startapp papers")
        assert (moved.app / "papers" / "models.py").stat().st_uid == os.getuid()
    finally:
        shutil.rmtree(moved.app / "papers", ignore_errors=True)


@pytest.mark.report("joining bug 4")
def test_another_up_changes_nothing(moved: Stack) -> None:
    before = moved.ids()
    done = moved.up("--expect-no-changes")
    assert "unchanged" in done.stdout
    assert moved.ids() == before


@pytest.mark.report("joining bug 4")
def test_ready_says_that_pages_follow_edits(moved: Stack) -> None:
    program = Path(".venv/bin/django-stack")
    assert "Pages follow your edits" in moved.run(str(program), "ready", "-s", moved.name).stdout


@pytest.mark.report("aws-cdk#6072")
def test_the_image_serves_whatever_the_umask_of_the_checkout_was(moved: Stack) -> None:
    """The same folder, without the mount: the image's own copy is read by the image's own user."""
    with moved.configured(**dict.fromkeys(DEVELOPMENT)):
        moved.up()
        assert moved.get("/healthz/ready").status_code == 200
    moved.up()


@pytest.mark.report("joining bug 4")
def test_an_image_without_a_workdir_is_refused_and_the_site_stays(moved: Stack) -> None:
    before = moved.container("web").id
    with moved.edited("Dockerfile", lambda text: text + "WORKDIR /\n"):
        done = moved.up(check=False)
    assert done.returncode != 0
    assert "the app's image has no WORKDIR for the source. Fix: a line `WORKDIR /app`" in done.stdout
    assert "Traceback" not in done.stdout
    assert moved.container("web").id == before
    moved.up()


@pytest.mark.report("docker-library/postgres#708")
def test_what_cannot_be_read_stops_before_anything_is_changed(make_stack: MakeStack) -> None:
    stack = make_stack("unreadable", SERVING)
    (stack.app / ".dockerignore").write_text("[\n")
    done = stack.up(check=False)
    assert done.returncode != 0
    assert "nothing was changed. Fix: correct that line of" in done.stdout
    assert "Traceback" not in done.stdout
    assert not stack.containers()


@pytest.mark.report("NixOS/nixpkgs#25485")
def test_a_changed_static_file_of_a_dependency_is_seen_though_its_date_is_the_same(moved: Stack) -> None:
    """All dates in the dependency layer are the same; this one changes without its length, as by an upgrade."""
    address = "/static/admin/css/base.css"
    first = moved.get(address)
    assert first.headers["Cache-Control"].startswith("max-age=0")
    find = "$(find /opt/venv -path '*/admin/static/admin/css/base.css')"
    change = f"file={find}; stat -c %Y $file; sed -i '1s/^../XX/' $file; touch --date=@0 $file"
    status, before = moved.container("web").exec_run(["sh", "-euc", change], user="0")
    assert (status, before) == (0, b"0\n")
    validators = {"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}
    if "ETag" in first.headers:
        validators["If-None-Match"] = first.headers["ETag"]
    second = moved.get(address, headers=validators)
    assert second.status_code == 200
    assert second.content == b"XX" + first.content[2:]
