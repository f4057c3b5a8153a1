"""A forgotten password: who gets mail, where its link leads, and what the link is good for."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("local")]

NEW = "a-new-good-password"


@pytest.fixture
def member(member: Any, settings: Any) -> Any:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    member.email = "ada@example.com"
    member.save()
    return member


def ask(client: Client, address: str = "ada@example.com", **more: Any) -> Any:
    return client.post("/password/forgotten/", {"email": address}, **more)


def link() -> str:
    """The link in the mail."""
    (message,) = mail.outbox
    (found,) = re.findall(r"^https?://\S+$", str(message.body), re.MULTILINE)
    return str(found)


def path_of(url: str) -> str:
    """Path and query, which the client of the tests asks for."""
    return url[url.index("/password/") :]


def test_the_link_leads_to_a_new_password_once(client: Client, member: Any) -> None:
    assert b"Forgotten your password?" in client.get("/login/").content
    assert ask(client)["Location"] == "/password/sent/"
    (message,) = mail.outbox
    assert (message.to, message.subject) == (["ada@example.com"], "Choose a new password for the gallery")
    assert "ada" in message.body
    form = client.get(path_of(link()), follow=True)
    assert b"Choose a new password" in form.content
    address = form.redirect_chain[-1][0]
    refused = client.post(address, {"new_password1": NEW, "new_password2": "another"})
    assert b'role="alert"' in refused.content
    assert client.post(address, {"new_password1": NEW, "new_password2": NEW})["Location"] == "/password/changed/"
    assert b"Your password is changed" in client.get("/password/changed/").content
    assert client.post("/login/", {"username": "ada", "password": NEW})["Location"] == "/"
    again = Client().get(path_of(link()), follow=True)
    assert b"This link no longer works" in again.content


def test_the_link_has_the_sites_own_address_whatever_the_request_names(
    client: Client, member: Any, settings: Any
) -> None:
    """The Host header is the sender's choice, so it must not decide where somebody else's link leads."""
    settings.SITE_URL = "https://www.example.com:8443"
    ask(client, HTTP_HOST="127.0.0.1")
    assert link().startswith("https://www.example.com:8443/password/new/")


def test_without_that_address_the_link_has_host_and_port_of_the_request(
    client: Client, member: Any, settings: Any
) -> None:
    settings.SITE_URL = ""
    ask(client, HTTP_HOST="localhost:8001")
    assert link().startswith("http://localhost:8001/password/new/")


def test_a_stranger_learns_nothing_and_gets_no_mail(client: Client, member: Any) -> None:
    assert ask(client, "eve@example.com")["Location"] == ask(client)["Location"]
    assert [message.to for message in mail.outbox] == [["ada@example.com"]]
    assert ask(client, "no address").status_code == 200


def test_a_mail_server_that_is_down_breaks_nothing_and_is_logged(
    client: Client, member: Any, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    assert ask(client)["Location"] == "/password/sent/"
    assert "Failed to send password reset email" in caplog.text


def test_no_log_has_the_token(client: Client, member: Any, caplog: pytest.LogCaptureFixture) -> None:
    ask(client)
    assert client.get(path_of(link())).status_code == 302
    token = link().rpartition("=")[2]
    assert len(token) > 30
    assert "GET /password/new/" in caplog.text
    assert token not in caplog.text


@pytest.mark.parametrize(
    "address", ["/password/new/MQ/", "/password/new/MQ/?token=a-b", "/password/new/x/?token=a-b", "/password/new/x/"]
)
def test_a_link_that_somebody_made_up_does_not_work(client: Client, member: Any, address: str) -> None:
    assert b"This link no longer works" in client.get(address).content
