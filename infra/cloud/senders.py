"""How a cloud site sends mail, and from which domain: by EMAIL_URL, by Amazon SES, or not at all.

With none of these, Django would print mails into the log.
"""

from collections.abc import Mapping
from email.utils import parseaddr

from infra import fixes
from infra.settings_reader import ASKS_FOR_VALUE, Reader

IN_THE_LOG = "mails into the log, links that reset passwords included"
SENDER = "DEFAULT_FROM_EMAIL"


def sending_domain(domain: str, env: Mapping[str, str]) -> str:
    """The domain that SES sends for: that of DEFAULT_FROM_EMAIL, or else the site's without `www.`."""
    sender = parseaddr(env.get(SENDER, ""))[1].rpartition("@")[2].lower()
    return sender or domain.removeprefix("www.")


def check_mail(mail: str, domain: str, hosted_zone: str, env: Mapping[str, str], reader: Reader) -> None:
    """Notes in `reader` what is wrong with the setting `mail`, and with EMAIL_URL or the sender in `env`."""
    url = env.get("EMAIL_URL", "")
    prints = url.lower().startswith("console")
    if mail == "mailpit":
        reader.note_wrong("mail", "url, ses, none or project on the cloud platform", "url")
    elif mail == "url" and (not url or prints):
        what = "env.EMAIL_URL prints" if prints else "env has no EMAIL_URL, so the app would print"
        otherwise = "; ".join(
            [
                *([fixes.remove_path(reader.stack, "env.EMAIL_URL")] if prints else []),
                fixes.set_value(reader.stack, "mail", "none"),
            ]
        )
        fix = fixes.ask_for(reader.stack, "env.EMAIL_URL", secret=True)
        reader.note_error(
            "mail",
            f"mail is url, and {what} {IN_THE_LOG}; allowed: a mail server, smtp+tls://USER:PASSWORD@HOST:587, "
            f"{ASKS_FOR_VALUE}; or ses, with a domain; or project, if its own settings say how; or no mail at all, by "
            f"`{otherwise}`. Fix: {fix}",
        )
    elif mail == "ses":
        _check_ses(domain, hosted_zone, env, reader)


def _check_ses(domain: str, hosted_zone: str, env: Mapping[str, str], reader: Reader) -> None:
    if not (domain and hosted_zone):
        reader.note_wrong(
            "mail", "ses only together with domain and hosted-zone, where the records go that SES signs mails by", "url"
        )
        return
    sender = sending_domain(domain, env)
    if sender not in (domain, domain.removeprefix("www.")) and not (
        f".{domain}".endswith(f".{sender}") or sender.endswith(f".{domain}")
    ):
        reader.note_error(
            f"env.{SENDER}",
            f"env.{SENDER} is not an address that the hosted zone of {domain} can vouch for; allowed: one of "
            f"{domain.removeprefix('www.')} or below it, or none, for noreply@{domain.removeprefix('www.')}. "
            f"Fix: {fixes.remove_path(reader.stack, f'env.{SENDER}')}",
        )
