"""How a cloud site sends mail: by EMAIL_URL, or not at all. Without either, Django would print mails into the log."""

from collections.abc import Mapping

from infra import fixes
from infra.settings_reader import ASKS_FOR_VALUE, Reader

NO_MAIL = "dummymail://"  # the contract's name of Django's backend that throws mails away
IN_THE_LOG = "mails into the log, links that reset passwords included"


def check_mail(mail: str, env: Mapping[str, str], reader: Reader) -> None:
    """Notes in `reader` what is wrong with the setting `mail` and EMAIL_URL in `env` together."""
    url = env.get("EMAIL_URL", "")
    prints = url.lower().startswith("console")
    if mail == "url" and (not url or prints):
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
            f"{ASKS_FOR_VALUE}; or no mail at all, by `{otherwise}`. Fix: {fix}",
        )
    elif mail == "none" and "EMAIL_URL" in env:
        reader.note_wrong("mail", "url, since env has EMAIL_URL", "url")
