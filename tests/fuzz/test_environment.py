"""Whatever a stack hands to the app: settings come out, or one error that lists what is wrong without any secret."""

from django_stack import settings as environment_settings
from django_stack.variables import InvalidEnvironmentError, read
from hypothesis import example, given
from hypothesis import strategies as st

from tests.app.environment import CLOUD
from tests.fuzz.given import TEXT, fuzz, refusal, shows_secret
from tests.isolation import CONTRACT

PARTS = ("BUCKET", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION", "CUSTOM_DOMAIN", "ENDPOINT_URL")
MORE = ("SECRET_KEY_FALLBACKS", "SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS")
NAMES = sorted({*CONTRACT, *CLOUD, *MORE, *(f"DEFAULT_STORAGE_{part}" for part in PARTS)})
# Variables that never hold a secret: an error shows their values.
SHOWN = {"SECURE_PROXY_SSL_HEADER", "SECURE_HSTS_SECONDS", "PORT", "WEB_CONCURRENCY"} | {
    name for name in NAMES if name.startswith("DOMAIN")
}
# What a process environment can hold: no null byte.
VALUES = TEXT.map(lambda text: text.replace("\0", ""))


@fuzz
@given(environ=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8))
@example(environ={"PORT": "²"})
@example(environ={"WEB_CONCURRENCY": "9" * 5000})
@example(environ={"CACHE_URL": "redis://h:²/1"})
@example(environ={"CACHE_URL": "redis://:p@[h"})
@example(environ={"EMAIL_URL": "smtp://h:99999999"})
@example(environ={"EMAIL_URL": "smtp+tls://u:p@h:²"})
@example(environ={"SENTRY_DSN": "https://key@[h/1"})
@example(environ={"DOMAIN": "٣.example", "DOMAIN_ALIASES": "*"})
def test_any_environment_gives_settings_or_one_error(environ: dict[str, str]) -> None:
    problems = refusal(lambda: read(environ), InvalidEnvironmentError).splitlines()
    assert not any(shows_secret(line) for line in problems if line.split()[0] not in SHOWN)
    if not problems:
        settings = environment_settings.settings(read(environ), {})
        assert not {"*", ""} & set(settings["ALLOWED_HOSTS"])
        assert len(settings["SECRET_KEY"]) >= 50
        assert settings["DEBUG"] <= ("True" in environ.values())
