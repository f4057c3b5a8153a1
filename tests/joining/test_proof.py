"""Adopted for real: built, up, logged in, uploaded to, edited, by `django-stack adopt` alone."""

import io
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
import yaml

from infra import endpoint
from tests import ROOT
from tests.e2e.stacks import VENV, Stack
from tests.e2e.test_foreign_project import send
from tests.joining import projects
from tests.joining.projects import Trait, make
from tests.waiting import wait_until
from tools.setup.images import POSTGRES

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.joining]

Adopt = Callable[..., Stack]


@pytest.fixture(scope="module")
def adopt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adopt]:
    """Makes a project with traits, adopts it in a checkout of its own, and removes all of it at the end."""
    with ExitStack() as end:

        def adopted(*traits: Trait) -> Stack:
            folder = tmp_path_factory.mktemp("adopt")
            project = make(folder / "shop", *traits)
            stack = in_a_checkout(folder)
            end.callback(stack.remove_all)
            done = run(stack, project)
            assert done.returncode == 0, done.stdout + done.stderr
            stack.log = done.stdout
            read_ports(stack)
            return stack

        yield adopted


def in_a_checkout(folder: Path) -> Stack:
    """A stack that isn't there yet, in a checkout of its own."""
    checkout = folder / "checkout"
    checkout.mkdir()
    for entry in ("infra", "app", "tools", "requirements", ".venv", "Makefile", "pyproject.toml"):
        (checkout / entry).symlink_to(ROOT / entry)
    shutil.copy(ROOT / "Pulumi.yaml", checkout)
    (checkout / "state").mkdir()
    return Stack(checkout, f"join-{secrets.token_hex(3)}", {}, endpoint.client(timeout=120))


def read_ports(stack: Stack) -> None:
    config = yaml.safe_load((stack.folder / f"Pulumi.{stack.name}.yaml").read_text())["config"]
    stack.ports = {key.partition(":")[2]: value for key, value in config.items() if key.endswith("-port")}


def run(stack: Stack, project: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(VENV / "django-stack"), "adopt", str(project), "--stack", stack.name, "--yes"],
        cwd=stack.folder,
        env=stack.env,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )


def project_of(stack: Stack) -> Path:
    return stack.folder.parent / "shop"


def log_in(stack: Stack) -> requests.Session:
    """A session of an administrator, made as the README says."""
    session = requests.Session()
    password = secrets.token_urlsafe(12)
    done = stack.run(
        str(VENV / "django-stack"), "manage", "-s", stack.name, "--",
        "createsuperuser", "--noinput", "--username", "admin", "--email", "admin@example.com",
        env={"DJANGO_SUPERUSER_PASSWORD": password},
    )  # fmt: skip
    assert "uperuser created" in done.stdout
    send(session, stack, "/admin/login/?next=/admin/", {"username": "admin", "password": password})
    return session


def upload(stack: Stack, session: requests.Session) -> None:
    content = secrets.token_bytes(1000)
    send(session, stack, "/admin/papers/paper/add/", {}, files={"file": ("paper.pdf", content)})
    shown = session.get(f"{stack.url}/admin/papers/paper/1/change/", timeout=20).text
    address = re.search(r'href="(http://media\.localhost:[^"]+)"', shown)
    assert address
    assert stack.bucket().objects() == {"papers/paper.pdf"}


def edit_a_template(stack: Stack) -> None:
    projects.change(project_of(stack), "templates/home.html", "<title>Shop", "<title>Another shop")
    stack.up()
    assert "<title>Another shop" in stack.get("/").text


@pytest.fixture(scope="module")
def with_celery(adopt: Adopt) -> Stack:
    return adopt(
        projects.settings_package,
        projects.build_env,
        projects.secure_cookies,
        projects.custom_user,
        projects.celery,
        projects.dockerfile_in_a_folder,
    )


def test_a_project_with_celery_is_adopted_with_its_worker_and_beat(with_celery: Stack) -> None:
    assert "running beside the web: beat, worker" in with_celery.log
    assert "a second pulumi up changes nothing" in with_celery.log
    upload(with_celery, log_in(with_celery))


def test_a_task_is_worked_off(with_celery: Stack) -> None:
    code = "from papers.tasks import count; print('result', count.apply_async().id != '')"
    done = with_celery.run(str(VENV / "django-stack"), "manage", "-s", with_celery.name, "--", "shell", "-c", code)
    assert "result True" in done.stdout
    worker = with_celery.container("worker-1")
    wait_until(lambda: re.search(rb"papers\.tasks\.count\S* succeeded", worker.logs()) is not None, "the task's end")


