"""A plain `django-admin startproject` site joins with what docs/bring-your-own.md shows, and config alone.

The pieces are taken out of that page, so that it cannot go stale.
"""

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
import yaml

from tests import ROOT
from tests.e2e.conftest import MakeStack
from tests.e2e.media import fetch
from tests.e2e.stacks import VENV, Stack

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]

PAGE = (ROOT / "docs" / "bring-your-own.md").read_text()


def pieces(language: str) -> list[str]:
    """The page's blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def run(site: Path, *command: str) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    done = subprocess.run(
        command,
        cwd=site,
        env={
            **inherited,
            "PATH": f"{VENV}:{os.environ['PATH']}",
            "DJANGO_STACK": str(ROOT),
            "UV_CONSTRAINT": str(ROOT / "app" / "requirements.txt"),  # the versions that are known to be there
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + "\n" + text)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of somebody else's: `startproject`, `startapp`, a model with a file."""
    folder = tmp_path_factory.mktemp("foreign")
    run(folder, sys.executable, "-m", "django", "startproject", "mysite", ".")
    run(folder, sys.executable, "-m", "django", "startapp", "documents")
    (folder / "requirements.in").write_text("django\n")
    (folder / "documents" / "models.py").write_text(
        "from django.db import models\n\n\n"
        "class Document(models.Model):\n    file = models.FileField(upload_to='papers')\n"
    )
    (folder / "documents" / "admin.py").write_text(
        "from django.contrib import admin\n\nfrom documents.models import Document\n\nadmin.site.register(Document)\n"
    )

    settings = folder / "mysite" / "settings.py"
    settings.write_text(settings.read_text().replace("INSTALLED_APPS = [", "INSTALLED_APPS = [\n    'documents',"))
    copy, *_ = pieces("sh")
    end_of_settings, handlers = pieces("python")
    (dockerfile,) = pieces("dockerfile")
    run(folder, "bash", "-euc", copy)
    append(settings, end_of_settings)
    append(folder / "mysite" / "urls.py", handlers)
    (folder / "Dockerfile").write_text(dockerfile)
    run(folder, sys.executable, "manage.py", "makemigrations", "documents")
    return folder


@pytest.fixture(scope="module")
def foreign(make_stack: MakeStack, site: Path) -> Stack:
    """The site on a stack of its own, up: made and configured as the page says."""
    stack = make_stack("foreign", None)
    (step,) = [piece for piece in pieces("sh") if "app-path" in piece]
    for shown, real in {"/path/to/my/site": site, "my-site": stack.name}.items():
        step = step.replace(shown, str(real))
    step = re.sub(r"(\S+-port) \d+", lambda found: f"{found[1]} {stack.ports[found[1]]}", step)
    before, up, after = step.partition(f"pulumi up -s {stack.name}\n")
    assert (bool(up), after) == (True, "")
    stack.run("bash", "-euc", before)
    config = yaml.safe_load((stack.folder / f"Pulumi.{stack.name}.yaml").read_text())["config"]
    stack.settings = {key.removeprefix("django-stack:"): value for key, value in config.items()}
    stack.up()
    return stack


def test_it_is_migrated_by_the_release(foreign: Stack) -> None:
    assert "Applying documents.0001_initial... OK" in foreign.outputs()["release_log"]
    assert foreign.query("SELECT count(*) FROM documents_document") == [(0,)]
    assert foreign.get("/healthz/ready").json()["migrations"] == "applied"


def test_gunicorn_serves_it_and_its_static_files(foreign: Stack) -> None:
    top = foreign.container("web").top()
    assert any("gunicorn" in " ".join(row) for row in top["Processes"])
    login = foreign.get("/admin/login/")
    assert login.status_code == 200
    hashed = re.search(r'href="(/static/admin/css/base\.[0-9a-f]{12}\.css)"', login.text)
    assert hashed
    answer = foreign.get(hashed[1])
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]


def test_an_upload_goes_to_s3_and_is_read_by_a_signed_address(foreign: Stack) -> None:
    session = requests.Session()
    name, password = foreign.admin()
    send(session, foreign, "/admin/login/?next=/admin/", {"username": name, "password": password})
    content = secrets.token_bytes(1000)
    send(session, foreign, "/admin/documents/document/add/", {}, files={"file": ("paper.pdf", content)})
    assert foreign.bucket().objects() == {"papers/paper.pdf"}
    shown = session.get(f"{foreign.url}/admin/documents/document/1/change/", timeout=20).text
    address = re.search(r'href="(http://media\.localhost:[^"]+)"', shown)
    assert address
    assert fetch(address[1].replace("&amp;", "&")).content == content


