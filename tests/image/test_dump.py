"""`django-stack dump`, `load` and `copy --media` between stacks on the Docker engine, which are made without Pulumi."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pyrage
import pytest

from tests import ROOT
from tests.bare_stacks import BareStack, BareStacks

pytestmark = pytest.mark.docker

FILES = {"uploads/ü 1.png": b"1" * 3000, "uploads/a/b.txt": b"", "c.bin": bytes(range(256)) * 100}


@pytest.fixture(scope="module")
def pair(stacks: BareStacks) -> tuple[BareStack, BareStack]:
    source, target = stacks.make("a"), stacks.make("b")
    source.query("CREATE TABLE mine AS SELECT i AS id, md5(i::text) FROM generate_series(1, 5000) i")
    target.query("CREATE TABLE its_own AS SELECT 1 AS one")
    for one in (source, target):
        done = one.web.exec_run(["sh", "-c", "mkdir -p /data/media && chmod 777 /data/media"], user="root")
        assert done.exit_code == 0
    for key, content in FILES.items():
        write(source, key, content)
    write(target, "its own.txt", b"2")
    return source, target


WRITE = """
import pathlib, sys
path = pathlib.Path("/data/media", sys.argv[1])
path.parent.mkdir(parents=True, exist_ok=True)
path.write_bytes(bytes.fromhex(sys.argv[2]))
"""
READ = """
import pathlib
root = pathlib.Path("/data/media")
for path in root.rglob("*"):
    if path.is_file():
        print(path.relative_to(root), path.read_bytes().hex(), sep="|")
"""


def write(stack: BareStack, key: str, content: bytes) -> None:
    assert stack.web.exec_run(["python", "-c", WRITE, key, content.hex()]).exit_code == 0


def files(stack: BareStack) -> dict[str, bytes]:
    output = stack.web.exec_run(["python", "-c", READ], demux=True).output[0] or b""
    lines = (line.split("|") for line in output.decode().splitlines())
    return {key: bytes.fromhex(content) for key, content in lines}


def test_a_dump_is_loaded_whole_and_the_old_database_is_kept(
    stacks: BareStacks, pair: tuple[BareStack, BareStack]
) -> None:
    source, target = pair
    status, output = stacks.run("dump", "a.tar", "-s", "a")
    assert status == 0, output
    assert "a.tar: " in output
    status, output = stacks.run("load", "a.tar", "-s", "b", "--dry-run")
    assert (status, "others     1 object, 1 bytes in b alone: kept" in output) == (0, True), output
    assert target.query("SELECT one FROM its_own") == [(1,)]
    status, output = stacks.run("load", "a.tar", "-s", "b", "--yes")
    assert status == 0, output
    rows = "SELECT * FROM mine ORDER BY id"
    assert target.query(rows) == source.query(rows)
    assert files(target) == FILES | {"its own.txt": b"2"}
    (old,) = target.databases() - {"app"}
    assert target.query("SELECT one FROM its_own", old) == [(1,)]
    assert stacks.run("data", "drop-old", "-s", "b", "--yes")[0] == 0


def test_a_damaged_file_changes_nothing_and_what_is_there_is_not_overwritten(
    stacks: BareStacks, pair: tuple[BareStack, BareStack]
) -> None:
    _, target = pair
    (stacks.folder / "there.tar").write_bytes(b"x")
    status, output = stacks.run("dump", "there.tar", "-s", "a", "--media")
    assert (status, "there already" in output) == (1, True), output
    status, output = stacks.run("load", "there.tar", "-s", "b", "--yes")
    assert (status, "no archive" in output) == (1, True), output
    assert target.databases() == {"app"}


def test_an_encrypted_dump_goes_through_a_pipe(
    stacks: BareStacks, pair: tuple[BareStack, BareStack], tmp_path: Path
) -> None:
    _, target = pair
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "key").write_text(str(identity))
    program = ROOT / ".venv/bin/django-stack"
    dump = f"{program} dump - -s a --media --recipient {identity.to_public()}"
    load = f"{program} load - -s b --media --delete --yes --identity {tmp_path / 'key'}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{dump} | {load}"],
        cwd=stacks.folder,
        env=stacks.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert files(target) == FILES


def test_copy_moves_media_and_removes_the_rest_when_asked(
    stacks: BareStacks, pair: tuple[BareStack, BareStack]
) -> None:
    _, target = pair
    write(target, "its own.txt", b"2")
    write(target, "c.bin", b"changed")
    status, output = stacks.run("copy", "a", "b", "--media", "--delete", "--yes")
    assert status == 0, output
    assert "1 object, 25.6 kB copied, 1 removed" in output
    assert files(target) == FILES
    assert target.databases() == {"app"}


def test_a_dump_is_checked_as_a_backup_and_leaves_nothing(
    stacks: BareStacks, pair: tuple[BareStack, BareStack], tmp_path: Path
) -> None:
    source, _ = pair
    assert stacks.run("manage", "-s", "a", "migrate", "--verbosity", "0")[0] == 0
    stacks.variables["XDG_STATE_HOME"] = str(tmp_path)
    assert stacks.run("dump", "whole.tar", "-s", "a", "--database")[0] == 0
    status, output = stacks.run("backup", "check", "whole.tar", "-s", "a", "--json")
    assert status == 0, output
    found = json.loads(output.splitlines()[-1])
    assert (found["good"], found["pending"], found["rows"] > 5000) == (True, 0, True)
    assert source.databases() == {"app"}
    (record,) = (tmp_path / "django-stack").iterdir()
    assert json.loads(record.read_text())["good"] is True

    content = bytearray((stacks.folder / "whole.tar").read_bytes())
    content[len(content) // 2] ^= 1
    (stacks.folder / "damaged.tar").write_bytes(content)
    status, output = stacks.run("backup", "check", "damaged.tar", "-s", "a")
    assert (status, "can't be used" in output) == (1, True), output
    assert json.loads(record.read_text())["good"] is False
    assert source.databases() == {"app"}
