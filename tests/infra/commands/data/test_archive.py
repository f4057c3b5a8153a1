"""An archive gives back what it was made of, and one that isn't whole is refused before anything of it is used."""

import gzip
import hashlib
import io
import json
import random
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pyrage
import pytest

from infra.commands.data import archive, dumping
from infra.commands.data.archive_reader import ArchiveReader, DatabaseArchive, opened
from infra.commands.data.encryption import NoKeyError, identities, recipients
from infra.commands.data.ends import SECTIONS, DataError
from infra.commands.data.media import Headers, Object, ObjectError
from tests.infra.commands.data.memory_media import Kept, MemoryMedia

PIECE = 50_000  # bytes, so that a section has several
SECTION = {
    "pre-data": b"create table",
    "data": random.Random(1).randbytes(PIECE + 1) + b"\0" * 2 * PIECE,
    "post-data": b"",
}


@dataclass
class MemoryDatabase:
    """The database's end, as far as a dump asks it."""

    production: bool = False
    version: int = 17
    size: int = 3 * PIECE
    extensions: tuple[str, ...] = ("citext",)
    rows: dict[str, int] = field(default_factory=lambda: {"public.a": 3})

    @contextmanager
    def archive(self) -> Iterator["MemoryDatabase"]:
        yield self

    @contextmanager
    def open(self, section: str, *, compress: bool = False) -> Iterator[IO[bytes]]:
        yield io.BytesIO(SECTION[section])


@pytest.fixture(autouse=True)
def applied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dumping, "migrations", lambda name: ["gallery.0001_initial"])
    monkeypatch.setattr(archive, "PIECE", PIECE)


def media() -> MemoryMedia:
    end = MemoryMedia("a")
    numbers = random.Random(2)
    odd = ("../up", "/root", "folder/", "a//b", "l\nf")
    for key in ("a/b/c.png", "ü é/+?.jpg", "x" * 255 + "/" + "y" * 250, "empty", *odd):
        headers = Headers({"ContentType": "image/png", "CacheControl": "max-age=60"}, {"owner": "é"})
        end.kept[key] = Kept(b"" if key == "empty" else numbers.randbytes(5000), 0, headers)
    end.kept["in parts"] = Kept(numbers.randbytes(2_000_000), 300_000, Headers({"ContentType": "video/mp4"}))
    return end


def dumped(end: MemoryMedia | None = None, keys: tuple[str, ...] = (), production: bool = False) -> bytes:
    out = io.BytesIO()
    database = MemoryDatabase(production)
    dumping.dump("cloud", "shop", out, database, end or media(), recipients(keys))  # type: ignore[arg-type]
    return out.getvalue()


@pytest.fixture(scope="module")
def content() -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dumping, "migrations", lambda name: ["gallery.0001_initial"])
        patch.setattr(archive, "PIECE", PIECE)
        return dumped()


def test_database_media_and_manifest_come_back_as_they_were(content: bytes) -> None:
    with opened(io.BytesIO(content), []) as reader:
        manifest = reader.manifest
        assert (manifest.project, manifest.stack, manifest.production) == ("shop", "cloud", False)
        part = manifest.database
        assert part
        assert (part.version, part.extensions, part.rows) == (17, ["citext"], {"public.a": 3})
        assert part.migrations == ["gallery.0001_initial"]
        assert manifest.media
        assert manifest.media.objects == 10
        archive = DatabaseArchive(reader, part)
        assert (archive.version, archive.extensions, archive.rows) == (17, ("citext",), {"public.a": 3})
        for section in SECTIONS:
            with archive.open(section) as stream:
                assert stream.read() == SECTION[section]
        target = MemoryMedia("b", own=b"1")
        assert dumping.load_media(reader, target, delete=False, names=False).copied.objects == 10
        assert target.kept.pop("own").content == b"1"
        assert target.kept == media().kept
        target.done.clear()
        assert dumping.load_media(reader, target, delete=False, names=False).copied.objects == 0
        assert target.done == []


class Counted(io.BytesIO):
    """A file that counts the bytes that are read of it."""

    count = 0

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(size)
        self.count += len(content)
        return content


def test_a_section_is_read_to_its_own_end_and_not_to_that_of_the_media(content: bytes) -> None:
    file, most = Counted(content), content.index(b"media/") + 2 * archive.BLOCK
    assert most < len(content) / 2, "the media are the most of it"
    with closing(ArchiveReader(file, [])) as reader:
        assert file.count >= len(content.rstrip(b"\0")), "it was verified"
        for section in ("pre-data", "data"):
            file.count = 0
            with reader.section(section) as stream:
                assert stream.read() == SECTION[section]
            assert 0 < file.count < most


