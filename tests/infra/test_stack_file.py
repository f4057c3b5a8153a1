"""More spellings of values in a stack's file: what is meant is proposed, and what Docker would refuse is refused."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from infra.settings import Settings
from infra.stack_file import StackFile

SetConfig = Callable[..., None]
REFERENCES = [
    "python:3.13-slim-trixie",
    "ghcr.io/a/b_c:1",
    "localhost/x",
    "localhost:5000/x",
    "My-Registry:5000/x/y:1",
    "a--b/c.d:1_2",
    "python:3.13@sha256:" + "0" * 64,
    "123456789012.dkr.ecr.eu-central-1.amazonaws.com/x:tag",
]
NO_REFERENCES = [
    "python:",
    "python:3:4",
    "python/Slim:3",
    "python:3.13/",
    "python..x:3",
    "python//x:3",
    "python:-1",
    "docker://python:3",
    "x@sha256:abc",
    "x___y",
    "x" * 256,
    "python:" + "x" * 129,
]


def refused(set_config: SetConfig, as_stack: Callable[[], None], **settings: Any) -> str:
    set_config({key.replace("_", "-"): value for key, value in settings.items()})
    as_stack()
    with pytest.raises(pulumi.RunError) as error:
        Settings.load()
    return str(error.value)


@pytest.mark.report("kubefirst#771")
@pytest.mark.parametrize("name", NO_REFERENCES)
def test_image_names_that_docker_calls_invalid_are_refused(
    name: str, set_config: SetConfig, as_stack: Callable[[], None]
) -> None:
    said = refused(set_config, as_stack, python_image=name)
    assert "allowed: an image reference such as name:tag. Fix: pulumi config set -s local python-image python:" in said


@pytest.mark.parametrize("name", REFERENCES)
def test_image_names_with_registries_tags_and_digests_are_taken(
    name: str, set_config: SetConfig, as_stack: Callable[[], None]
) -> None:
    set_config({"python-image": name})
    as_stack()
    assert Settings.load().python_image == name


@pytest.mark.report("terraform-aws-rds#225")
def test_a_list_of_hosts_is_proposed_as_words_with_commas(set_config: SetConfig, as_stack: Callable[[], None]) -> None:
    said = refused(set_config, as_stack, domain_aliases=["a.example.com", "https://b.example.com/"])
    assert "Fix: pulumi config set -s local domain-aliases a.example.com,b.example.com" in said


@pytest.mark.report("terraform-aws-rds#225")
@pytest.mark.parametrize("written", ["~/my site", "$HOME/my site", "${HOME}/my site"])
def test_a_folder_as_a_shell_writes_it_is_proposed_in_full(
    written: str,
    set_config: SetConfig,
    as_stack: Callable[[], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "my site").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    said = refused(set_config, as_stack, app_path=written)
    assert f"Fix: pulumi config set -s local app-path {shlex.quote(str(tmp_path / 'my site'))}" in said


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
