"""The content hash: equal for equal content, different for whatever the image would differ by."""

import os
import socket
import subprocess
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest

from infra import dockerignore
from infra.content import Recipe, content_hash
from tests import ROOT
from tests.infra.build_contexts import build_context

NOBODY = 65534


@pytest.fixture
def context(tmp_path: Path) -> Path:
    return build_context(tmp_path)


def as_nobody(do: Callable[[], object]) -> str:
    """What a function gives, or raises, in a process whose user may read only what everybody may."""
    if os.getuid() != 0:
        return outcome(do)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writing, outcome(do).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return text


def outcome(do: Callable[[], object]) -> str:
    try:
        return str(do())
    except pulumi.RunError as error:
        return f"RunError: {error}"
    except BaseException:
        return traceback.format_exc()


def open_to_nobody(path: Path) -> None:
    """pytest's folders are for their owner alone."""
    for folder in path.parents:
        if any(name.startswith("pytest-") for name in folder.parts):
            folder.chmod(0o755)


def test_equal_content_gives_the_equal_hash_whenever_it_was_written(context: Path) -> None:
    before = content_hash(context, {})
    time.sleep(0.01)
    (context / "code.py").write_text("print(1)\n")
    assert content_hash(context, {}) == before


def test_ignored_files_do_not_count(context: Path) -> None:
    before = content_hash(context, {})
    (context / "debug.log").write_text("noise")
    (context / "__pycache__").mkdir()
    (context / "__pycache__" / "code.pyc").write_bytes(b"noise")
    assert content_hash(context, {}) == before


@pytest.mark.parametrize("name", ["keep.log", "other.py", "code.py"])
def test_every_other_file_counts(context: Path, name: str) -> None:
    before = content_hash(context, {})
    (context / name).write_text("new")
    assert content_hash(context, {}) != before


@pytest.mark.report("aws-cdk#6072")
@pytest.mark.parametrize("name", ["code.py", "folder"])
def test_each_mode_counts(context: Path, name: str) -> None:
    seen = set()
    for mode in (0o600, 0o640, 0o644, 0o664, 0o755, 0o700, 0o4755):
        (context / name).chmod(mode)
        seen.add(content_hash(context, {}))
    assert len(seen) == 7


@pytest.mark.report("aws-cdk#6072")
def test_the_umask_of_a_checkout_does_not_count_where_the_dockerfile_gives_all_files_the_same_modes(
    context: Path,
) -> None:
    """As the gallery's does, and the one in the docs."""
    gallery = (ROOT / "app" / "Dockerfile").read_text()
    page = (ROOT / "docs" / "bring-your-own.md").read_text()
    for dockerfile in (gallery, page.partition("```dockerfile\n")[2].partition("```")[0]):
        (context / "Dockerfile").write_text(dockerfile)
        seen = set()
        for umask in (0o022, 0o077, 0o002):
            for path in context.rglob("*"):
                path.chmod((0o777 if path.is_dir() else 0o666) & ~umask)
            seen.add(content_hash(context, {}))
        assert len(seen) == 1
        (context / "code.py").chmod(0o755)
        assert content_hash(context, {}) not in seen, "an execute bit is left"


@pytest.mark.report("aws-cdk#6072")
@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM scratch\nCOPY . .\n# chmod -R u=rwX,go=rX .\n",
        "FROM scratch\nRUN chmod -R u=rwX,go=rX .\nCOPY . .\n",
        "FROM scratch\nCOPY . .\nRUN chmod -R u=rwX,go=rX ./folder\n",
        "FROM scratch AS one\nCOPY . .\nRUN chmod -R u=rwX,go=rX .\nFROM scratch\nCOPY . .\n",
    ],
)
def test_modes_count_where_the_dockerfile_does_not_give_all_files_the_same(context: Path, dockerfile: str) -> None:
    (context / "Dockerfile").write_text(dockerfile)
    before = content_hash(context, {})
    (context / "code.py").chmod(0o600)
    assert content_hash(context, {}) != before


