"""The cache of content hashes: an unchanged folder isn't read, and no change goes unnoticed, whoever hides it."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from infra import content, content_cache
from infra.content import Recipe, content_hash, read_content, warnings
from tests.infra.build_contexts import build_context
from tests.infra.hidden_changes import HIDDEN, with_times_of

RECIPE = Recipe(mount_points=["mounted/here"])
HOUR = 3_600_000_000_000  # ns


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A context that is kept however small, as if its files had been there for an hour."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(content_cache, "MANY", 0)
    monkeypatch.setattr(content_cache, "RACY", -HOUR)
    monkeypatch.setattr(content_cache, "LOCAL", {content_cache.file_system(os.path.realpath(tmp_path))})
    folder = build_context(tmp_path)
    (folder / "a.py").write_text("print(2)\n")
    (folder / "left-out").mkdir()
    (folder / "mounted" / "here").mkdir(parents=True)
    (folder / "link").symlink_to("a.py")
    with (folder / ".dockerignore").open("a") as file:
        file.write("left-out\n!left-out/kept.*\nmounted/here\n")
    return folder


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are read, apart from the Dockerfile and the ignore file."""
    names: list[str] = []
    usual = content._read_digests
    monkeypatch.setattr(content, "_read_digests", lambda files: names.extend(one.name for one in files) or usual(files))
    return names


def hashed(context: Path) -> str:
    return content_hash(context, {}, recipe=RECIPE)


def truth(context: Path) -> str:
    """The hash without a cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", "/dev/null")
        return hashed(context)


def cache_file(tmp_path: Path) -> Path:
    (file,) = (tmp_path / "cache" / "django-stack" / "content").iterdir()
    return file


def test_the_value_is_the_one_that_it_always_was(context: Path) -> None:
    """Tags of images that run, and of those that a stack goes back to."""
    shutil.rmtree(context)
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\nCOPY . .\n")
    (context / "code.py").write_text("print(1)\n")
    (context / "link").symlink_to("code.py")
    (context / "folder").mkdir()
    for name, mode in (("code.py", 0o644), ("Dockerfile", 0o644), ("folder", 0o755)):
        (context / name).chmod(mode)
    expected = "33a268aadcb9e7e56f930f09fd930f23dcdea8ade99dd586f7108d6be0011118"
    for _ in range(2):
        assert content_hash(context, {"A": "b"}, "linux/amd64", Recipe(stage="last")) == expected


def test_an_unchanged_context_is_neither_read_nor_listed(
    context: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = hashed(context)
    assert "code.py" in read
    read.clear()
    monkeypatch.setattr(os, "scandir", lambda _: pytest.fail("a folder is listed"))
    assert hashed(context) == first == truth_by_another_process(context)
    assert read == []


def truth_by_another_process(context: Path) -> str:
    program = "import sys; from pathlib import Path; from infra.content import *; "
    program += "print(content_hash(Path(sys.argv[1]), {}, recipe=Recipe(mount_points=['mounted/here'])))"
    env = os.environ | {"XDG_CACHE_HOME": "/dev/null"}
    told = subprocess.run(
        [sys.executable, "-c", program, str(context)], env=env, check=True, capture_output=True, text=True, timeout=60
    )
    return told.stdout.strip()


def test_of_a_changed_context_only_what_has_changed_is_read(context: Path, read: list[str]) -> None:
    hashed(context)
    read.clear()
    time.sleep(0.02)
    (context / "code.py").write_text("print(3)\n")
    assert hashed(context) == truth(context)
    assert read[0] == "code.py"
    assert read.count("a.py") == 1, "only without the cache"


@pytest.mark.parametrize("change", HIDDEN)
def test_a_change_counts_even_with_the_old_mtime(context: Path, change: str) -> None:
    before = hashed(context)
    time.sleep(0.02)
    path, make = HIDDEN[change]
    with_times_of(context / path, lambda: make(context))
    assert hashed(context) == truth(context) != before
    assert hashed(context) == truth(context), "and once more, by what was kept now"


def test_what_else_makes_an_image_counts(context: Path) -> None:
    seen = {
        content_hash(context, arguments, target, recipe)
        for arguments in ({}, {"A": "1"})
        for target in ("linux/amd64", "linux/arm64")
        for recipe in (Recipe(), Recipe(stage="one"), RECIPE)
    }
    assert len(seen) == 12


@pytest.mark.parametrize("field", ["st_mode", "st_ino", "st_dev", "st_size", "st_mtime_ns", "st_ctime_ns"])
def test_all_of_a_status_counts(context: Path, field: str) -> None:
    """Another inode or device with the same times: a disk that was copied, something mounted over it."""
    status = (context / "code.py").stat()
    names = ("st_mode", "st_ino", "st_dev", "st_size", "st_mtime_ns", "st_ctime_ns")
    other = SimpleNamespace(**{name: getattr(status, name) + (name == field) for name in names})
    hashed(context)
    cache = content_cache.ContentCache(context, (RECIPE.dockerfile, RECIPE.stage, content.PLATFORM))
    assert cache.digest("code.py", status)
    assert cache.digest("code.py", other) is None  # type: ignore[arg-type]


def without_times(status: os.stat_result) -> tuple[int, ...]:
    """A file system whose clock stands still for as long as a test takes."""
    return (status.st_mode, status.st_ino, status.st_dev, status.st_size, 0, 0)


@pytest.mark.parametrize("change", ["code.py", "folder/new"])
def test_what_changes_within_the_tick_in_which_it_was_read_counts(
    context: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_cache, "signature", without_times)
    monkeypatch.setattr(content_cache, "RACY", 3_000_000_000)
    first = hashed(context)
    (context / change).write_text("print(3)\n")
    assert hashed(context) == truth(context) != first


def test_nothing_is_believed_once_the_clock_went_back(context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time that comes again may be the very one that a file had."""
    monkeypatch.setattr(content_cache, "signature", without_times)
    first = hashed(context)
    (context / "code.py").write_text("print(3)\n")
    now = time.time_ns()
    monkeypatch.setattr(content_cache.time, "time_ns", lambda: now - HOUR)
    assert hashed(context) == truth(context) != first


