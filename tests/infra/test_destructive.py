"""What takes something away is refused in a release unless no data is kept; `pulumi up` may allow single migrations."""

import sys
from typing import Any

import pytest

from infra.destructive import release_variables


@pytest.mark.parametrize("platform", ["local", "cloud"])
@pytest.mark.parametrize(("keep", "end"), [(True, ".steps.release"), (False, ".steps.release any-migration")])
def test_a_stack_that_keeps_no_data_lets_its_releases_do_anything(
    program: Any, platform: str, keep: bool, end: str
) -> None:
    release = program({"keep-data": keep}, platform=platform)["release"]
    assert release.inputs["create"].endswith(end)


@pytest.mark.parametrize(
    ("arguments", "allowed", "expected"),
    [
        ([], None, {"REFUSE_DESTRUCTIVE_MIGRATIONS": "1"}),
        (
            [],
            "shop.0002_drop",
            {"REFUSE_DESTRUCTIVE_MIGRATIONS": "1", "DESTRUCTIVE_MIGRATIONS": "shop.0002_drop"},
        ),
        (["any-migration"], None, {}),
    ],
)
def test_the_commands_of_a_release_know_what_they_may(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], allowed: str | None, expected: dict[str, str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["release", *arguments])
    monkeypatch.delenv("DESTRUCTIVE_MIGRATIONS", raising=False)
    if allowed:
        monkeypatch.setenv("DESTRUCTIVE_MIGRATIONS", allowed)
    assert release_variables() == expected
