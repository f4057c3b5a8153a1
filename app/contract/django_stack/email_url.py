"""EMAIL_URL: the settings EMAIL_*, in the spellings of django-environ and dj-email-url.

smtp+tls://USER:PASSWORD@HOST:587      STARTTLS; also smtps:// (so in both libraries) and submission://
smtp+ssl://USER:PASSWORD@HOST:465      TLS from the start; also submissions://, the name in RFC 8314
ses://REGION                           Amazon SES by django-anymail, with the rights of the process (a task's role)
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any
from urllib.parse import SplitResult, unquote

from environ import Env

from django_stack.malformed import MalformedError, attempt, known_only
from django_stack.urls import ENCODED, arguments_of, host_of, installed, url_parts, yes_or_no
from django_stack.values import mail_address

# Each scheme in django-environ's spelling, and the port when none is given (None: Django's default, 25).
SCHEMES: dict[str, tuple[str, int | None]] = {
    "smtp": ("smtp", None),
    "smtps": ("smtp+tls", None),
    "smtp+tls": ("smtp+tls", None),
    "smtp+ssl": ("smtp+ssl", 465),
    "submission": ("smtp+tls", 587),
    "submit": ("smtp+tls", 587),
    "submissions": ("smtp+ssl", 465),
    "consolemail": ("consolemail", None),
    "console": ("consolemail", None),
    "filemail": ("filemail", None),
    "file": ("filemail", None),
    "memorymail": ("memorymail", None),
    "memory": ("memorymail", None),
    "dummymail": ("dummymail", None),
    "dummy": ("dummymail", None),
}
# The SMTP servers of services that django-anymail and django-ses use through their own APIs.
SERVICES = {
    **dict.fromkeys(("amazon-ses", "amazon_ses", "amazonses", "aws-ses", "ses"), "email-smtp.REGION.amazonaws.com"),
    **dict.fromkeys(("brevo", "sendinblue"), "smtp-relay.brevo.com"),
    "mailersend": "smtp.mailersend.net",
    "mailgun": "smtp.mailgun.org",
    "mailjet": "in-v3.mailjet.com",
    "mandrill": "smtp.mandrillapp.com",
    "postmark": "smtp.postmarkapp.com",
    "resend": "smtp.resend.com",
    "scaleway": "smtp.tem.scw.cloud",
    "sendgrid": "smtp.sendgrid.net",
    "sparkpost": "smtp.sparkpostmail.com",
}
ADDRESSES = frozenset({"_default_from_email", "_server_email"})
ENCRYPTION = {"ssl", "tls", "email_use_ssl", "email_use_tls"}
SMTP = ADDRESSES | ENCRYPTION | {"timeout"}
INSTEAD = {
    "from": "write _default_from_email=, or set DEFAULT_FROM_EMAIL",
    "encryption": "write smtp+tls:// or smtp+ssl://",
    "secure": "write smtp+tls:// or smtp+ssl://",
    "starttls": "write smtp+tls://",
    "use_ssl": "write smtp+ssl://",
    "use_tls": "write smtp+tls://",
}


def email(text: str) -> dict[str, Any]:
    """The settings EMAIL_*, and DEFAULT_FROM_EMAIL and SERVER_EMAIL if the URL has those arguments."""
    written, _, rest = text.partition("://")
    if written.lower() == "ses" and "@" not in rest:
        return ses(rest)
    service = re.sub(r"\+.*", "", written.lower().removeprefix("anymail+"))
    if service in SERVICES:
        raise MalformedError(
            f"asks for the API of {service}. Write smtp+tls://USER:PASSWORD@{SERVICES[service]}:587 with the user "
            "and password for its SMTP server, or leave EMAIL_URL out."
        )
    scheme, usual_port = SCHEMES.get(written.lower(), ("", None))
    parts = url_parts(f"{scheme}://{rest}", ADDRESSES | {"from"}) if scheme else None
    if parts is None or not has_place(parts):
        raise MalformedError(
            "is not an e-mail URL (smtp+tls://USER:PASSWORD@HOST:587, smtp+ssl://USER:PASSWORD@HOST:465, "
            f"submission://, filemail:///FOLDER, consolemail://; {ENCODED})."
        )
    arguments = {name.lower(): value for name, value in arguments_of(parts.query).items()}
    known_only(arguments, SMTP if scheme.startswith("smtp") else ADDRESSES, "arguments", INSTEAD)
    found = attempt(lambda: dict(Env.email_url_config(f"{scheme}://{parts.netloc}{parts.path}")))
    if found is None:
        raise MalformedError(f"is not an e-mail URL; {ENCODED}.")
    config = {name: setting for name, setting in found.items() if setting not in (None, "")}
    if scheme == "filemail":
        config["EMAIL_FILE_PATH"] = unquote(parts.path)
    elif scheme.startswith("smtp"):
        config |= smtp(config, usual_port, arguments)
    for name in sorted(ADDRESSES & arguments.keys()):
        address = arguments[name]
        if not attempt(partial(mail_address, address)):
            raise MalformedError(f"has an argument {name} that is not an e-mail address.")
        config[name.lstrip("_").upper()] = address
    return config


def ses(rest: str) -> dict[str, Any]:
    """Amazon SES in a region, which `rest` names, by django-anymail."""
    region, _, query = rest.partition("?")
    if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-[0-9]", region.strip("/")):
        raise MalformedError("is ses:// without a region of AWS (ses://eu-central-1).")
    known_only(arguments_of(query), set(), "arguments", {})
    installed("ses://", "anymail", "django-anymail")
    installed("ses://", "boto3", "django-anymail")
    return {
        "EMAIL_BACKEND": "anymail.backends.amazon_ses.EmailBackend",
        "ANYMAIL": {"AMAZON_SES_CLIENT_PARAMS": {"region_name": region.strip("/")}},
    }


def has_place(parts: SplitResult) -> bool:
    """True if the URL says where mail goes, in the form of its scheme."""
    if parts.scheme.startswith("smtp"):
        return bool(host_of(parts.netloc)) and parts.path in ("", "/")
    if parts.scheme == "filemail":
        return not parts.netloc and len(parts.path) > 1
    return not parts.netloc and parts.path in ("", "/")


def smtp(config: dict[str, Any], usual_port: int | None, arguments: dict[str, str]) -> dict[str, Any]:
    """Port, encryption, time-out. As in dj-email-url, ssl= overrides tls= and the scheme, and "false" has no effect."""
    wishes = {name: yes_or_no(name, arguments[name]) for name in sorted(ENCRYPTION & arguments.keys())}
    implicit = bool(config.get("EMAIL_USE_SSL") or wishes.get("ssl") or wishes.get("email_use_ssl"))
    started = bool(config.get("EMAIL_USE_TLS") or wishes.get("tls") or wishes.get("email_use_tls"))
    found: dict[str, Any] = {"EMAIL_USE_SSL": implicit, "EMAIL_USE_TLS": started and not implicit}
    port = config.get("EMAIL_PORT") or usual_port
    if port == 465 and not implicit:
        wanted = "STARTTLS" if started else "no TLS"
        raise MalformedError(f"asks for {wanted} on port 465, which uses TLS from the start: write smtp+ssl://.")
    if port:
        found["EMAIL_PORT"] = port
    if "timeout" in arguments:
        if not re.fullmatch(r"[0-9]{1,6}", arguments["timeout"]) or int(arguments["timeout"]) == 0:
            raise MalformedError("has an argument timeout that is not a number of seconds.")
        found["EMAIL_TIMEOUT"] = int(arguments["timeout"])
    return found
