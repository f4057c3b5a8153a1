"""The content hash: equal for equal content, different for whatever the image would differ by."""

import time
from pathlib import Path

import pytest

from infra.content import content_hash


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / ".dockerignore").write_text("# comment\n__pycache__\n*.log\n!keep.log\n")
    (tmp_path / "code.py").write_text("print(1)\n")
    return tmp_path


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


def test_the_execute_bit_counts(context: Path) -> None:
    before = content_hash(context, {})
    (context / "code.py").chmod(0o755)
    assert content_hash(context, {}) != before


def test_base_image_and_platform_count(context: Path) -> None:
    hashes = {
        content_hash(context, {"PYTHON_IMAGE": "a"}, "linux/amd64"),
        content_hash(context, {"PYTHON_IMAGE": "b"}, "linux/amd64"),
        content_hash(context, {"PYTHON_IMAGE": "a"}, "linux/arm64"),
    }
    assert len(hashes) == 3
