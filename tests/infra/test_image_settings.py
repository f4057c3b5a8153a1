"""Settings about the image: Dockerfile, stage and arguments reach builder and hash; what a mount must not hide."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from infra.content import Recipe, content_hash


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A project with its Dockerfile in a subfolder."""
    folder = tmp_path / "site"
    (folder / "compose" / "production").mkdir(parents=True)
    (folder / "manage.py").write_text("")
    (folder / "compose" / "production" / "Dockerfile").write_text("FROM scratch AS base\nFROM base AS web\n")
    return folder


OWN = {"dockerfile": "compose/production/Dockerfile", "build-target": "web", "build-args": {"LANG": "de", "FAST": True}}


@pytest.mark.parametrize("platform", ["local", "cloud"])
def test_dockerfile_stage_and_arguments_reach_the_builder(platform: str, site: Path, program: Any, cloud: Any) -> None:
    run = {"local": program, "cloud": cloud}[platform]({**OWN, "app-path": str(site)})
    build = run["image"].inputs["build"]
    assert build["dockerfile"] == str(site / "compose/production/Dockerfile")
    assert (build["context"], build["target"]) == (str(site), "web")
    assert build["args"] == {"PYTHON_IMAGE": "python:3.13-slim-trixie", "LANG": "de", "FAST": "true"}


def test_without_them_nothing_about_the_build_is_new(program: Any) -> None:
    assert sorted(program()["image"].inputs["build"]) == ["args", "context", "dockerfile", "platform"]


def test_each_of_them_is_another_image(site: Path) -> None:
    (site / "Dockerfile").write_text("FROM scratch\n")
    usual = content_hash(site, {})
    sub = content_hash(site, {}, recipe=Recipe("compose/production/Dockerfile"))
    stage = content_hash(site, {}, recipe=Recipe("compose/production/Dockerfile", "web"))
    assert len({usual, sub, stage, content_hash(site, {"LANG": "de"})}) == 4


def test_the_ignore_file_beside_the_named_dockerfile_is_the_one_that_counts(site: Path) -> None:
    recipe = Recipe("compose/production/Dockerfile")
    (site / "compose" / "production" / "Dockerfile.dockerignore").write_text("notes\n")
    before = content_hash(site, {}, recipe=recipe)
    (site / "notes").write_text("not in the image")
    assert content_hash(site, {}, recipe=recipe) == before
    (site / ".dockerignore").write_text("manage.py\n")
    (site / "manage.py").write_text("changed\n")
    assert content_hash(site, {}, recipe=recipe) != before


@pytest.mark.parametrize("folder", ["dist", "static/app/dist"])
def test_empty_folders_that_a_mount_made_make_no_other_image(site: Path, folder: str) -> None:
    (site / "Dockerfile").write_text("FROM scratch\n")
    recipe = Recipe(mount_points=[folder])
    before = content_hash(site, {}, recipe=recipe)
    (site / folder).mkdir(parents=True)
    assert content_hash(site, {}, recipe=recipe) == before
    assert content_hash(site, {}) != before
    (site / folder / "bundle.js").write_text("")
    assert content_hash(site, {}, recipe=recipe) != before


def test_what_is_beside_a_mount_point_or_is_no_folder_counts(site: Path) -> None:
    (site / "Dockerfile").write_text("FROM scratch\n")
    recipe = Recipe(mount_points=["static/dist"])
    hashes = [content_hash(site, {}, recipe=recipe)]
    (site / "static").symlink_to("compose")
    hashes.append(content_hash(site, {}, recipe=recipe))
    (site / "static").unlink()
    (site / "static").write_text("a file")
    hashes.append(content_hash(site, {}, recipe=recipe))
    (site / "static").unlink()
    (site / "static" / "distant").mkdir(parents=True)
    hashes.append(content_hash(site, {}, recipe=recipe))
    assert len(set(hashes)) == 4


