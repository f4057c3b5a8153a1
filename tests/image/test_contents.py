"""What is in the image, and what is not."""

from __future__ import annotations

import json
import re
from typing import Any

import docker
import pytest

from tests import ROOT
from tests.image.services import Services

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def attributes(engine: docker.DockerClient, image: str) -> dict[str, Any]:
    return engine.images.get(image).attrs


def test_it_runs_as_nobody_in_particular_with_a_health_check_and_a_command_to_replace(
    attributes: dict[str, Any],
) -> None:
    config = attributes["Config"]
    assert config["User"] == "10001:10001"
    assert config["Healthcheck"]["Test"] == ["CMD", "python", "-m", "django_stack.healthcheck"]
    assert config["Cmd"][0] == "python"
    assert not config["Entrypoint"], "release commands take the CMD's place"
    assert not any(word in json.dumps(config["Env"]) for word in ("SECRET", "DATABASE", "DSN"))


def test_there_are_no_build_tools_in_it(services: Services) -> None:
    """The base image's own pip knows nothing of the environment that the app runs in."""
    tools = ("gcc", "cc", "g++", "make", "ld", "git", "/opt/venv/bin/pip", "pg_config", "uv")
    status, out, _ = services.run("sh", "-c", "; ".join(f"command -v {tool}" for tool in tools) + "; true")
    assert (status, out) == (0, "")
    code = (
        "import importlib.util as u; print([m for m in ('pip', 'setuptools', 'wheel', 'flit_core') if u.find_spec(m)])"
    )
    assert services.run("python", "-c", code)[1] == "[]\n"


def test_there_are_no_packages_in_it_but_those_of_the_lock(services: Services) -> None:
    """Which names no dev dependency."""
    code = "import importlib.metadata as m; print(*sorted(d.name.lower().replace('_', '-') for d in m.distributions()))"
    installed = set(services.run("python", "-c", code)[1].split())
    lock = (ROOT / "app" / "requirements.txt").read_text()
    locked = dict(re.findall(r"^([a-z0-9-]+)==\S+(.*)$", lock, re.MULTILINE))
    always = {name for name, marker in locked.items() if "sys_platform == 'win32'" not in marker}
    assert installed - {"django-stack-contract"} <= set(locked)
    assert always - installed <= {"tzdata", "flit-core"}  # the builder of the package of contract/ goes with pip
    assert not installed & {"pytest", "hypothesis", "playwright", "ruff", "mypy", "pulumi", "docker"}


def test_nothing_that_dockerignore_names_is_in_it(services: Services) -> None:
    listing = services.run("find", "/app", "-type", "f")[1].splitlines()
    assert "/app/manage.py" in listing
    needless = re.compile(r"((?<!contract/README)\.md|\.sqlite3|/\.[^/]+|Dockerfile|requirements\.in)$")
    assert not [path for path in listing if needless.search(path)]
    assert not [path for path in listing if "/tests/" in path]
    tag = services.run("python", "-c", "import sys; print(sys.implementation.cache_tag)")[1].strip()
    assert {path.split(".")[-2] for path in listing if path.endswith(".pyc")} == {tag}, "compiled here, not copied"


def test_no_library_is_compiled_when_a_container_starts(services: Services) -> None:
    code = (
        "import config.wsgi, django_stack.worker, gunicorn.arbiter, os, sys; "
        "cached = [getattr(m, '__cached__', None) or '' for m in list(sys.modules.values())]; "
        "print([p for p in cached if p and not os.path.exists(p) and not p.startswith('/app/')])"
    )
    assert services.run("python", "-c", code)[1] == "[]\n"


def test_the_app_is_not_writable_for_the_user_that_runs_it(services: Services) -> None:
    status, _, err = services.run("touch", "/app/x", read_only=False, user="10001:10001")
    assert status != 0
    assert "Permission denied" in err


def test_the_same_lock_gives_the_same_dependency_layer_to_the_byte(
    engine: docker.DockerClient, image: str, defaults: dict[str, str]
) -> None:
    """Built a second time without any cache."""
    name = f"{image}-again"
    again, _ = engine.images.build(
        path=str(ROOT / "app"),
        tag=name,
        nocache=True,
        rm=True,
        buildargs={"PYTHON_IMAGE": defaults["python-image"]},
    )
    try:
        assert dependency_layer(again) == dependency_layer(engine.images.get(image))
    finally:
        engine.images.remove(name, force=True)


def dependency_layer(image: Any) -> str:
    """The digest of the layer that pip made: the third from the end (dependencies, code, static files)."""
    return str(image.attrs["RootFS"]["Layers"][-3])


def test_the_size_is_the_one_that_the_docs_say(engine: docker.DockerClient, image: str) -> None:
    """What is added to the base image, in MB."""
    stated = re.search(r"adds about (\d+) MB to its base", (ROOT / "docs" / "bring-your-own.md").read_text())
    assert stated
    layers = engine.images.get(image).history()
    own = layers[: next(n for n, layer in enumerate(layers) if "ENV PATH=/opt/venv" in layer["CreatedBy"])]
    added = sum(layer["Size"] for layer in own) / 1e6
    assert added == pytest.approx(int(stated[1]), rel=0.1)
