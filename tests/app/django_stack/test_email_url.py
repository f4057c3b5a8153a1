"""EMAIL_URL in the spellings of django-environ, which is asked itself, and of dj-email-url 1.0.6.

Every scheme and every option that they know means what it means there, or is refused with the right form named.
"""

from __future__ import annotations

import re

import boto3
import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import override_settings
from django_stack.email_url import email
from django_stack.malformed import MalformedError
from environ import Env
from moto import mock_aws
from moto.sesv2 import sesv2_backends

from tests.app.environment import everything_said, settings_of

pytestmark = pytest.mark.report("tabbycat#1841")

SMTP = "django.core.mail.backends.smtp.EmailBackend"


@pytest.mark.parametrize("scheme", sorted(Env.EMAIL_SCHEMES))
def test_every_scheme_of_mail_means_the_same(scheme: str) -> None:
    tail = "me%40x.org:hun%2Fter2@host:2525" if scheme.startswith("smtp") else ""
    url = "filemail:///var/mail" if scheme == "filemail" else f"{scheme}://{tail}"
    theirs = {name: value for name, value in Env.email_url_config(url).items() if value not in (None, "")}
    if scheme == "filemail":  # it takes the folder's slash away, which Django then looks for beside the project
        theirs["EMAIL_FILE_PATH"] = "/var/mail"
    ours = email(url)
    assert {name: ours[name] for name in theirs} == theirs
    assert {name: value for name, value in ours.items() if name not in theirs and value} == {}


@pytest.mark.parametrize(
    ("url", "port", "started", "implicit"),
    [  # dj-email-url's own table, and RFC 8314's submissions
        ("smtp://host", None, False, False),
        ("smtp://host:25", 25, False, False),
        ("submission://me:p@host", 587, True, False),
        ("submit://me:p@host", 587, True, False),
        ("submission://me:p@host:2525", 2525, True, False),
        ("smtps://me:p@host:587", 587, True, False),
        ("submissions://me:p@host", 465, False, True),
        ("smtp+ssl://me:p@host", 465, False, True),
        ("smtp://me@x.org:p@host:465/?ssl=True", 465, False, True),
        ("smtp://me@x.org:p@host:587/?tls=True", 587, True, False),
        ("smtp://host:587?tls=1&ssl=no", 587, True, False),
        ("smtp://host:465?tls=1&ssl=1", 465, False, True),
        ("smtp+tls://host:465?ssl=True", 465, False, True),
        ("smtp+tls://host:587?tls=False", 587, True, False),
        ("smtp://host:587?email_use_tls=True", 587, True, False),
    ],
)
def test_mail_is_encrypted_as_elsewhere(url: str, port: int | None, started: bool, implicit: bool) -> None:
    found = email(url)
    assert (found.get("EMAIL_PORT"), found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == (port, started, implicit)
    assert (found["EMAIL_HOST"], found["EMAIL_BACKEND"]) == ("host", SMTP)


@pytest.mark.parametrize(("scheme", "backend"), [("console", "console"), ("memory", "locmem"), ("dummy", "dummy")])
def test_mail_that_is_not_sent(scheme: str, backend: str) -> None:
    assert email(f"{scheme}://") == {"EMAIL_BACKEND": f"django.core.mail.backends.{backend}.EmailBackend"}


def test_a_mail_urls_other_arguments_become_settings() -> None:
    url = "submission://host?timeout=7&_server_email=root@x.org&_default_from_email=Shop%20<me@x.org>"
    found = settings_of({"EMAIL_URL": url})
    settings = {name: found[name] for name in ("EMAIL_TIMEOUT", "SERVER_EMAIL", "DEFAULT_FROM_EMAIL")}
    assert settings == {"EMAIL_TIMEOUT": 7, "SERVER_EMAIL": "root@x.org", "DEFAULT_FROM_EMAIL": "Shop <me@x.org>"}
    found = settings_of({"EMAIL_URL": url, "DEFAULT_FROM_EMAIL": "me@other.org"})
    assert found["DEFAULT_FROM_EMAIL"] == "me@other.org", "the variable of that name wins"


def test_amazon_ses_is_asked_in_its_region_by_the_rights_of_the_process() -> None:
    assert email("ses://eu-central-1") == {
        "EMAIL_BACKEND": "anymail.backends.amazon_ses.EmailBackend",
        "ANYMAIL": {"AMAZON_SES_CLIENT_PARAMS": {"region_name": "eu-central-1"}},
    }


def test_a_mail_goes_to_amazon_ses_whole_and_without_a_key_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "the task's, in fact")):
        monkeypatch.setenv(name, value)
    found = email("ses://eu-central-1")
    assert "the task's" not in repr(found)
    with mock_aws():
        ses = boto3.client("sesv2", region_name="eu-central-1")
        ses.create_email_identity(EmailIdentity="example.com")
        with override_settings(**found):
            mail = EmailMultiAlternatives("Größe", "text", "The shop <noreply@example.com>", ["you@example.org"])
            mail.attach_alternative("<p>text</p>", "text/html")
            assert mail.send() == 1
        (sent,) = sesv2_backends["123456789012"]["eu-central-1"].core_backend.sent_messages
    assert "noreply@example.com" in sent.source
    assert set(sent.destinations) == {"you@example.org"}


def test_amazon_ses_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_stack.urls.find_spec", lambda _: None)
    with pytest.raises(MalformedError, match=re.escape("the package `django-anymail` is not installed")):
        email("ses://eu-central-1")


REFUSED_MAIL = [
    ("ses://", "without a region of AWS (ses://eu-central-1)"),
    ("ses://hunter2", "without a region of AWS (ses://eu-central-1)"),
    ("ses://eu-central-1?region=hunter2", "unknown arguments"),
    ("smtps://me:hunter2@host:465", "write smtp+ssl://"),
    ("submission://me:hunter2@host:465", "write smtp+ssl://"),
    ("smtp://me:hunter2@host:465", "asks for no TLS on port 465"),
    ("smtp://me:hunter2@host:465?tls=false", "asks for no TLS on port 465"),
    ("smtp://me:hunter2@host?from=me@x.org", "write _default_from_email="),
    ("smtp://me:hunter2@host?use_tls=True", "write smtp+tls://"),
    ("smtp://me:hunter2@host?timeout=soon", "an argument timeout"),
    ("smtp://me:hunter2@host?_server_email=hunter2", "an argument _server_email that is not an e-mail address"),
    ("smtp://me:hunter2@host?hunter2=1", "unknown arguments"),
    ("ses://me:hunter2@eu-west-1", "smtp+tls://USER:PASSWORD@email-smtp.REGION.amazonaws.com:587"),
    ("amazon-ses://", "email-smtp.REGION.amazonaws.com:587"),
    ("anymail+mailgun://hunter2", "smtp+tls://USER:PASSWORD@smtp.mailgun.org:587"),
    ("sendgrid://hunter2", "smtp.sendgrid.net:587"),
    ("postmark://hunter2", "smtp.postmarkapp.com:587"),
    ("smtp://me:hun?ter2@host", "a password URL-encoded"),
]


@pytest.mark.parametrize(("url", "message"), REFUSED_MAIL)
def test_what_has_no_meaning_is_refused_with_the_right_form(url: str, message: str) -> None:
    with pytest.raises(MalformedError, match=re.escape(message)) as caught:
        email(url)
    assert "hun" not in everything_said(caught.value)
