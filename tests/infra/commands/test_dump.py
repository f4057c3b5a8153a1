"""What `dump` refuses before it reads anything."""

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
