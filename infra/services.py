"""Cache and mail: the variables that a stack sets when it has them, and which `env` must not have then."""

from collections.abc import Mapping

from infra.settings_reader import Reader

CACHE_VARIABLES = ("CACHE_URL", "REDIS_URL")
# The databases of Valkey behind those two: emptying the cache (Django's `cache.clear()`) leaves the broker's keys.
CACHE, BROKER = 1, 0
# When memory is full: keys that expire go, the least used first, and those of a broker, which don't, stay.
# https://valkey.io/topics/lru-cache/
EVICTION = "volatile-lru"
NO_MAIL = "dummymail://"  # the contract's name of Django's backend that throws mails away


def check_services(cache: str, mail: str, env: Mapping[str, str], reader: Reader) -> None:
    """Notes in `reader` where a service of the stack would replace what `env` names."""
    named = [name for name in CACHE_VARIABLES if name in env]
    if cache != "none" and named:
        reader.note_wrong("cache", f"none, since env has {' and '.join(named)}", "none")
    if mail not in {"url", "project"} and "EMAIL_URL" in env:
        reader.note_wrong("mail", "url, since env has EMAIL_URL", "url")
