"""What is asked of Podman, with the answers of its source code: no engine is needed, and none was asked."""

import json
from types import SimpleNamespace
from typing import Any

import docker
import pytest
import requests
from docker.errors import APIError, ImageNotFound, create_api_error_from_http_exception

from infra import built, endpoint, podman
from infra.adoption import images
from infra.commands import stack
from infra.commands.operations.local import StackOperations
from infra.engine import image_errors

PYTHON = "python:3.13-slim-trixie"
# Versions 4 and 5: pkg/api/server/register_distribution.go and server.go, pkg/api/handlers/compat/unsupported.go.
PODMAN = [
    (404, "Not Found\n"),
    (404, json.dumps({"message": f"Path /v1.41/distribution/{PYTHON}/json is not supported"})),
    (500, json.dumps({"message": f"Path /v1.41/distribution/{PYTHON}/json is not supported"})),
]
DOCKER = [
    (404, json.dumps({"message": "manifest unknown: manifest unknown"})),
    (404, json.dumps({"message": f"docker.io/library/{PYTHON}: not found"})),
    (403, json.dumps({"message": "errors:\ndenied: requested access to the resource is denied"})),
    (500, json.dumps({"message": "Get https://registry-1.docker.io/v2/: no such host"})),
    (404, json.dumps({"message": "page not found"})),
    (500, ""),
]


class Engine:
    """One that has no image, and gives an answer when it is asked for one of a registry."""

    def __init__(self, status: int, body: str) -> None:
        self.answer = requests.Response()
        self.answer.status_code, self.answer._content = status, body.encode()
        self.answer.reason, self.answer.url = "reason", "http+docker://localhost/v1.41/distribution"
        self.images = SimpleNamespace(get=self.get, get_registry_data=self.ask)

    def ping(self) -> bool:
        return True

    def client(self, _: int) -> "Engine":
        return self

    def get(self, name: str) -> None:
        raise ImageNotFound(name)

    def ask(self, _: str) -> None:
        try:
            self.answer.raise_for_status()
        except requests.HTTPError as error:
            create_api_error_from_http_exception(error)


@pytest.mark.parametrize(("answer", "is_known"), [*((one, False) for one in PODMAN), *((one, True) for one in DOCKER)])
def test_an_image_counts_as_missing_only_where_the_engine_asks_registries(
    answer: tuple[int, str], is_known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine: Any = Engine(*answer)
    assert bool(image_errors(engine, "python-image", PYTHON)) == is_known
    monkeypatch.setattr(endpoint, "find", lambda: engine)
    assert images.usable(PYTHON, "python:3.12", pulls=False) == ("python:3.12" if is_known else PYTHON)


def test_errors_without_an_answer_are_no_answer() -> None:
    for error in (APIError("404"), docker.errors.DockerException("Not Found"), OSError("not found"), ImageNotFound("")):
        assert not podman.asks_no_registry(error)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("docker.io/library/python:3.13", "python:3.13"),
        ("docker.io/versity/versitygw:v1", "versity/versitygw:v1"),
        ("localhost/django-stack/local:0123456789ab", "django-stack/local:0123456789ab"),
        ("python:3.13", "python:3.13"),
        ("localhost:5000/python:3.13", "localhost:5000/python:3.13"),
        ("registry.example.com/docker.io/library/python:3.13", "registry.example.com/docker.io/library/python:3.13"),
        ("library/python:3.13", "library/python:3.13"),
    ],
)
def test_a_name_is_shown_as_docker_lists_it(name: str, shown: str) -> None:
    assert podman.as_docker(name) == shown


@pytest.mark.parametrize(
    ("name", "pulled"),
    [
        ("python:3.13", "docker.io/python:3.13"),
        ("versity/versitygw:v1", "docker.io/versity/versitygw:v1"),
        ("docker.io/library/python:3.13", "docker.io/library/python:3.13"),
        ("localhost/python:3.13", "localhost/python:3.13"),
        ("localhost:5000/python:3.13", "localhost:5000/python:3.13"),
        ("registry.example.com/python:3.13", "registry.example.com/python:3.13"),
    ],
)
def test_a_name_is_pulled_with_its_registry(name: str, pulled: str) -> None:
    assert podman.in_full(name) == pulled


@pytest.mark.parametrize("registry", ["", "docker.io/", "localhost/"])
def test_versions_are_known_by_their_full_names_too(registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "django-stack/local:0123456789ab"
    assert built.parts(f"{registry}{name}", "django-stack") == ("local", "0123456789ab")
    monkeypatch.setattr(stack, "engine", lambda: None)
    monkeypatch.setattr(stack, "project_name", lambda: "django-stack")
    tags = [f"{registry}other/local:1", f"{registry}{name}"]
    web: Any = SimpleNamespace(image=SimpleNamespace(tags=tags), attrs={"Image": "sha256:0"})
    assert StackOperations("local", {})._image(web) == name


def test_a_version_in_a_registry_is_none_of_this_machines() -> None:
    assert built.parts("registry.example.com/django-stack/local:0123456789ab", "django-stack") == ("", "")
