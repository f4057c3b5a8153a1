"""Whatever stands in a stack's file: settings come out, or one error that lists what is wrong without any secret."""

import shlex
from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from infra import command_line
from infra.settings import Settings
from tests.fuzz.given import COMMAND, PIECE, SECRET, TEXT, YAML_WORD, fuzz, refusal, shows_secret
from tests.infra.conftest import DEFAULTS, as_stack, pulumi_loop, set_config

__all__ = ["as_stack", "pulumi_loop", "set_config"]

KEYS = sorted(key for key in DEFAULTS if key not in {"env", "storage-dsn"})
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXT, COMMAND, YAML_WORD),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(PIECE, inner, max_size=3)),
    max_leaves=5,
)


@pytest.fixture
def local_stack(as_stack: Callable[[], None]) -> None:
    as_stack()


@fuzz
@given(
    settings=st.dictionaries(st.one_of(st.sampled_from(KEYS), PIECE.filter(bool)), JSON, max_size=4),
    secret=st.dictionaries(st.sampled_from(["env", "storage-dsn"]), JSON.filter(lambda value: value is not None)),
)
@example(settings={"release-timeout": "²"}, secret={})
@example(settings={"web-port": "٣"}, secret={})
@example(settings={"database-port": "9" * 5000}, secret={})
@example(settings={"release-commands": "[" * 5000}, secret={})
@example(settings={"app-path": "\0"}, secret={})
@example(settings={"release-commands": "9" * 5000}, secret={"env": "9" * 5000})
@example(settings={"app-path": "a" * 300}, secret={})
@example(settings={"web-command": "a $X \\\n", "release-commands": ["'", "\0", 1, "a;b"]}, secret={"env": {"A": 1e400}})
@example(settings={"platform": "aws", "keep-data": "perhaps", "web-port": " 17.0\r\n"}, secret={"env": '{"A": 0123}'})
@example(settings={"platform": "cloud", "zones": ",,", "alarm-email": "@"}, secret={"env": {"A": [1]}})
@pytest.mark.usefixtures("local_stack")
def test_any_config_gives_settings_or_one_error(
    set_config: Callable[..., None], settings: dict[str, Any], secret: dict[str, Any]
) -> None:
    set_config({"platform": "local"} | settings | secret, secrets=tuple(secret))
    errors = refusal(Settings.load, pulumi.RunError).splitlines()
    assert not errors or any("Fix: " in line for line in errors)
    hidden = [line for line in errors if line.strip(" -").startswith(("env", "storage-dsn"))]
    assert not any(shows_secret(line) for line in hidden)


@fuzz
@given(line=COMMAND)
@example(line="x\\")
@example(line='a "\\" b')
@example(line="a \\\n b")
def test_any_command_line_is_split_as_a_shell_would_or_a_line_that_is_taken_is_proposed(line: str) -> None:
    try:
        assert list(command_line.split(line)) == shlex.split(line)
    except command_line.CommandLineError as error:
        command_line.split(error.fix)  # what is proposed is taken


@fuzz
@given(line=COMMAND)
def test_the_words_that_are_looked_through_are_those_that_a_program_gets(line: str) -> None:
    try:
        words = shlex.split(line)
    except ValueError:
        return
    assert [word.text for word in command_line._scan(line) if word.text != "\n" or word.quotes != [""]] == words


@fuzz
@given(settings=st.dictionaries(st.sampled_from(KEYS), st.one_of(TEXT, COMMAND, YAML_WORD), max_size=3))
@pytest.mark.usefixtures("local_stack")
def test_no_secret_setting_is_shown(set_config: Callable[..., None], settings: dict[str, Any]) -> None:
    secret = {key: f"{SECRET} {value}" for key, value in settings.items()}
    set_config({"platform": "local"} | secret, secrets=tuple(secret))
    assert not shows_secret(refusal(Settings.load, pulumi.RunError))