def test_tar_and_zcat_unpack_it_too(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(content)
    subprocess.run(["tar", "-xf", "x.tar"], cwd=tmp_path, check=True)
    pieces = sorted((tmp_path / "database" / "data").iterdir())
    assert gzip.decompress(b"".join(one.read_bytes() for one in pieces)) == SECTION["data"]
    assert (tmp_path / "media" / "a" / "b" / "c.png").read_bytes() == media().kept["a/b/c.png"].content
    assert not (tmp_path.parent / "up").exists()
    index = (tmp_path / "index.jsonl").read_bytes()
    assert (tmp_path / "index.sha256").read_text().strip() == hashlib.sha256(index).hexdigest()
    for line in map(json.loads, index.splitlines()):
        member = tmp_path / line["name"]
        assert (member.stat().st_size, hashlib.sha256(member.read_bytes()).hexdigest()) == (
            line["size"],
            line["sha256"],
        )


@pytest.mark.parametrize(
    "where",
    [
        lambda content: content.index(b'"project"'),
        lambda content: content.index(b"database/data/000002.gz"),
        lambda content: content.index(media().kept["in parts"].content[1000:1100]),
        lambda content: content.rindex(b'"sha256"'),
        lambda content: len(content.rstrip(b"\0")) - 10,  # in the index's own sum
    ],
    ids=["manifest", "name", "object", "index", "sum"],
)
def test_a_changed_byte_is_found_before_anything_is_used(content: bytes, where: Callable[[bytes], int]) -> None:
    damaged = bytearray(content)
    damaged[where(content)] ^= 1
    with pytest.raises(DataError), opened(io.BytesIO(damaged), []):
        pytest.fail("it was opened")


@pytest.mark.parametrize("rest", [0, 100, 512, 100_000, 2_000_000])
def test_a_truncated_archive_is_refused(content: bytes, rest: int) -> None:
    end = content.rstrip(b"\0")  # a tar ends with blocks of zeros
    with pytest.raises(DataError), opened(io.BytesIO(end[:rest] if rest < 1000 else end[:-rest]), []):
        pytest.fail("it was opened")


def test_a_member_more_or_less_than_in_the_index_is_found(content: bytes) -> None:
    for change in ("more", "less"):
        out = io.BytesIO()
        with tarfile.open(fileobj=io.BytesIO(content)) as old, tarfile.open(fileobj=out, mode="w") as new:
            for info in old:
                if change == "less" and info.name == "media/a/b/c.png":
                    continue
                new.addfile(info, old.extractfile(info))
            if change == "more":
                new.addfile(tarfile.TarInfo("media/extra"), io.BytesIO())
        with pytest.raises(DataError, match="damaged"), opened(io.BytesIO(out.getvalue()), []):
            pytest.fail("it was opened")


@pytest.mark.parametrize(
    "wrong",
    [b"", b"not a tar", b"x" * 2000, gzip.compress(b"x" * 2000)],
    ids=["nothing", "short", "long", "gzip"],
)
def test_what_is_no_archive_is_refused_in_one_line(wrong: bytes) -> None:
    with pytest.raises(DataError) as caught, opened(io.BytesIO(wrong), []):
        pytest.fail("it was opened")
    assert "\n" not in str(caught.value)


def test_an_archive_of_a_newer_format_is_refused() -> None:
    from infra.commands.data.archive import Manifest

    manifest = json.loads(Manifest("shop", "cloud", "2026-01-31T00:00:00+00:00", production=False).as_json())
    with pytest.raises(DataError, match="format 2"):
        Manifest.of(json.dumps({**manifest, "format": 2, "more": 1}).encode())


@pytest.fixture
def key(tmp_path: Path) -> tuple[str, Path]:
    identity = pyrage.x25519.Identity.generate()
    file = tmp_path / "key.txt"
    file.write_text(f"# created: today\n{identity}\n")
    return str(identity.to_public()), file


def test_an_encrypted_archive_is_read_with_the_private_key_alone(key: tuple[str, Path], tmp_path: Path) -> None:
    public, file = key
    content = dumped(keys=(public,), production=True)
    assert content.startswith(b"age-encryption.org/v1\n")
    assert b"manifest.json" not in content
    with opened(io.BytesIO(content), identities([file])) as reader:
        assert reader.manifest.production
        target = MemoryMedia("b")
        dumping.load_media(reader, target, delete=False, names=False)
        assert target.kept == media().kept
        with reader.section("data") as stream:
            assert stream.read(10) == SECTION["data"][:10]  # and no more
    with pytest.raises(DataError, match="Fix: the same with --identity"), opened(io.BytesIO(content), []):
        pytest.fail("it was opened")
    other = tmp_path / "other.txt"
    other.write_text(str(pyrage.x25519.Identity.generate()))
    with pytest.raises(NoKeyError, match="No matching keys"), opened(io.BytesIO(content), identities([other])):
        pytest.fail("it was opened")
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 1
    for damaged in (content[:-1000], changed):
        with pytest.raises(DataError, match="can't be decrypted"), opened(io.BytesIO(damaged), identities([file])):
            pytest.fail("it was opened")


def test_keys_that_are_none_are_refused_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--recipient age1nonsense"):
        recipients(["age1nonsense"])
    file = tmp_path / "key.txt"
    file.write_text("AGE-SECRET-KEY-1NONSENSE")
    with pytest.raises(NoKeyError) as caught:
        identities([file])
    assert "NONSENSE" not in str(caught.value)
    with pytest.raises(NoKeyError, match="can't be read"):
        identities([tmp_path / "none"])


def test_an_object_that_cannot_be_read_ends_the_dump_and_leaves_no_file(tmp_path: Path) -> None:
    end = media()

    def fail(verb: str, key: str) -> None:
        if key == "empty":
            raise ObjectError("the disk is broken")

    end.before = fail
    file = tmp_path / "x.tar"
    with pytest.raises(DataError, match="the disk is broken"), dumping.written_whole(file) as out:
        dumping.dump("cloud", "shop", out, None, end, [])
    assert list(tmp_path.iterdir()) == []


def test_an_object_that_was_deleted_meanwhile_is_left_out() -> None:
    end = media()
    objects = list(end.objects())
    del end.kept["empty"]
    end.objects = lambda: iter(objects)  # type: ignore[method-assign]
    out = io.BytesIO()
    assert dumping.dump("cloud", "shop", out, None, end, []).objects == 9
    with opened(io.BytesIO(out.getvalue()), []) as reader:
        assert "empty" not in {one.key for one in reader.objects()}


def test_a_large_object_is_never_whole_in_memory_or_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dumping, "LARGE", 1_000_000)
    end = media()
    with opened(io.BytesIO(dumped(end)), []) as reader:
        target = MemoryMedia("b")
        dumping.load_media(reader, target, delete=False, names=False)
        assert target.kept == end.kept


