"""The requests that components pass to steps: nothing in them changes, and no secret is shown by accident."""

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from infra.cloud import requests as cloud
from infra.local import requests as local
from infra.steps import StepRequest

KINDS = sorted(
    {
        kind
        for module in (cloud, local)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, StepRequest) and kind is not StepRequest
    },
    key=lambda kind: (kind.__module__, kind.__name__),
)
SECRET = "TOP-SECRET"
# Fields whose values, or some of them, are secret, and how they are made.
SECRETS: dict[str, Any] = {
    "password": SECRET,
    "access_key": SECRET,
    "secret_key": SECRET,
    "secrets": [SECRET],
    "environment": {"KEY": SECRET},
}


def made(kind: type[StepRequest]) -> StepRequest:
    values = {one.name: SECRETS.get(one.name, one.name) for one in fields(kind)}
    return kind(**values | ({"secret_names": ["KEY"]} if "secret_names" in values else {}))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_a_request_can_not_be_changed_and_names_each_of_its_values(kind: type[StepRequest]) -> None:
    """Of twenty texts in a row, two in the wrong order would not be seen."""
    request = made(kind)
    with pytest.raises(FrozenInstanceError):
        setattr(request, fields(kind)[0].name, "another")
    with pytest.raises(TypeError):
        kind(*(getattr(request, one.name) for one in fields(kind)))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_a_secret_of_a_request_is_redacted_and_never_part_of_a_traceback(kind: type[StepRequest]) -> None:
    request = made(kind)
    secret = [one.name for one in fields(kind) if one.name in SECRETS]
    assert SECRET not in repr(request)
    assert set(request.secret_values()) == ({SECRET} if secret else set())
    assert len(request.secret_values()) == len(secret), "each of them"