@pytest.mark.report("aws-cdk#6072")
@pytest.mark.parametrize(
    ("stage", "count"),
    [
        ("", False),
        ("prod", True),
        ("PROD", True),
        ("1", True),
        ("2", False),
        ("base", False),
        ("0", False),
        ("x", False),
    ],
)
def test_modes_count_by_the_stage_that_is_built(context: Path, stage: str, count: bool) -> None:
    """Unknown stages are the last one here; the builder refuses them."""
    same = "COPY . .\nRUN chmod -R u=rwX,go=rX .\n"
    (context / "Dockerfile").write_text(
        f"ARG X=scratch\nFROM --platform=linux/amd64 $X AS base\n{same}from base as Prod\nCOPY . .\nFROM base\n{same}"
    )
    recipe = Recipe(stage=stage)
    before = content_hash(context, {}, recipe=recipe)
    (context / "code.py").chmod(0o600)
    assert (content_hash(context, {}, recipe=recipe) != before) is count


@pytest.mark.report("aws-cdk#6072")
def test_a_tab_after_an_instruction_is_a_space(context: Path) -> None:
    (context / "Dockerfile").write_text("FROM scratch\nRUN chmod -R u=rwX,go=rX .\nCOPY\t. .\n")
    (context / "a.py").touch(mode=0o644)
    before = content_hash(context, {})
    (context / "a.py").chmod(0o600)
    assert content_hash(context, {}) != before


@pytest.mark.report("aws-cdk#6072")
def test_an_empty_folder_counts(context: Path) -> None:
    before = content_hash(context, {})
    (context / "empty").mkdir()
    assert content_hash(context, {}) != before


@pytest.mark.report("aws-cdk#6072")
def test_where_a_symbolic_link_leads_counts_and_not_what_is_there(context: Path) -> None:
    (context / "link").symlink_to("code.py")
    before = content_hash(context, {})
    (context / "code.py").chmod(0o644)
    assert content_hash(context, {}) == before
    (context / "link").unlink()
    (context / "link").symlink_to("nowhere")
    after = content_hash(context, {})
    assert after != before
    (context / "link").unlink()
    (context / "link").symlink_to("link")
    assert content_hash(context, {}) not in {before, after}


@pytest.mark.report("aws-cdk#6072")
def test_the_dockerfile_counts_even_where_it_is_ignored(context: Path) -> None:
    (context / ".dockerignore").write_text("Dockerfile\n.dockerignore\n")
    before = content_hash(context, {})
    (context / "Dockerfile").write_text("FROM scratch\n")
    assert content_hash(context, {}) != before


@pytest.mark.report("aws-cdk#6072")
def test_the_dockerfiles_own_ignore_file_comes_first(context: Path) -> None:
    (context / "Dockerfile.dockerignore").write_text("*.txt\n")
    before = content_hash(context, {})
    (context / "a.txt").write_text("ignored")
    assert content_hash(context, {}) == before
    (context / "a.log").write_text("seen, though .dockerignore names it")
    assert content_hash(context, {}) != before


@pytest.mark.parametrize("pattern", ["[a", "a\\", "!", "[z-a]"])
def test_a_pattern_that_is_none_is_named(context: Path, pattern: str) -> None:
    (context / ".dockerignore").write_text(f"*.log\n{pattern}\n")
    with pytest.raises(pulumi.RunError, match=r"is no pattern.*Fix: correct that line of .*/.dockerignore"):
        content_hash(context, {})


def test_base_image_and_platform_count(context: Path) -> None:
    hashes = {
        content_hash(context, {"PYTHON_IMAGE": "a"}, "linux/amd64"),
        content_hash(context, {"PYTHON_IMAGE": "b"}, "linux/amd64"),
        content_hash(context, {"PYTHON_IMAGE": "a"}, "linux/arm64"),
    }
    assert len(hashes) == 3


def test_special_files_are_not_opened_and_sockets_are_no_part_of_a_context(context: Path) -> None:
    before = content_hash(context, {})
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(context / "app.sock"))
        assert content_hash(context, {}) == before
    os.mkfifo(context / "fifo")
    assert content_hash(context, {}) != before


