"""Which of a project's required variables the contract makes needless, and what stands in for the others."""

import re
import shlex

from infra.adoption.variables import Variable

# What these lead to in the settings is overwritten by what the stack says: keys, hosts, database, media storage.
_OVERWRITTEN = re.compile(
    r"(?:DJANGO_|APP_)?(?:SECRET_KEY|ALLOWED_HOSTS|CSRF_TRUSTED_ORIGINS|DEBUG)"
    r"|(?:DJANGO_)?(?:DATABASE|DB|POSTGRES|POSTGRESQL|PG|RDS|SQL)_?(?:URL|NAME|DATABASE|DB|USER|USERNAME|PASSWORD|PASS|HOST|HOSTNAME|PORT|ENGINE|DSN|DB_NAME)"
    r"|(?:DJANGO_)?(?:AWS|S3|DO|SPACES|GS|AZURE)_\w*(?:ACCESS_KEY|SECRET|BUCKET|REGION|ENDPOINT|CUSTOM_DOMAIN|KEY_ID|CONTAINER|ACCOUNT)\w*"
    r"|DEFAULT_STORAGE_DSN|MEDIA_(?:URL|ROOT)|STATIC_(?:URL|ROOT)"
)
# And these, where the stack has EMAIL_URL.
_OF_MAIL = re.compile(
    r"(?:DJANGO_)?(?:EMAIL|SMTP)_"
    r"(?:BACKEND|(?:HOST_)?(?:USER|USERNAME|PASSWORD)|HOST|SERVER|PORT|(?:USE_)?(?:SSL|TLS)|SSL_(?:CERT|KEY)FILE)"
)
_LIKELY = (
    (r".*ADMIN_URL", "admin/"),
    (r".*_DSN", ""),
    (r".*(?:FROM_EMAIL|EMAIL_FROM|SERVER_EMAIL|EMAIL_ADDRESS|_EMAIL)", "webmaster@localhost"),
    (r".*(?:_URL|_ENDPOINT|_URI)", "http://localhost"),
    (r"(?:.*_)?(?:HOST|HOSTNAME|DOMAIN)", "localhost"),
    (r".*_PORT", "1"),
)
# Names of the site's key. What stands in is long, since some settings refuse a short one, and no server starts with it.
_KEY = re.compile(r"(?:DJANGO_|APP_)?SECRET_KEY")
_KEY_STAND_IN = "stands-in-for-a-key-while-the-image-is-built-and-is-no-secret-at-all"
# The other names of REDIS_URL in projects with a broker.
BROKERS = (
    "CELERY_BROKER_URL",
    "CELERY_BROKER",
    "BROKER_URL",
    "CELERY_RESULT_BACKEND",
    "CELERY_BACKEND",
    "RQ_REDIS_URL",
)


def is_overwritten(variable: Variable) -> bool:
    return bool(_OVERWRITTEN.fullmatch(variable.name))


def is_of_mail(variable: Variable) -> bool:
    """Whether it leads to what EMAIL_URL says, if there is one."""
    return bool(_OF_MAIL.fullmatch(variable.name))


def is_key(name: str) -> bool:
    """Whether it is a name of the site's own key, which the stack's SECRET_KEY is."""
    return bool(_KEY.fullmatch(name))


def is_from_the_stack(variable: Variable, *, cache: bool, mail: bool) -> bool:
    """Whether the stack sets it, or the settings module takes it from what the stack sets."""
    if mail and (variable.name == "EMAIL_URL" or is_of_mail(variable)):
        return True
    return cache and variable.name in {"REDIS_URL", "CACHE_URL", *BROKERS}


def stand_in(variable: Variable) -> str:
    """A value of the right form that means nothing."""
    if is_key(variable.name):
        return _KEY_STAND_IN
    if variable.stand_in != "unset":
        return variable.stand_in
    return next((value for pattern, value in _LIKELY if re.fullmatch(pattern, variable.name)), "unset")


def assignments(variables: list[Variable]) -> str:
    """`A=1 B=2 `, to stand before a command of a shell; nothing without variables."""
    return "".join(f"{one.name}={shlex.quote(stand_in(one))} " for one in variables)
