"""What an image of PostgreSQL said is kept by the image's id, and only that."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.local import image_answers, image_check
from infra.local.image_check import misfit
from tests.infra.local.test_image_check import LABELS, Volume, engine

ID = f"sha256:{'5a' * 32}"
OTHER = f"sha256:{'5b' * 32}"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "django-stack" / "postgres-images"


@pytest.mark.parametrize("musl", [True, False])
def test_an_answer_is_recalled_for_its_image_alone(folder: Path, musl: bool) -> None:
    image_answers.keep(ID, 17, musl=musl)
    assert image_answers.recall(ID) == (17, musl)
    assert image_answers.recall(OTHER) is None
    assert [file.name for file in folder.iterdir()] == [ID.removeprefix("sha256:")], "nothing temporary is left"


@pytest.mark.parametrize("name", ["postgres:17", "sha256:../../etc/passwd", "sha256:5a", ""])
def test_a_name_that_may_mean_another_image_tomorrow_is_not_kept(folder: Path, name: str) -> None:
    image_answers.keep(name, 17, musl=False)
    assert image_answers.recall(name) is None
    assert not folder.exists()


@pytest.mark.parametrize("text", ["", "postgres 17", "postgres seventeen glibc\n", "\0", "postgres 17 glibc\nx"])
def test_a_damaged_file_counts_as_none(folder: Path, text: str) -> None:
    image_answers.keep(ID, 17, musl=False)
    next(folder.iterdir()).write_text(text)
    assert image_answers.recall(ID) is None


def test_a_folder_that_can_not_be_written_is_no_failure(folder: Path) -> None:
    folder.parent.parent.mkdir(exist_ok=True)
    folder.parent.write_text("a file where the folder should be")
    image_answers.keep(ID, 17, musl=False)
    assert image_answers.recall(ID) is None


@pytest.mark.parametrize("home", ["", "relative/cache"])
def test_without_a_folder_of_their_own_answers_are_in_the_home(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    monkeypatch.setenv("HOME", str(tmp_path))
    image_answers.keep(ID, 16, musl=True)
    assert list(tmp_path.glob(".cache/django-stack/postgres-images/*"))


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(image_check, "labels", lambda _: LABELS)
    return SimpleNamespace(stack="local", postgres_image="me/postgis:1", postgres_version=17)


def asked(settings: Any, *output: str, image: str = ID) -> tuple[str, int]:
    """What is wrong with an image that says this, and how many containers were made to hear it."""
    found = engine(Volume(*output))
    found._images = {image: SimpleNamespace(id=image, attrs={"Config": {"Env": []}, "Architecture": "amd64"})}
    return misfit(found, image, settings, "app-database"), len(found.made)


def test_an_image_is_asked_once_on_a_machine(settings: Any) -> None:
    assert asked(settings, "postgres (PostgreSQL) 17.6") == ("", 1)
    assert asked(settings, "postgres (PostgreSQL) 17.6") == ("", 0)
    assert asked(settings, "postgres (PostgreSQL) 17.6", image=OTHER) == ("", 1)


def test_what_was_wrong_with_it_is_still_wrong_the_second_time(settings: Any) -> None:
    first, second = (asked(settings, "postgres (PostgreSQL) 17.6", "musl") for _ in range(2))
    assert "sorts text by musl" in first[0]
    assert second == (first[0], 0)
    settings.postgres_version = 16
    assert "which has PostgreSQL 17, and postgres-version is 16" in asked(settings)[0]


def test_an_image_that_could_not_answer_is_asked_again(settings: Any) -> None:
    first, second = (asked(settings, "sh: not found") for _ in range(2))
    assert "has no program postgres" in first[0]
    assert second == (first[0], 1)
