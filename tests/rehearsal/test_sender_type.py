"""The stand-in's type for a sender of Amazon SES, whose life moto knows by half, on the emulator."""

import pytest
from django_stack_plugins.aws.mail import EmailIdentity
from django_stack_plugins.aws.session import Session
from django_stack_plugins.resource import Operation, Stop
from django_stack_plugins.values import reveal

from tests.rehearsal.conftest import AWS, REGION
from tools.rehearsal.container import ACCOUNT

pytestmark = pytest.mark.docker


def test_a_sender_is_made_tagged_and_removed(aws: AWS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.ports.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCOUNT)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    session = Session()
    session.configure({"region": REGION})
    kind = EmailIdentity(session)
    operation = Operation(f"urn:pulumi:stack::project::{kind.token}::mail", Stop(), lambda *_, **__: None, 0)
    inputs = {
        "emailIdentity": "example.com",
        "dkimSigningAttributes": {"nextSigningKeyLength": "RSA_2048_BIT"},
        "tags": {"Name": "app"},
    }
    identity, made = kind.create(operation, kind.complete(inputs))
    state = reveal(made)
    assert (identity, state["arn"]) == ("example.com", f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/example.com")
    assert len(state["dkimSigningAttributes"]["tokens"]) == 3
    assert state["tagsAll"] == {"Name": "app"}
    state = reveal(kind.update(operation, identity, state, kind.complete({**inputs, "tags": {"Name": "other"}})))
    assert state["tagsAll"] == {"Name": "other"}
    kind.delete(operation, identity, state)
    assert kind.read(operation, identity, state, inputs) is None
