"""The commands know a stack's platform from its file, and say what is wrong with one that can't be used."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.commands import operations
from infra.commands.status import command


def output_of_status(folder: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> str:
    (folder / "Pulumi.yaml").write_text("name: shop\n")
    (folder / "Pulumi.pr-12.yaml").write_text(file)
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(command, ["-s", "pr-12"])
    assert result.exit_code == 1
    return result.output


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            "config: {shop:platform: aws}",
            "Pulumi.pr-12.yaml has platform aws; allowed: local, cloud. Fix: pulumi config set -s pr-12 platform local",
        ),
        (
            "config: {shop:platform: cloud}",
            "Pulumi.pr-12.yaml has no aws:region. Fix: pulumi config set -s pr-12 aws:region us-east-1",
        ),
        ("config: {", "Pulumi.pr-12.yaml can't be read: while parsing a flow node"),
    ],
)
def test_a_file_that_can_not_be_used_is_one_line_with_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str
) -> None:
    output = output_of_status(tmp_path, monkeypatch, file)
    assert output.startswith(text)
    assert output.count("\n") == 1


@pytest.mark.parametrize("file", ["", "config: {}", "config: {other:platform: cloud}", "encryptionsalt: v1"])
def test_a_stack_is_local_unless_its_file_names_another_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    (tmp_path / "Pulumi.pr-12.yaml").write_text(file)
    monkeypatch.chdir(tmp_path)
    assert operations.platform_of("pr-12") == "local"
    (tmp_path / "Pulumi.pr-12.yaml").write_text("config: {shop:platform: cloud}")
    assert operations.platform_of("pr-12") == "cloud"