def unnamed(run: Any, name: str) -> list[dict[str, str]]:
    """The volumes without a name of a container."""
    return [volume for volume in run[name].inputs.get("volumes", ()) if "volumeName" not in volume]


def test_folders_that_stay_the_images_own_are_volumes_without_a_name(program: Any, site: Path) -> None:
    (site / "Dockerfile").write_text("FROM scratch\n")
    settings = {"app-path": str(site), "mount-source": True, "mount-exclude": "node_modules, static/dist/"}
    paths = [{"containerPath": "/app/node_modules"}, {"containerPath": "/app/static/dist"}]
    run = program(settings | {"processes": {"worker": {"command": "celery"}}})
    assert [unnamed(run, name) for name in ("web", "process-worker-1")] == [paths, paths]
    assert (site / "static" / "dist").is_dir(), "or the engine would make it, as root"
    assert not unnamed(program({**settings, "mount-source": False}), "web")


def test_the_settings_module_is_that_of_the_site_and_of_all_beside_it(program: Any, cloud: Any) -> None:
    processes = {"processes": {"worker": {"command": "celery"}}, "settings-module": "config.settings.stack"}
    run = program(processes)
    for name in ("web", "process-worker-1"):
        assert run.env(name)["DJANGO_SETTINGS_MODULE"] == "config.settings.stack"
    assert "DJANGO_SETTINGS_MODULE" not in program().env("web")
    assert "config.settings.stack" in str(cloud(processes)["task"].inputs["containerDefinitions"])


@pytest.mark.parametrize("platform", ["local", "cloud"])
def test_mail_that_is_the_projects_own_gets_no_variable(platform: str, program: Any, cloud: Any) -> None:
    run = {"local": program, "cloud": cloud}[platform]({"mail": "project"})
    assert "EMAIL_URL" not in str([one.inputs for one in run.resources.values()])


Refused = Callable[..., str]


@pytest.fixture
def refused(as_stack: Any, set_config: Any, site: Path) -> Refused:
    """What the program says of wrong settings of that project."""
    from infra.settings import Settings

    def refused_(settings: dict[str, Any], secrets: tuple[str, ...] = ()) -> str:
        as_stack()
        set_config({"app-path": str(site), **settings}, secrets=secrets)
        with pytest.raises(pulumi.RunError) as error:
            Settings.load()
        return str(error.value)

    return refused_


@pytest.mark.parametrize("written", ["compose/producton/Dockerfile", "/etc/passwd", "../site/Dockerfile", "a\0b"])
def test_a_dockerfile_that_is_not_there_is_refused_and_the_nearest_one_named(refused: Refused, written: str) -> None:
    message = refused({"dockerfile": written})
    assert "Fix: pulumi config set -s local dockerfile compose/production/Dockerfile" in message


def test_without_a_dockerfile_by_its_usual_name_the_one_of_a_subfolder_is_proposed(refused: Refused) -> None:
    message = refused({})
    assert "Fix: pulumi config set -s local dockerfile compose/production/Dockerfile" in message
    assert "app-path is" in message


def test_arguments_of_the_build_are_never_secret(refused: Refused, site: Path) -> None:
    dockerfile = {"dockerfile": "compose/production/Dockerfile"}
    message = refused({**dockerfile, "build-args": {"TOKEN": "TOPSECRET"}}, ("build-args",))
    assert "plain text only, since whoever has the image can read" in message
    assert "pulumi config rm -s local build-args" in message
    assert "TOPSECRET" not in message
    assert "the setting python-image" in refused({**dockerfile, "build-args": {"PYTHON_IMAGE": "python"}})


def test_an_argument_that_looks_secret_is_named_in_one_warning(
    as_stack: Any, set_config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infra.settings import Settings

    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    as_stack()
    set_config({"build-args": {"NPM_TOKEN": "x", "PIP_PASSWORD": "y", "EMPTY_SECRET": ""}})
    Settings.load()
    assert said == [
        "build-args.NPM_TOKEN, build-args.PIP_PASSWORD look like secrets, and can be read by whoever has the image"
    ]
