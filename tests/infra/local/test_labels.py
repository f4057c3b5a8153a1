"""The labels by which the commands find what belongs to a stack, and tell it from a stack of the same name."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from infra.local import labels


@pytest.fixture
def settings() -> Any:
    return SimpleNamespace(project="shop", stack="pr-12")


def test_the_names_of_labels_stay_since_older_stacks_are_found_by_them() -> None:
    assert (labels.PROJECT, labels.STACK) == ("django-stack.project", "django-stack.stack")
    assert (labels.STATE, labels.RUN) == ("django-stack.state", "django-stack.release-run")


def test_what_goes_with_the_stack_names_its_state_and_data_do_not(settings: Any) -> None:
    """A volume outlives its stack, and may then belong to another state."""
    own = {"django-stack.project": "shop", "django-stack.stack": "pr-12"}
    assert labels.labels(settings) == {**own, "django-stack.state": labels.state()}
    assert labels.label_args(settings) == [{"label": k, "value": v} for k, v in sorted(labels.labels(settings).items())]
    assert labels.data_label_args(settings, kind="database") == [
        *({"label": label, "value": value} for label, value in own.items()),
        {"label": "kind", "value": "database"},
    ]


def test_a_state_of_another_backend_or_in_another_users_files_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    def state(url: str, user: int) -> str:
        monkeypatch.setenv("PULUMI_BACKEND_URL", url)
        monkeypatch.setattr("os.getuid", lambda: user)
        return labels.state()

    mine = state("file://~", 1000)
    assert re.fullmatch(r"[0-9a-f]{12}", mine)
    assert len({mine, state("file://~", 1001), state("file:///srv/state", 1000), state("s3://state", 1000)}) == 4
    assert state("s3://state", 1000) == state("s3://state", 1001), "a team shares it"


def test_without_a_backend_of_ones_own_it_is_the_projects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    assert labels.backend() == "file://~", "the user's own files, as Pulumi.yaml has it"
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://state")
    assert labels.backend() == "s3://state"
