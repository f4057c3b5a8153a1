"""What the programs in a local stack's container are told, and what comes of it."""

from types import SimpleNamespace
from typing import IO, Any, cast

import pytest

from infra.commands.data import cloud_database, local_database
from infra.commands.data.ends import SECTIONS
from infra.commands.data.in_task import unlimited
from infra.commands.data.local_database import LAZY, StackDatabase, _Snapshot


def database(monkeypatch: pytest.MonkeyPatch, **environment: str) -> StackDatabase:
    container: Any = SimpleNamespace(id="0a")
    monkeypatch.setattr(local_database, "_running", lambda engine, name: container)
    monkeypatch.setattr(local_database.stack, "engine", lambda: None)
    monkeypatch.setattr(local_database.stack, "web", lambda engine, name: None)
    monkeypatch.setattr(local_database.stack, "environment", lambda found: environment)
    return StackDatabase("a", {})


@pytest.mark.parametrize(("major", "version"), [("17", 17), ("14", 14), ("", 0)])
def test_no_limit_of_time_ends_a_session_in_the_container(
    major: str, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = database(monkeypatch, PG_MAJOR=major)
    assert f"--env=PGOPTIONS={unlimited(version)}" in end._line(["psql"])
    assert f"--env=PGOPTIONS={unlimited(version)} {LAZY['PGOPTIONS']}" in end._line(["pg_restore"], LAZY)


class Bucket:
    """That of a copy into the cloud."""

    name = "copy"

    def __init__(self) -> None:
        self.written: dict[str, tuple[bytes, int]] = {}

    def write(self, key: str, stream: IO[bytes], size: int) -> None:
        self.written[key] = (stream.read(), size)


def test_what_leaves_this_machine_is_compressed_and_uploaded_by_the_size_of_its_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    end = database(monkeypatch)
    monkeypatch.setattr(end, "_line", lambda line: ["echo", *line])
    snapshot = _Snapshot(end, cast("Any", None), "0-1", 17, 10**12, (), lz4=True)
    bucket = Bucket()
    cloud = cloud_database.StackDatabase.__new__(cloud_database.StackDatabase)
    cloud._held = cast(
        "Any", SimpleNamespace(bucket=bucket, do=lambda *_, **more: {"rows": "", "same_migrations": False})
    )
    cloud._serving = "app"
    cloud.restore(snapshot, "app_new_20260131_093000")
    assert list(bucket.written) == list(SECTIONS)
    for said, size in bucket.written.values():
        assert b" --compress=1 " in said
        assert size >= 10**12
    with snapshot.open("data") as stream:
        assert b" --compress=0 " in stream.read()