def test_times_to_come_are_not_kept(context: Path, read: list[str]) -> None:
    ahead = time.time_ns() + 2 * HOUR
    os.utime(context / "code.py", ns=(ahead, ahead))
    hashed(context)
    read.clear()
    hashed(context)
    assert read == ["code.py"]


def test_a_file_that_changes_while_it_is_read_is_read_again(context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = content._read_digests

    def reading(files: list[content.Entry]) -> dict[str, bytes]:
        found = usual(files)
        time.sleep(0.02)
        with_times_of(context / "code.py", lambda: (context / "code.py").write_text("print(3)\n"))
        (context / "folder" / "late").write_text("")
        return found

    monkeypatch.setattr(content, "_read_digests", reading)
    first = hashed(context)
    monkeypatch.setattr(content, "_read_digests", usual)
    assert hashed(context) == truth(context) != first


def test_a_damaged_cache_is_not_believed_and_written_anew(context: Path, tmp_path: Path, read: list[str]) -> None:
    expected = hashed(context)
    file = cache_file(tmp_path)
    whole = file.read_bytes()
    damaged = [b"", b"\0" * 100, whole[: len(whole) // 2], whole[:-1], whole + b"\0"]
    damaged.append(whole.replace(b" 1\n", b" 2\n", 1))  # another format
    step = max(1, len(whole) // 40)
    for place in range(0, len(whole), step):
        damaged.append(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    for wrong in damaged:
        file.write_bytes(wrong)
        read.clear()
        assert hashed(context) == expected
        assert "code.py" in read
        read.clear()
        assert hashed(context) == expected
        assert read == []


def test_a_cache_of_another_version_or_context_is_not_believed(
    context: Path, tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed(context)
    file = cache_file(tmp_path)
    other = tmp_path / "other"
    shutil.copytree(context, other, symlinks=True)
    (other / "code.py").write_text("print(4)\n")
    expected = hashed(other)
    (others,) = {*file.parent.iterdir()} - {file}
    shutil.copy(file, others)
    assert hashed(other) == expected
    read.clear()
    monkeypatch.setattr(content_cache, "program", lambda: "newer")
    hashed(context)
    assert "code.py" in read


@pytest.mark.parametrize("cache_home", ["/dev/null", "/proc/none", "relative"])
def test_without_a_cache_folder_everything_is_read(
    context: Path, cache_home: str, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", cache_home)
    monkeypatch.setenv("HOME", "/dev/null")
    monkeypatch.chdir(context.parent)
    hashed(context)
    read.clear()
    assert hashed(context) == truth_by_another_process(context)
    assert "code.py" in read
    assert not (context.parent / "relative").exists()


def test_a_cache_folder_of_somebody_else_is_left_alone(
    context: Path, tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with `sudo -E`: a file of root's in a user's folder could not be replaced by that user."""
    hashed(context)
    file = cache_file(tmp_path)
    before = file.read_bytes()
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    read.clear()
    (context / "code.py").write_text("print(3)\n")
    changed = hashed(context)
    assert "a.py" in read
    assert changed == truth(context)
    assert file.read_bytes() == before


def test_file_systems_whose_times_cannot_be_relied_upon_are_read_each_time(
    context: Path, tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
        f"23 22 0:50 / {context.parent} rw - nfs4 server:/share rw\n"
        "24 22 0:51 / /mnt/a\\040b rw - vfat /dev/sdb1 rw\n"
    )
    monkeypatch.setattr(content_cache, "MOUNTS", mounts)
    monkeypatch.setattr(content_cache, "LOCAL", {"ext4"})
    assert content_cache.file_system("/mnt/a b/c") == "vfat"
    assert content_cache.file_system("/mnt/ab") == "ext4"
    hashed(context)
    read.clear()
    hashed(context)
    assert "code.py" in read


def test_two_at_once_are_both_right(context: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from infra import content_cache; from infra.content import *; "
        "content_cache.MANY = 0; content_cache.RACY = -10**13\n"
        "for turn in range(25):\n"
        "    Path(sys.argv[1], 'folder', sys.argv[2]).touch()\n"  # so that each writes, all the time
        "    content_hash(Path(sys.argv[1]), {})\n"
        "print(content_hash(Path(sys.argv[1]), {}))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(context), name], stdout=subprocess.PIPE, text=True)
        for name in ("one", "two")
    ]
    for one in running:
        one.communicate(timeout=60)
    assert [one.returncode for one in running] == [0, 0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", "/dev/null")
        expected = content_hash(context, {})
    assert content_hash(context, {}) == expected
    assert cache_file(tmp_path), "and no temporary file"


def test_what_belongs_to_no_context_any_more_is_removed(context: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(context, other, symlinks=True)
    hashed(other)
    folder = cache_file(tmp_path).parent
    (folder / "of-another-program").write_bytes(b"x" * 100)
    (folder / "killed.tmp").touch()
    os.utime(folder / "killed.tmp", (0, 0))
    (folder / "at-work.tmp").touch()
    shutil.rmtree(other)
    hashed(context)
    assert len([*folder.iterdir()]) == 2, "this context's, and what another program writes just now"
    assert (folder / "at-work.tmp").exists()


def test_the_cache_is_for_its_user_alone(context: Path, tmp_path: Path) -> None:
    hashed(context)
    file = cache_file(tmp_path)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_of_a_small_context_nothing_is_kept(context: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_cache, "MANY", 100)
    hashed(context)
    assert not (tmp_path / "cache").exists()
    (context / "large").write_bytes(b"")
    os.truncate(context / "large", 20_000_000)
    hashed(context)
    assert cache_file(tmp_path)


def test_an_unchanged_context_is_warned_about_as_before(context: Path) -> None:
    """And a link that leads out of it may have broken meanwhile."""
    (context / ".env").write_text("KEY=1\n")
    (context / "out").symlink_to("../outside")
    (context.parent / "outside").write_text("")
    first = warnings(context, read_content(context, {}))
    assert any(".env" in warning for warning in first)
    assert warnings(context, read_content(context, {})) == first
    (context.parent / "outside").unlink()
    assert any("out of" in warning for warning in {*warnings(context, read_content(context, {}))} - {*first})
