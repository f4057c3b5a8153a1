"""CACHE_URL: an entry of CACHES, in the spellings of django-environ, django-cache-url and redis-py.

    rediss://:PASSWORD@HOST:6379/0?key_prefix=shop&ssl_cert_reqs=none

The site outlives a Redis or Valkey that is away (`caches.py`, or django-redis where it is installed), unless it has
`ignore_exceptions=false`.
`ssl_cert_reqs=none` is for Heroku, whose servers have self-signed certificates
(devcenter.heroku.com/articles/connecting-heroku-redis). Without it every certificate is verified.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any
from urllib.parse import SplitResult

from environ import Env

from django_stack.malformed import MalformedError, attempt, known_only
from django_stack.urls import ENCODED, arguments_of, host_of, installed, url_parts, yes_or_no

# Each scheme in django-environ's own spelling. A socket's schemes are redis-py's and kombu's.
SCHEMES = {
    **dict.fromkeys(("redis", "rediscache", "valkey", "hiredis", "unix", "redis+socket", "valkey+socket"), "redis"),
    **dict.fromkeys(("rediss", "valkeys"), "rediss"),
    **dict.fromkeys(("memcache", "pymemcache", "pymemcached"), "pymemcache"),
    **dict.fromkeys(("memcached", "pylibmc"), "pylibmc"),
    **dict.fromkeys(("dbcache", "db"), "dbcache"),
    **dict.fromkeys(("filecache", "file"), "filecache"),
    **dict.fromkeys(("locmemcache", "locmem"), "locmemcache"),
    **dict.fromkeys(("dummycache", "dummy"), "dummycache"),
}
PACKAGES = {"redis": "redis", "rediss": "redis", "pymemcache": "pymemcache", "pylibmc": "pylibmc"}
# Schemes of other tools, each with what to write instead.
OTHER_SCHEMES = {
    "djangopylibmc": "write pylibmc://HOST:11211",
    "elasticache": "write memcache://HOST:11211, or rediss://HOST:6379 for Valkey and Redis",
    "redis+sentinel": "it needs django-redis in the project's own settings; or write redis://HOST:6379/0 of a proxy",
    "redis-cache": "it is django-redis-cache's, which is no longer maintained; write redis://HOST:6379/0",
    "redis-sentinel": "it needs django-redis in the project's own settings; or write redis://HOST:6379/0 of a proxy",
    "redis+tls": "write rediss://HOST:6379/0",
    "redis+ssl": "write rediss://HOST:6379/0",
    "sentinel": "it needs django-redis in the project's own settings; or write redis://HOST:6379/0 of a proxy",
    "uwsgicache": "the image has gunicorn, not uWSGI; write redis://HOST:6379/0 or locmem://",
}
SOCKET_SCHEMES = {"unix", "redis+socket", "valkey+socket"}

# Django's own: docs.djangoproject.com/en/5.2/topics/cache/#cache-arguments. Two of them only where Django removes
# entries itself.
ANY, CULLING = {"timeout", "key_prefix", "version", "key_function"}, {"max_entries", "cull_frequency"}
CULLED = {"dbcache", "filecache", "locmemcache"}
# redis-py's, for a connection: redis.readthedocs.io/en/stable/connections.html
WHOLE = {"db", "health_check_interval", "max_connections", "protocol", "socket_read_size", "ssl_min_version"}
DECIMAL = {"socket_timeout", "socket_connect_timeout"}
YES_OR_NO = {"retry_on_timeout", "socket_keepalive", "ssl_check_hostname"}
TEXTS = {
    *("client_name", "ssl_ca_certs", "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile", "ssl_ciphers", "ssl_keyfile"),
    *("ssl_password", "password", "username"),
}
REDIS = WHOLE | DECIMAL | YES_OR_NO | TEXTS
# In seconds, since a page waits for the cache; redis-py waits for five, or for ever.
TIMEOUTS = {"socket_connect_timeout": 1, "socket_timeout": 1}
CERTIFICATES = ("none", "optional", "required")  # redis-py's words; the ssl module's are CERT_NONE and so on, or None

OURS = {"django.core.cache.backends.redis.RedisCache": "django_stack.caches.RedisCache"}
DJANGO_REDIS = "is django-redis's, which is not installed; remove it, since Django's own cache doesn't need it"
# What django-redis reads in OPTIONS, only where it is installed.
DJANGO_REDIS_OPTIONS = {"client_class", "compressor", "ignore_exceptions", "parser_class", "serializer"}
INSTEAD = {
    **dict.fromkeys(DJANGO_REDIS_OPTIONS - {"ignore_exceptions"}, f"it {DJANGO_REDIS}"),
    "binary": "it is django-pylibmc's; remove it",
    "connection_pool_class": f"it {DJANGO_REDIS}",
    "decode_responses": "Django stores bytes; remove it",
    "family": "it is ioredis's; remove it",
    "lib": "it is django-cache-url's; remove it",
    "prefix": "write key_prefix=",
    "ssl": "write rediss:// instead of redis://",
    "tls": "write rediss:// instead of redis://",
}


def cache(text: str) -> dict[str, Any]:
    """An entry of CACHES."""
    written, _, rest = text.partition("://")
    written = written.lower()
    if written in OTHER_SCHEMES:
        raise MalformedError(f"has the scheme {written}://, which has no meaning here: {OTHER_SCHEMES[written]}.")
    scheme = SCHEMES.get(written, "")
    parts = url_parts(f"{scheme}://{rest}") if scheme else None
    if parts is None or not has_place(parts) or (written in SOCKET_SCHEMES and not socket(parts)):
        raise MalformedError(
            f"is not a cache URL (redis://:PASSWORD@HOST:6379/0, rediss://, unix:///SOCKET, memcache://HOST:11211, "
            f"dbcache://TABLE, filecache:///FOLDER, locmemcache://; {ENCODED})."
        )
    if written == "memcache" and not find_spec("pymemcache") and find_spec("pylibmc"):  # both speak one protocol
        scheme = "pylibmc"
    elif written == "memcached" and not find_spec("pylibmc"):
        scheme = "pymemcache"
    installed(f"{scheme}://", PACKAGES.get(scheme, ""), PACKAGES.get(scheme, ""))
    installed("hiredis://", "hiredis" if written == "hiredis" else "", "hiredis")
    arguments = {name.lower(): value for name, value in arguments_of(parts.query).items()}
    number, path = database_of(parts, arguments) if scheme in ("redis", "rediss") else ("", parts.path)
    plain = f"{scheme}://{parts.netloc}{path}"
    config: dict[str, Any] | None = attempt(lambda: dict(Env.cache_url_config(plain)))
    if config is None:
        raise MalformedError(f"is not a cache URL; {ENCODED}.")
    if scheme == "pylibmc" and not parts.netloc:
        config["LOCATION"] = f"unix:{path}"
    if scheme in ("redis", "rediss"):
        if socket(parts) and scheme == "rediss":
            raise MalformedError("asks for TLS on a socket, which has none: write unix:///SOCKET.")
        if socket(parts):
            config["LOCATION"] = f"unix://{parts.netloc}{path}" + (f"?db={number}" if number else "")
        if config["BACKEND"] in OURS and yes_or_no("ignore_exceptions", arguments.pop("ignore_exceptions", "true")):
            config["BACKEND"] = OURS[config["BACKEND"]]
        options = redis_options(arguments, secure=scheme == "rediss", django_redis="django_redis" in config["BACKEND"])
    else:
        known_only(arguments, ANY | (CULLING if scheme in CULLED else set()), "arguments", INSTEAD)
        options = {name.upper(): whole(name, arguments[name]) for name in sorted(CULLING & arguments.keys())}
    return config | own_arguments(arguments) | ({"OPTIONS": options} if options else {})


def socket(parts: SplitResult) -> bool:
    """True for redis:///run/redis.sock, with or without a login."""
    return not parts.netloc.rpartition("@")[2] and len(parts.path) > 1


