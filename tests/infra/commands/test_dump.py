"""What `dump` refuses before it reads anything."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.commands import dump


@pytest.mark.parametrize("words", [[], ["--overwrite"]])
@pytest.mark.parametrize(("folder", "within"), [("backups", "backups/shop.tar"), (".", "shop.tar")])
def test_a_folder_is_no_file_to_replace(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str], folder: str, within: str
) -> None:
    (tmp_path / "backups").mkdir()
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(dump.command, [folder, "-s", "shop", *words])
    assert done.exit_code == 1
    assert done.output == f"{folder} is a folder, nothing was changed. Fix: django-stack dump {within} -s shop\n"


@pytest.mark.parametrize("words", [[], ["--overwrite"]])
@pytest.mark.parametrize("kind", ["device", "pipe", "link to one"])
def test_what_is_no_file_is_not_replaced_by_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str], kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("link to one").symlink_to("/dev/null")
    name = "/dev/null" if kind == "device" else kind
    done = CliRunner().invoke(dump.command, [name, "-s", "shop", *words])
    assert done.exit_code == 1
    quoted = f"'{name}'" if " " in name else name
    assert done.output == f"{name} is no file, nothing was changed. Fix: django-stack dump - -s shop > {quoted}\n"
    assert (Path("pipe").is_fifo(), Path("link to one").is_symlink()) == (True, True)