def test_without_its_variables_it_refuses_to_run(foreign: Stack) -> None:
    engine = foreign.engine
    image = foreign.container("web").attrs["Image"]
    container = engine.containers.run(image, detach=True)
    try:
        assert container.wait(timeout=60)["StatusCode"] == 3
        assert "DATABASE_URL is not set" in container.logs().decode()
    finally:
        container.remove(force=True)


@contextmanager
def changed(path: Path, old: str, new: str) -> Iterator[None]:
    """A file of the site with something else in it for a while."""
    before = path.read_text()
    assert old in before
    path.write_text(before.replace(old, new))
    try:
        yield
    finally:
        path.write_text(before)


END = "from django_stack.settings import apply\n\napply(globals())\n"
CATCH_ALL = (
    "from django.http import HttpResponse\nfrom django.urls import re_path\n\n"
    "urlpatterns = [re_path('', lambda request: HttpResponse('<title>Our shop</title>'))]\n"
)


@pytest.mark.report("joining bug 1")
@pytest.mark.parametrize(
    ("urls", "answer"), [(CATCH_ALL, "200 OK: Our shop"), ("", "404 Not Found")], ids=["catch-all", "plain"]
)
def test_without_the_two_lines_it_is_not_ready_and_the_update_says_so_at_once(
    foreign: Stack, site: Path, urls: str, answer: str
) -> None:
    settings = site / "mysite" / "settings.py"
    with changed(settings, END, "ALLOWED_HOSTS = ['*']\nSTATIC_ROOT = '/tmp/static'\n"), ExitStack() as end:
        if urls:
            end.enter_context(changed(site / "mysite" / "urls.py", (site / "mysite" / "urls.py").read_text(), urls))
        # The contract's own server refuses to serve such a project, which has no database here either.
        gunicorn = "gunicorn --bind 0.0.0.0:8000 mysite.wsgi"
        end.enter_context(foreign.configured(web_command=gunicorn, release_commands=[]))
        failed = foreign.up(check=False)
    assert failed.returncode != 0
    assert f"/healthz/ready answers {answer}" in failed.stdout
    assert "the project's settings don't apply it. Fix: put the two lines" in failed.stdout
    assert "is not ready after" not in failed.stdout
    assert foreign.container("web").status == "running"


@pytest.mark.report("joining bug 2")
@pytest.mark.parametrize(
    ("addition", "answer"),
    [
        ("ALLOWED_HOSTS = ['www.example.com']", "400 Bad Request"),
        ("MIDDLEWARE = [*MIDDLEWARE, 'mysite.settings.broken']\ndef broken(g):\n    return lambda r: 1 / 0\n", "500"),
    ],
    ids=["a host that isn't allowed", "a page that breaks"],
)
def test_a_home_page_that_fails_fails_the_update_and_the_container_stays_and_says_why(
    foreign: Stack, site: Path, addition: str, answer: str
) -> None:
    before = foreign.container("web").id
    with changed(site / "mysite" / "settings.py", END, f"{END}\n{addition}"):
        for _ in range(2 if answer == "500" else 1):  # and the next `up` looks again
            failed = foreign.up(check=False)
            assert failed.returncode != 0
            assert "The web container runs, but the home page http://localhost:" in failed.stdout
            assert f"/ answers {answer}" in failed.stdout
            assert "Its last lines:" in failed.stdout
        if answer == "500":
            assert "ZeroDivisionError" in failed.stdout
        web = foreign.container("web")
        assert (web.id != before, web.status) == (True, "running")
    foreign.up()
    foreign.up("--expect-no-changes")


def send(session: requests.Session, stack: Stack, path: str, form: dict[str, str], **more: object) -> None:
    """Sends a form of the admin."""
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', session.get(stack.url + path, timeout=20).text)
    assert token
    answer = session.post(
        stack.url + path,
        data={**form, "csrfmiddlewaretoken": token[1]},
        timeout=30,
        **more,  # type: ignore[arg-type]
    )
    assert answer.status_code == 200, answer.text
    assert not answer.url.endswith(path), answer.text
