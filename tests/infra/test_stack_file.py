"""A stack's file as it was written: numbers before YAML changed them."""

from pathlib import Path

import pytest

from infra.stack_file import StackFile


@pytest.mark.report("pulumi#6787")
@pytest.mark.parametrize(
    "text",
    [
        "config:\n  p:env:\n    <<: {A: 0123}\n",
        "config:\n  p:env:\n    <<: [{B: 1}, {A: 0123}]\n",
        "base: &base {A: 0123}\nconfig:\n  p:env:\n    <<: *base\n    B: x\n",
        "---\nconfig:\n  p:env:\n    A: 0123\n---\nother: document\n",
    ],
)
def test_a_number_is_found_in_merged_mappings_and_the_first_document(text: str, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(text)
    assert StackFile(tmp_path, "dev").written("83", "p:env", "A") == "0123"


def test_what_stands_there_itself_comes_before_what_is_merged_in(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  p:env:\n    <<: {A: 0123}\n    A: 1.10\n")
    file = StackFile(tmp_path, "dev")
    assert file.written("1.1", "p:env", "A") == "1.10"
    assert not file.written("83", "p:env", "A")


def test_texts_in_clear_are_told_from_encrypted_ones(tmp_path: Path) -> None:
    text = "base: &base {A: one}\nconfig:\n  p:env:\n    <<: *base\n    B: {secure: v1:x}\n    C: 'two'\n"
    (tmp_path / "Pulumi.dev.yaml").write_text(text)
    file = StackFile(tmp_path, "dev")
    assert file.in_clear("one", "p:env", "A")
    assert file.in_clear("two", "p:env", "C")
    assert not file.in_clear("decrypted", "p:env", "B")
    assert not file.in_clear("three", "p:env", "C")  # the value comes from elsewhere
    assert not file.in_clear("four", "p:env", "D")
