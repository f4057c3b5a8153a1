"""Files in a folder are media, too; here without the container, since the program in it is the same."""

import io
import mimetypes
import os
from pathlib import Path

import pytest
from django_stack import media_types

from infra.commands.data import media_copy
from infra.commands.data.ends import DataError
from infra.commands.data.media import GoneError, Headers, ObjectError
from infra.commands.data.media_folder import TYPES, FolderMedia, headers_of
from tests.infra.commands.data.memory_media import MemoryMedia, tag


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "media").mkdir()
    return tmp_path / "media"


def media(folder: Path) -> FolderMedia:
    return FolderMedia("a", [], str(folder))


def test_a_folder_arrives_in_another_one_and_a_second_copy_moves_nothing(folder: Path, tmp_path: Path) -> None:
    files = {f"a/{number}/ü {number}.png": os.urandom(number * 1000) for number in range(30)}
    for key, content in files.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(content)
    other = tmp_path / "other"
    other.mkdir()
    outcome = media_copy.copy(media(folder), media(other))
    assert outcome.copied.objects == 30
    assert {key: (other / key).read_bytes() for key in files} == files
    assert media_copy.copy(media(folder), media(other)).copied.objects == 0


def test_files_are_listed_with_their_sums_and_typed_by_their_names(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "x.png").write_bytes(b"12")
    (folder / ".django-stack-copy-1").write_bytes(b"unfinished")
    end = media(folder)
    (found,) = end.objects()
    assert (found.key, found.size, found.tag) == ("sub/x.png", 2, tag(b"12"))
    with end.open(found) as body:
        assert body.headers == Headers({"ContentType": "image/png"})
        assert body.read(1) == b"1"
    with end.open(found) as body:  # although nobody read it to its end before
        assert body.read(10) == b"12"


@pytest.mark.parametrize(
    "key",
    ["x.png", "a/b.webp", "notes.txt", "x.pdf", "page.html", "x.svg", "x.svgz", "x.js", "notes.txt.gz", "unknown"],
)
def test_a_file_gets_the_headers_that_an_upload_has(key: str) -> None:
    """Or a page that a visitor uploaded would run its scripts, once it was copied into a bucket."""
    uploaded = {name.replace("-", ""): value for name, value in media_types.headers(key).items()}
    if uploaded["ContentType"] == "application/octet-stream":
        del uploaded["ContentType"]  # S3 has a type for what has none
    assert headers_of(key) == Headers(uploaded)


def test_they_are_the_same_where_the_machine_knows_no_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mimetypes, "guess_type", lambda *_, **__: (None, None))
    for suffix, kind in TYPES.items():
        assert media_types.headers(f"one{suffix}") == {"Content-Type": kind}
        assert headers_of(f"one{suffix}") == Headers({"ContentType": kind})


def test_what_is_deleted_meanwhile_is_gone_and_the_next_file_is_read(folder: Path) -> None:
    (folder / "one").write_bytes(b"1")
    (folder / "two").write_bytes(b"2")
    end, target = media(folder), MemoryMedia("b")
    listed = list(end.objects())
    (folder / "one").unlink()
    with pytest.raises(GoneError), end.open(next(one for one in listed if one.key == "one")):
        pass
    media_copy.copy(end, target)
    assert target.contents() == {"two": b"2"}


def test_a_file_whose_name_is_not_utf_8_is_counted_and_the_others_are_copied(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / os.fsdecode(b"caf\xe9.png")).write_bytes(b"latin-1")
    for name in ("café.png", "\ufffd.png"):
        (folder / name).write_bytes(b"utf-8")
    target = MemoryMedia("b")
    with pytest.raises(DataError, match="1 object couldn't be copied: its name isn't UTF-8"):
        media_copy.copy(media(folder), target, names=True)
    assert target.contents() == {"café.png": b"utf-8", "\ufffd.png": b"utf-8"}
    assert "caf\ufffd.png" in capsys.readouterr().err
    with pytest.raises(DataError, match="can't be removed from a: its name isn't UTF-8"):
        media_copy.copy(target, media(folder), delete=True)


@pytest.mark.parametrize("key", ["../outside", "/outside", "a/../b", "a//b", "folder", "file/below", ".", "x/"])
def test_a_key_that_is_no_file_below_the_folder_is_refused_and_the_next_is_written(folder: Path, key: str) -> None:
    (folder / "folder").mkdir()
    (folder / "file").write_bytes(b"file")
    end = media(folder)
    with pytest.raises(ObjectError):
        end.write(key, io.BytesIO(b"x" * 300_000), 300_000, Headers(), 0)
    end.write("next", io.BytesIO(b"next"), 4, Headers(), 0)
    assert (folder / "next").read_bytes() == b"next"
    assert sorted(one.name for one in folder.parent.rglob("*")) == ["file", "folder", "media", "next"]


def test_a_write_that_breaks_off_leaves_the_old_file(folder: Path) -> None:
    (folder / "x").write_bytes(b"old")
    with pytest.raises(RuntimeError, match="broke off"):
        media(folder).write("x", Breaking(b"new"), 10, Headers(), 0)
    assert [(one.name, one.read_bytes()) for one in folder.iterdir()] == [("x", b"old")]


class Breaking(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        if content := super().read(size):
            return content
        raise RuntimeError("broke off")


def test_files_are_removed(folder: Path) -> None:
    (folder / "x").write_bytes(b"x")
    media(folder).remove(["x", "not there"])
    assert list(folder.iterdir()) == []