def has_place(parts: SplitResult) -> bool:
    """True if the URL says where the cache is, in the form of its scheme."""
    hosts = all(host_of(place) for place in parts.netloc.split(","))
    file = not parts.netloc and len(parts.path) > 1
    match parts.scheme:
        case "redis" | "rediss":  # a host and a database's number, or a socket
            return socket(parts) or (hosts and bool(re.fullmatch(r"/?[0-9]{0,4}/?", parts.path)))
        case "pymemcache" | "pylibmc":
            return file or (hosts and "@" not in parts.netloc and parts.path in ("", "/"))
        case "dbcache":
            return bool(re.fullmatch(r"[A-Za-z_]\w*", parts.netloc)) and parts.path in ("", "/")
        case "filecache":
            return file
        case "locmemcache":  # several caches of one process have names
            return bool(re.fullmatch(r"[\w.-]*", parts.netloc)) and parts.path in ("", "/")
    return not parts.netloc and parts.path in ("", "/")


def database_of(parts: SplitResult, arguments: dict[str, str]) -> tuple[str, str]:
    """The number of a Redis database, from the path or the arguments, and the path for the URL."""
    number, path = arguments.pop("db", ""), parts.path
    if socket(parts):
        number = number or arguments.pop("virtual_host", "").strip("/")  # kombu's
        if behind := re.fullmatch(r"(.+\.sock)/([0-9]{1,4})", path):  # django-cache-url's
            path, number = behind[1], number or behind[2]
    elif path.strip("/") and number not in ("", path.strip("/")):
        raise MalformedError("names two databases, in its path and as db=.")
    else:
        path = f"/{number}" if number else path
    if number and not re.fullmatch(r"[0-9]{1,4}", number):
        raise MalformedError("has an argument db that is not a whole number.")
    return number, path