def test_adopting_it_again_changes_nothing_and_an_edit_is_served(with_celery: Stack) -> None:
    before = {path: path.read_bytes() for path in project_of(with_celery).rglob("*") if path.is_file()}
    done = run(with_celery, project_of(with_celery))
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path: path.read_bytes() for path in before} == before
    edit_a_template(with_celery)


@pytest.fixture(scope="module")
def with_node(adopt: Adopt) -> Stack:
    def locked(folder: Path) -> None:
        projects.uv(folder)
        (folder / "uv.lock").unlink()
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "lock", "--quiet"], cwd=folder, check=True, env=os.environ, timeout=120)

    return adopt(projects.asgi, locked, projects.node, projects.made_storage)


def test_a_project_with_styles_by_node_is_adopted(with_node: Stack) -> None:
    link = re.search(r'href="(/static/site\.[0-9a-f]{12}\.css)"', with_node.get("/").text)
    assert link
    assert "color: green" in with_node.get(link[1]).text
    upload(with_node, log_in(with_node))
    edit_a_template(with_node)


def test_its_own_tests_run_in_its_image(with_node: Stack) -> None:
    projects.write(
        project_of(with_node),
        "papers/tests.py",
        "from django.test import TestCase\n\nfrom papers.models import Paper\n\n\n"
        "class Papers(TestCase):\n    def test_none(self):\n        self.assertEqual(Paper.objects.count(), 0)\n",
    )
    with_node.up()
    done = with_node.run(str(VENV / "django-stack"), "manage", "-s", with_node.name, "--", "test", "--noinput")
    assert "Ran 1 test" in done.stdout
    assert "OK" in done.stdout


def test_a_page_for_every_address_is_no_obstacle(adopt: Adopt) -> None:
    stack = adopt(projects.catch_all)
    assert "<title>Shop" in stack.get("/anything/at/all").text


@pytest.fixture
def postgis() -> Iterator[str]:
    """The name of an image of PostgreSQL with PostGIS, which no stand-in has."""
    client, name = endpoint.client(timeout=600), f"django-stack/test-postgis-{secrets.token_hex(3)}:17"
    packages = "apt-get install --yes --no-install-recommends postgresql-17-postgis-3"
    text = f"FROM {POSTGRES}\nRUN apt-get update && {packages} && rm -rf /var/lib/apt/lists/*\n"
    proxies = {key: os.environ[key] for key in ("http_proxy", "https_proxy", "no_proxy") if key in os.environ}
    client.images.build(fileobj=io.BytesIO(text.encode()), tag=name, rm=True, network_mode="host", buildargs=proxies)
    yield name
    client.images.remove(name, force=True)


def test_geodjango_finds_its_libraries_and_postgis(adopt: Adopt, postgis: str) -> None:
    stack = adopt(
        projects.geodjango,
        lambda folder: projects.write(folder, "compose.yaml", f"services: {{db: {{image: '{postgis}'}}}}\n"),
    )
    code = (
        "from django.contrib.gis.geos import Point; from django.contrib.gis.measure import D; "
        "from places.models import Place; Place.objects.create(at=Point(8.54, 47.37)); "
        "near = [Place.objects.filter(at__distance_lte=(Point(7.44, 46.95), D(km=km))).count() for km in (90, 100)]; "
        "print('near', near)"
    )
    done = stack.run(str(VENV / "django-stack"), "manage", "-s", stack.name, "--", "shell", "-c", code)
    assert "near [0, 1]" in done.stdout, "Zurich is 96 km from Bern"
    upload(stack, log_in(stack))
    stack.remove_all()  # before its image


def test_a_new_project_is_up_its_second_up_changes_nothing_and_an_edit_shows_at_once(tmp_path: Path) -> None:
    stack = in_a_checkout(tmp_path)
    project = tmp_path / stack.name  # the stack is called like it
    try:
        done = stack.run(str(VENV / "django-stack"), "new", str(project), timeout=900)
        assert "ok       a second pulumi up changes nothing" in done.stdout
        assert f"Next: django-stack manage -s {stack.name} createsuperuser" in done.stdout
        read_ports(stack)
        upload_of_a_new_project(stack, log_in(stack))
        template = project / "templates" / "index.html"
        template.write_text(template.read_text().replace("</title>", " anew</title>"))
        wait_until(lambda: " anew</title>" in stack.get("/").text, "the edited page")
    finally:
        stack.remove_all()


def upload_of_a_new_project(stack: Stack, session: requests.Session) -> None:
    send(session, stack, "/admin/documents/document/add/", {"title": "One"}, files={"file": ("one.pdf", b"content")})
    assert [name for name in stack.bucket().objects() if name.endswith("one.pdf")]
