"""A copy of media moves what differs and nothing else, and says what it couldn't."""

import random
import threading
from collections.abc import Callable

import pytest

from infra.commands.data import media_copy
from infra.commands.data.ends import DataError
from infra.commands.data.media import GoneError, Headers, ObjectError
from tests.infra.commands.data.memory_media import Kept, MemoryBody, MemoryMedia, tag


def test_only_what_is_missing_or_differs_is_copied() -> None:
    a = MemoryMedia("a", same=b"1", changed=b"22", resized=b"333", new=b"4")
    b = MemoryMedia("b", same=b"1", changed=b"xx", resized=b"33", own=b"5")
    outcome = media_copy.copy(a, b)
    assert b.contents() == {"same": b"1", "changed": b"22", "resized": b"333", "new": b"4", "own": b"5"}
    assert {key for verb, key in b.done if verb == "write"} == {"changed", "resized", "new"}
    assert (outcome.copied.objects, outcome.copied.bytes) == (3, 6)


def test_a_second_copy_reads_and_writes_nothing() -> None:
    a, b = MemoryMedia("a", one=b"1", two=b"2"), MemoryMedia("b")
    media_copy.copy(a, b)
    a.done, b.done = [], []
    assert media_copy.copy(a, b).copied.objects == 0
    assert (a.done, b.done) == ([], [])


def test_headers_and_the_size_of_parts_go_with_the_content() -> None:
    headers = Headers({"ContentType": "image/png", "CacheControl": "max-age=60"}, {"owner": "7"})
    a, b = MemoryMedia("a"), MemoryMedia("b")
    a.kept["x"] = Kept(b"12345", 2, headers)
    media_copy.copy(a, b)
    assert b.kept["x"] == a.kept["x"]


def test_what_the_source_lacks_is_removed_only_when_asked() -> None:
    a, b = MemoryMedia("a", one=b"1"), MemoryMedia("b", old=b"2", older=b"3")
    media_copy.copy(a, b)
    assert set(b.kept) == {"one", "old", "older"}
    assert media_copy.copy(a, b, delete=True).removed == 2
    assert set(b.kept) == {"one"}


def test_nothing_is_removed_after_a_failure_nor_by_an_empty_source() -> None:
    a, b = MemoryMedia("a", one=b"1"), MemoryMedia("b", old=b"2")
    b.before = fail_for("write")
    with pytest.raises(DataError, match="1 object couldn't be copied: no room"):
        media_copy.copy(a, b, delete=True)
    with pytest.raises(DataError, match="would remove all"):
        media_copy.copy(MemoryMedia("empty"), b, delete=True)
    assert media_copy.plan(MemoryMedia("empty"), b, delete=True).faults
    assert set(b.kept) == {"old"}


def test_one_failure_keeps_no_other_object_from_being_copied(capsys: pytest.CaptureFixture[str]) -> None:
    a = MemoryMedia("a", **{f"holiday-{number}": b"x" for number in range(50)})
    b = MemoryMedia("b")
    b.before = fail_for("write", "holiday-7")
    with pytest.raises(DataError) as caught:
        media_copy.copy(a, b)
    assert len(b.kept) == 49
    assert "holiday" not in str(caught.value) + capsys.readouterr().err  # names may be people's
    with pytest.raises(DataError):
        media_copy.copy(a, b, names=True)
    assert capsys.readouterr().err == "  'holiday-7': no room\n"


def test_a_target_that_takes_nothing_ends_the_copy_early() -> None:
    a, b = MemoryMedia("a", **{str(number): b"x" for number in range(1000)}), MemoryMedia("b")
    b.before = fail_for("write")
    with pytest.raises(DataError, match="no room"):
        media_copy.copy(a, b)
    assert len(b.done) < 100


def test_what_was_deleted_since_it_was_listed_is_no_failure() -> None:
    a, b = MemoryMedia("a", one=b"1", two=b"2"), MemoryMedia("b")

    def gone(verb: str, key: str) -> None:
        if key == "one":
            raise GoneError("gone")

    a.before = gone
    outcome = media_copy.copy(a, b)
    assert (outcome.gone, b.contents()) == (1, {"two": b"2"})


def test_content_that_is_not_what_its_checksum_says_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = MemoryMedia("a", one=b"right"), MemoryMedia("b")
    read = MemoryBody.read
    monkeypatch.setattr(MemoryBody, "read", lambda self, size: read(self, size).replace(b"r", b"w"))
    with pytest.raises(DataError, match="checksum"):
        media_copy.copy(a, b)
    assert b.kept == {}


@pytest.mark.parametrize("near", ["a", "b"])
def test_uploads_in_other_parts_are_equal_by_their_content(near: str) -> None:
    content = random.Random(1).randbytes(1000)
    a, b = MemoryMedia("a"), MemoryMedia("b")
    a.kept = {"equal": Kept(content, 300), "whole": Kept(content, 300), "other": Kept(content, 300)}
    b.kept = {"equal": Kept(content, 500), "whole": Kept(content), "other": Kept(b"x" + content[1:], 500)}
    a.is_near, b.is_near = near == "a", near == "b"
    outcome = media_copy.copy(a, b)
    assert (outcome.equal, outcome.copied.objects) == (2, 1)
    assert {key for verb, key in b.done if verb == "write"} == {"other"}
    assert b.kept["other"].content == content
    # The end on this machine is read to find that out, and the other one isn't.
    assert [key for verb, key in {"a": b, "b": a}[near].done if verb == "open" and key != "other"] == []


@pytest.mark.parametrize("size", [1, 299, 300, 301, 600, 2**18, 2**18 + 1, 700_000])
@pytest.mark.parametrize("part_size", [0, 300, 2**18, 2**20])
def test_the_tag_of_parts_is_that_of_s3(size: int, part_size: int) -> None:
    content = random.Random(size).randbytes(size)
    media = MemoryMedia("a", one=content)
    with media.open(next(media.objects())) as body:
        assert media_copy.tag_in_parts(body, part_size, threading.Event()) == tag(content, part_size)


def test_a_server_that_copies_itself_is_asked_and_nothing_is_read() -> None:
    a, b = MemoryMedia("a", one=b"1"), MemoryMedia("b")
    b.by_server = True
    assert "as S3 takes" in "".join(media_copy.plan(a, b, delete=False).lines)
    media_copy.copy(a, b)
    assert (a.verbs(), b.verbs(), b.contents()) == (set(), {"copy"}, {"one": b"1"})


def test_a_plan_says_what_changes_and_changes_nothing() -> None:
    a, b = MemoryMedia("a", same=b"1", changed=b"22", new=b"4444"), MemoryMedia("b", same=b"1", changed=b"xx", own=b"5")
    plan = media_copy.plan(a, b, delete=True)
    assert plan.lines[2:5] == [
        "new        1 object, 4 bytes",
        "replaced   1 object, 2 bytes",
        "others     1 object, 1 bytes in b alone: removed",
    ]
    assert (plan.size, plan.faults) == (6, [])
    assert b.done == []


def test_an_unexpected_error_ends_the_copy() -> None:
    a, b = MemoryMedia("a", **{str(number): b"x" for number in range(1000)}), MemoryMedia("b")

    def mistake(verb: str, key: str) -> None:
        raise ZeroDivisionError

    b.before = mistake
    with pytest.raises(ZeroDivisionError):
        media_copy.copy(a, b)
    assert len(b.done) < 100


def fail_for(failing: str, only: str = "") -> Callable[[str, str], None]:
    def before(verb: str, key: str) -> None:
        if verb == failing and only in ("", key):
            raise ObjectError("no room")

    return before