def test_a_file_is_its_owners_and_replaces_the_old_one_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "x.tar"
    file.write_text("old")
    (tmp_path / "x.tar.part").write_text("of a dump that was killed")
    with dumping.written_whole(file) as out:
        out.write(b"new")
        assert file.read_text() == "old"
    assert (file.read_text(), file.stat().st_mode & 0o777, list(tmp_path.iterdir())) == ("new", 0o600, [file])


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_its_file_is_written(tmp_path: Path, there: bool) -> None:
    link, file = tmp_path / "latest.tar", tmp_path / "elsewhere" / "x.tar"
    file.parent.mkdir()
    link.symlink_to(file)
    if there:
        file.write_text("old")
    with dumping.written_whole(link) as out:
        out.write(b"new")
    assert link.is_symlink()
    assert (file.read_text(), list(file.parent.iterdir())) == ("new", [file])


def test_a_second_dump_into_a_file_leaves_the_first_one_alone(tmp_path: Path) -> None:
    file = tmp_path / "x.tar"
    with dumping.written_whole(file) as first:
        first.write(b"half, ")
        first.flush()
        with pytest.raises(DataError, match="Another dump writes"), dumping.written_whole(file):
            pytest.fail("it was opened")
        first.write(b"whole")
    assert file.read_bytes() == b"half, whole"
    (tmp_path / "x.tar.part").write_bytes(b"of a dump that was killed")
    with dumping.written_whole(file) as second:
        second.write(b"newer")
    assert file.read_bytes() == b"newer"
    assert list(tmp_path.iterdir()) == [file]


def test_what_the_archive_lacks_is_removed_only_when_asked(content: bytes) -> None:
    with opened(io.BytesIO(content), []) as reader:
        target = MemoryMedia("b", own=b"1")
        assert dumping.load_media(reader, target, delete=True, names=False).removed == 1
        assert "own" not in target.kept
        target.before = lambda verb, key: (_ for _ in ()).throw(ObjectError("no room"))
        target.kept = {"own": Kept(b"1")}
        with pytest.raises(DataError, match="10 objects couldn't be copied: no room"):
            dumping.load_media(reader, target, delete=True, names=False)
        assert list(target.kept) == ["own"]


def test_the_index_gives_the_objects_of_the_listing(content: bytes) -> None:
    with opened(io.BytesIO(content), []) as reader:
        assert sorted(reader.objects(), key=lambda one: one.key) == sorted(media().objects(), key=lambda one: one.key)
        assert Object("empty", 0, hashlib.md5().hexdigest()) in list(reader.objects())
