"""`make clean` takes this project's images and the stand-ins, and leaves what is in use and what others built."""

import io
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import docker
import pytest

from infra import endpoint
from infra.commands import clean
from infra.local.labels import STACK, STAND_IN
from tools.setup.images import LABEL

OF_THIS_TEST = {"django-stack.test": "clean"}


@pytest.fixture(scope="module")
def engine() -> docker.DockerClient:
    return endpoint.client()


@pytest.fixture
def project(engine: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a project of its own, with a label of its own: the stand-ins that other tests use stay."""
    name = f"clean-{uuid4().hex[:8]}"
    (tmp_path / "Pulumi.yaml").write_text(f"name: {name}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(clean, "STAND_IN", f"{STAND_IN}-of-{name}")
    yield name
    for image in engine.images.list(filters={"label": "django-stack.test=clean"}):
        engine.images.remove(str(image.id), force=True)


def build(engine: docker.DockerClient, name: str, base: str = "scratch", **labels: str) -> None:
    """An image of one small file on a base."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for file, content in {"Dockerfile": f"FROM {base}\nCOPY mark /\n".encode(), "mark": name.encode()}.items():
            entry = tarfile.TarInfo(file)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    context.seek(0)
    engine.images.build(fileobj=context, custom_context=True, tag=name, labels={**OF_THIS_TEST, **labels}, rm=True)


def test_names_that_somebody_gave_an_image_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a release in a registry of theirs, or an image of another tool below the project's name."""
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    monkeypatch.chdir(tmp_path)
    removed: list[str] = []
    images = {
        "reference": [
            ["shop/local:0123456789ab", "registry.example.com/shop/site:v1", "shop/site:v1"],
            ["shop/emulator:abcdef012345"],
            ["shop/billing:dev"],
            ["shop/a/b:0123456789ab"],
            None,
        ],
        "label": [["python:3.13"]],
    }

    def listed(filters: dict[str, str]) -> list[Any]:
        (kind,) = filters
        return [{"RepoTags": tags, "Labels": {STAND_IN: (tags or [""])[0]}} for tags in images[kind]]

    client = SimpleNamespace(images=SimpleNamespace(remove=removed.append), api=SimpleNamespace(images=listed))
    monkeypatch.setattr(clean.stack, "engine", lambda: client)
    clean.command.callback(everything=True)
    assert removed == ["python:3.13", "shop/emulator:abcdef012345", "shop/local:0123456789ab"]


def test_full_names_of_podman_are_those_of_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    monkeypatch.chdir(tmp_path)
    versions = [f"localhost/shop/local:{number:012x}" for number in range(5)]
    stand_in, copy = "docker.io/library/python:3.13", "docker.io/me/python:3.13"
    removed: list[str] = []
    images = {
        "reference": [
            {"RepoTags": [name], "Id": name, "Size": 1, "Created": number}
            for number, name in enumerate(versions, start=1)
        ],
        "label": [{"RepoTags": [stand_in, copy], "Labels": {STAND_IN: "python:3.13"}}],
    }
    client = SimpleNamespace(
        images=SimpleNamespace(remove=removed.append),
        api=SimpleNamespace(
            containers=lambda **_: [{"Labels": {STACK: "local"}}], images=lambda filters: images[next(iter(filters))]
        ),
    )
    monkeypatch.setattr(clean.stack, "engine", lambda: client)
    clean.command.callback(everything=False)
    assert removed == [stand_in, *versions[:2]], "the last three stay, and what somebody called otherwise"


def test_what_setup_builds_carries_the_label_that_clean_looks_for() -> None:
    assert STAND_IN == LABEL


@pytest.mark.docker
def test_clean_takes_own_images_and_stand_ins_and_nothing_else(
    engine: docker.DockerClient, project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    build(engine, f"{project}/local:{1:012}")
    build(engine, f"{project}/other:{2:012}")
    build(engine, f"{project}-stand-in:3", **{clean.STAND_IN: f"{project}-stand-in:3"})
    build(engine, f"somebody-elses-{project}:4", base=f"{project}-stand-in:3")
    clean.command.callback(everything=False)
    printed = capsys.readouterr().out
    for name in (f"{project}/local:{1:012}", f"{project}/other:{2:012}", f"{project}-stand-in:3"):
        assert f"removed {name}" in printed
        assert not engine.images.list(name)
    assert engine.images.list(f"somebody-elses-{project}:4")


@pytest.mark.docker
def test_clean_keeps_an_image_that_a_container_uses_and_says_so(
    engine: docker.DockerClient, project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"{project}/local:{1:012}"
    build(engine, name)
    with ExitStack() as after:
        used = engine.containers.create(name, ["never", "started"], labels=OF_THIS_TEST)
        after.callback(used.remove, force=True)
        clean.command.callback(everything=False)
        assert f"kept    {name}" in capsys.readouterr().out
        assert engine.images.list(name)
    clean.command.callback(everything=False)
    assert f"removed {name}" in capsys.readouterr().out


@pytest.mark.docker
def test_clean_keeps_the_last_versions_of_a_stack_that_is_up(
    engine: docker.DockerClient, project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    versions = [f"{project}/local:{number:012}" for number in range(1, 5)]
    for name in [*versions, f"{project}/gone:{9:012}"]:
        build(engine, name)
    labels = {**OF_THIS_TEST, clean.PROJECT: project, clean.STACK: "local"}
    # The built times are whole seconds, and the same here; then the hash decides.
    with ExitStack() as after:
        database = engine.containers.create(versions[3], ["never", "started"], labels=labels)
        after.callback(database.remove, force=True)
        clean.command.callback(everything=False)
        assert [name for name in versions if engine.images.list(name)] == versions[1:]
        assert not engine.images.list(f"{project}/gone:{9:012}")
        assert f"kept    {versions[1]}: a version to go back to (clean --all removes it)" in capsys.readouterr().out
        clean.command.callback(everything=True)
        assert [name for name in versions if engine.images.list(name)] == versions[3:], "a container has it"
