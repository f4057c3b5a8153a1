"""No secret of any stack is left in plain text: not in the state, not in what was printed, not in an image."""

import json

import pytest

from tests.e2e.stacks import Stack

pytestmark = [pytest.mark.docker, pytest.mark.engine]


@pytest.fixture(scope="module")
def known(stacks: list[Stack], serving: Stack) -> dict[str, set[str]]:
    """Each stack's secrets by its name, those of passwords that it no longer has included."""
    for stack in stacks:
        if stack.container("web"):
            stack.outputs()
    assert len(serving.secrets) >= 4
    return {stack.name: stack.secrets | {stack.admin_password} - {""} for stack in stacks}


def test_no_secret_is_in_the_state_its_history_or_its_backups(
    stacks: list[Stack], serving: Stack, known: dict[str, set[str]]
) -> None:
    for stack in stacks:
        for path in (stack.folder / "state").rglob("*"):
            text = path.read_text(errors="replace") if path.is_file() else ""
            assert not [secret for secret in known[stack.name] if secret in text], path
    searched = serving.folder / "state" / ".pulumi"
    for kind in ("stacks", "history", "backups"):
        assert any(serving.url in path.read_text() for path in (searched / kind).rglob("*.json")), kind


def test_no_secret_was_printed(stacks: list[Stack], serving: Stack, known: dict[str, set[str]]) -> None:
    assert serving.url in serving.log
    for stack in stacks:
        assert not [secret for secret in known[stack.name] if secret in stack.log], stack.name


def test_no_secret_is_in_an_image(stacks: list[Stack], known: dict[str, set[str]]) -> None:
    for stack in stacks:
        for image in stack.engine.images.list(filters={"reference": f"django-stack/{stack.name}"}):
            text = json.dumps([image.history(), image.attrs])
            assert "gunicorn" in text
            assert not [secret for secret in known[stack.name] if secret in text], image.tags