def redis_options(arguments: dict[str, str], *, secure: bool, django_redis: bool) -> dict[str, Any]:
    """OPTIONS of a Redis or Valkey cache: redis-py's arguments for a connection."""
    known = ANY | REDIS | (DJANGO_REDIS_OPTIONS if django_redis else set())
    known_only(arguments, known, "arguments", INSTEAD)
    found: dict[str, Any] = {}
    for name in sorted(REDIS & arguments.keys()):
        if name.startswith("ssl_") and not secure:
            raise MalformedError(f"has an argument {name}, but no TLS: write rediss:// instead of redis://.")
        text = arguments[name]
        if name in WHOLE:
            found[name] = whole(name, text)
        elif name in YES_OR_NO:
            found[name] = yes_or_no(name, text)
        elif name in DECIMAL:
            found[name] = seconds(name, text)
        else:
            found[name] = certificates(text) if name == "ssl_cert_reqs" else text
    if secure:  # redis-py before 6 looks at no host name, and 6.0 at one even where no certificate is verified
        found.setdefault("ssl_check_hostname", found.get("ssl_cert_reqs") != "none")
    if not django_redis:
        return found
    own: dict[str, Any] = {name.upper(): arguments[name] for name in sorted(DJANGO_REDIS_OPTIONS & arguments.keys())}
    own["IGNORE_EXCEPTIONS"] = yes_or_no("ignore_exceptions", own.get("IGNORE_EXCEPTIONS", "true"))
    if own["IGNORE_EXCEPTIONS"]:
        found = {**TIMEOUTS, **found}
    return own | ({"CONNECTION_POOL_KWARGS": found} if found else {})


def certificates(text: str) -> str:
    """How the server's certificate is verified, in redis-py's words."""
    word = text.lower().removeprefix("ssl.").removeprefix("cert_")
    if word not in CERTIFICATES:
        raise MalformedError(f"has an argument ssl_cert_reqs that is none of {', '.join(CERTIFICATES)}.")
    return word


def whole(name: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise MalformedError(f"has an argument {name} that is not a whole number.")
    return int(text)


def seconds(name: str, text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        raise MalformedError(f"has an argument {name} that is not a number of seconds.")
    return float(text) if "." in text else int(text)


def own_arguments(arguments: dict[str, str]) -> dict[str, Any]:
    """Django's own arguments of a cache. `timeout=none` keeps entries for ever."""
    found: dict[str, Any] = {name.upper(): arguments[name] for name in sorted(ANY & arguments.keys())}
    if "TIMEOUT" in found:
        found["TIMEOUT"] = None if found["TIMEOUT"].lower() == "none" else whole("timeout", found["TIMEOUT"])
    if "VERSION" in found:
        found["VERSION"] = whole("version", found["VERSION"])
    if not re.fullmatch(r"[A-Za-z_][\w.]*\.\w+", found.get("KEY_FUNCTION", "a.b")):
        raise MalformedError("has an argument key_function that is not the dotted path of a function.")
    return found
