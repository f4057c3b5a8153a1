"""Whatever stands in a stack's file: settings come out, or one error that lists what is wrong without any secret."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from infra.settings import Settings
from tests.fuzz.given import PIECE, TEXT, fuzz, refusal, shows_secret
from tests.infra.conftest import DEFAULTS, as_stack, pulumi_loop, set_config

__all__ = ["as_stack", "pulumi_loop", "set_config"]

KEYS = sorted(key for key in DEFAULTS if key not in {"env", "storage-dsn"})
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), TEXT),
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
@example(settings={"platform": "cloud", "zones": ",,", "alarm-email": "@"}, secret={"env": {"A": [1]}})
@pytest.mark.usefixtures("local_stack")
def test_any_config_gives_settings_or_one_error(
    set_config: Callable[..., None], settings: dict[str, Any], secret: dict[str, Any]
) -> None:
    set_config({"platform": "local"} | settings | secret, secrets=tuple(secret))
    errors = refusal(Settings.load, pulumi.RunError).splitlines()
    hidden = [line for line in errors if line.strip(" -").startswith(("env", "storage-dsn"))]
    assert not any(shows_secret(line) for line in hidden)