@pytest.mark.parametrize("name", [b"caf\xe9.py", b"two\nlines", b" ", "\N{SNOWMAN}".encode(), b"a" * 255])
def test_any_name_counts(context: Path, name: bytes) -> None:
    before = content_hash(context, {})
    path = context / os.fsdecode(name)
    path.touch()
    after = content_hash(context, {})
    path.rename(context / os.fsdecode(name[:-1] + b"x"))
    assert len({before, after, content_hash(context, {})}) == 3


def test_a_name_cannot_be_taken_for_another_file(context: Path) -> None:
    """Whatever stands between the names in what is hashed."""
    (context / "a\nb").write_text("")
    one = content_hash(context, {})
    (context / "a\nb").unlink()
    (context / "a").write_text("")
    (context / "b").write_text("")
    assert content_hash(context, {}) != one


def test_a_file_that_vanishes_meanwhile_is_not_there(context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content_hash(context, {})
    gone = dockerignore.Entry("gone", str(context / "gone"), (context / "code.py").stat())
    entries = dockerignore.Context.entries
    monkeypatch.setattr(dockerignore.Context, "entries", lambda self: iter([*entries(self), gone]))
    assert content_hash(context, {}) == before


def test_a_context_reached_by_a_symbolic_link_and_a_dockerfile_that_is_one_count_by_content(context: Path) -> None:
    link = context.parent / "link"
    link.symlink_to(context)
    assert content_hash(link, {}) == content_hash(context, {})
    (context / "Dockerfile").rename(context.parent / "Dockerfile")
    (context / "Dockerfile").symlink_to("../Dockerfile")
    before = content_hash(context, {})
    (context.parent / "Dockerfile").write_text("FROM scratch\n")
    assert content_hash(context, {}) != before


@pytest.mark.report("docker-library/postgres#708")
@pytest.mark.parametrize("name", ["data", "data/file", "a b'c"])
def test_what_cannot_be_read_is_one_line_with_the_path_and_a_fix_that_works(context: Path, name: str) -> None:
    (context / "data").mkdir()
    path = context / name
    if name != "data":
        path.write_text("")
    open_to_nobody(context)
    path.chmod(0)
    try:
        message = as_nobody(lambda: content_hash(context, {}))
        beginning = f"RunError: app-path is {context}, and {name} in it can't be read (Permission denied)"
        assert message.startswith(beginning)
        assert "\n" not in message
        fix = message.partition("leave it out of the image, ")[2].partition(", or make it readable, ")[0]
        subprocess.run(["sh", "-euc", fix], check=True, cwd="/")
        assert len(as_nobody(lambda: content_hash(context, {}))) == 64
    finally:
        path.chmod(0o755)


@pytest.mark.report("docker-library/postgres#708")
def test_an_app_that_cannot_be_read_at_all_is_one_line(context: Path) -> None:
    open_to_nobody(context)
    context.chmod(0)
    try:
        message = as_nobody(lambda: content_hash(context, {}))
        assert message == (
            f"RunError: app-path is {context}, which can't be read (Permission denied), nothing was changed. "
            f"Fix: chmod u+rX {context}"
        )
    finally:
        context.chmod(0o755)


@pytest.mark.report("docker-library/postgres#708")
def test_a_folder_in_place_of_the_ignore_file_is_moved_away(context: Path) -> None:
    (context / ".dockerignore").unlink()
    (context / ".dockerignore").mkdir()
    with pytest.raises(pulumi.RunError, match=r"\.dockerignore in it can't be read \(Is a directory\)") as error:
        content_hash(context, {})
    subprocess.run(["sh", "-c", str(error.value).partition(" Fix: ")[2]], check=True, timeout=10)
    assert content_hash(context, {})


@pytest.mark.report("docker-library/postgres#708")
def test_the_program_says_it_before_anything_is_registered(
    program: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / ".dockerignore").write_text("[\n")
    for platform in ("local", "cloud"):
        with pytest.raises(pulumi.RunError, match="nothing was changed"):
            program({"app-path": str(tmp_path)}, platform=platform)
