"""Uploads and dumps in a project's folder stay out of its image; what the project needs doesn't."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infra import dockerignore
from infra.adoption.media import media_folders
from infra.adoption.planning import Plan
from infra.adoption.project import Project
from tests.joining import projects
from tests.joining.conftest import text_of
from tests.joining.projects import Trait

MakeProject = Callable[..., Project]


def media_root(line: str, path: str = "shop/settings.py") -> Trait:
    return lambda folder: projects.add(folder, path, f"{line}\n")


def file(path: str, text: str = "a file\n") -> Trait:
    return lambda folder: projects.write(folder, path, text)


@pytest.mark.parametrize(
    ("line", "folder"),
    [
        ('MEDIA_ROOT = BASE_DIR / "uploads"', "uploads"),
        ('MEDIA_ROOT = BASE_DIR / "var" / "uploads"', "var/uploads"),
        ('MEDIA_ROOT: str = os.path.join(BASE_DIR, "uploads/")', "uploads"),
        ('MEDIA_ROOT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "up")', "up"),
        ('MEDIA_ROOT = str(Path(__file__).resolve().parents[1].joinpath("up"))', "up"),
        ('MEDIA_ROOT = os.environ.get("MEDIA_ROOT", BASE_DIR / "up")', "up"),
        ('MEDIA_ROOT = env("MEDIA_ROOT", default=str(BASE_DIR / "up"))', "up"),
        ('MEDIA_ROOT = os.environ.get("MEDIA_ROOT") or f"{BASE_DIR}/up"', "up"),
        ('MEDIA_ROOT = str(BASE_DIR) + "/up"', "up"),
        ('MEDIA_ROOT = Path(BASE_DIR, "up")', "up"),
        ('MEDIA_ROOT = "up"', "up"),
        ('if DEBUG:\n    MEDIA_ROOT = BASE_DIR / "up"\nelse:\n    MEDIA_ROOT = "/srv/media"', "up"),
    ],
)
def test_uploads_are_where_the_settings_say(line: str, folder: str, read: MakeProject) -> None:
    assert media_folders(read(media_root(line))) == [folder]


@pytest.mark.parametrize(
    "line",
    ["MEDIA_ROOT = BASE_DIR", 'MEDIA_ROOT = ""', 'MEDIA_ROOT = "/srv/media"', 'MEDIA_ROOT = BASE_DIR.parent / "up"',
     "MEDIA_ROOT = made_up()", 'MEDIA_ROOT = os.environ["MEDIA_ROOT"]', 'MEDIA_ROOT = BASE_DIR / "static" / "up"'],
)  # fmt: skip
def test_what_is_not_in_the_project_or_cannot_be_read_is_left_alone(line: str, read: MakeProject) -> None:
    assert media_folders(read(media_root(line))) == []


def test_settings_that_take_others_take_their_folder(read: MakeProject) -> None:
    base = media_root('MEDIA_ROOT = BASE_DIR / "uploads"', "shop/settings/base.py")
    assert media_folders(read(projects.settings_package, base)) == ["uploads"]


@pytest.mark.parametrize("line", ["media/", "/media", "media/*\n!media/.gitkeep", "**/media/"])
def test_a_folder_media_that_git_passes_over_is_one(line: str, read: MakeProject) -> None:
    assert media_folders(read(file(".gitignore", f"*.pyc\n{line}\n"))) == ["media"]


def test_a_folder_in_one_that_git_passes_over_is_one_whatever_is_in_it(read: MakeProject) -> None:
    named = media_root('MEDIA_ROOT = BASE_DIR / "var" / "up"')
    page = file("var/up/page.html")
    assert media_folders(read(named, page)) == []
    assert media_folders(read(named, page, file(".gitignore", "/var/\n"))) == ["var/up"]


def test_a_folder_may_say_itself_that_git_passes_over_it(read: MakeProject) -> None:
    assert media_folders(read(file("media/.gitignore", "*\n!.gitignore\n"))) == ["media"]


@pytest.mark.parametrize(
    "traits",
    [
        (file("media/logo.png"),),
        (file("media/__init__.py", ""), file(".gitignore", "media/\n")),
        (file("media/site.css"), media_root('MEDIA_ROOT = BASE_DIR / "media"')),
        (file(".gitignore", "media/*\n!media/demo/\n"),),
    ],
)
def test_a_folder_of_the_project_s_own_stays_in_the_image(traits: tuple[Trait, ...], read: MakeProject) -> None:
    assert media_folders(read(*traits)) == []


def test_uploads_and_dumps_are_not_in_the_image_and_the_project_is(
    planned: Callable[..., Plan], tmp_path: Path
) -> None:
    found = planned(
        media_root('MEDIA_ROOT = BASE_DIR / "media"'),
        file("media/photos/passport.jpg"),
        file("latest.dump"),
        file("latest.dump.1"),
        file("data/old.dump"),
        file("shop.sql.gz"),
        file("papers/fixtures/places.sql"),
        file("papers/fixtures/more.sql.gz"),
        file("papers/media/papers/icon.svg"),
    )
    patterns = dockerignore.read_patterns(text_of(found, "Dockerfile.stack.dockerignore").encode())
    sent = {entry.name for entry in dockerignore.Context(tmp_path / "shop", patterns).entries()}
    assert not [name for name in sent if name.startswith(("media", "latest", "data/", "shop.sql"))]
    needed = {"fixtures/places.sql", "fixtures/more.sql.gz", "media/papers/icon.svg", "models.py"}
    assert {f"papers/{name}" for name in needed} <= sent


def test_what_the_project_s_own_dockerignore_sends_is_sent(planned: Callable[..., Plan]) -> None:
    found = planned(media_root('MEDIA_ROOT = BASE_DIR / "media"'), file(".dockerignore", "*\n!shop\n!/media/demo\n"))
    assert "media" not in text_of(found, "Dockerfile.stack.dockerignore").splitlines()
