"""The gallery's own settings. Everything that depends on the stack comes from the environment, by `apply` at the
end."""

import logging
from datetime import timedelta
from pathlib import Path

from csp.constants import NONE, SELF
from django_stack.settings import apply

BASE_DIR = Path(__file__).resolve().parent.parent

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "procrastinate.contrib.django",
    "gallery",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# Slows down guessing of passwords: after ten wrong ones, a user name is locked for ten minutes for visitors from the
# same address, so that nobody can lock somebody else out. The count is in the database, so it applies to all workers
# and tasks together. Attempts with many names from one address are not counted, since offices and mobile networks share
# addresses; a rate limit in front of the site is the place for that.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "django_stack.visitors.address"  # the visitor's, not the load balancer's
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=10)
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "429.html"
AXES_DISABLE_ACCESS_LOG = True  # keeps no record of who logged in when
AXES_VERBOSE = False

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "gallery:index"
LOGOUT_REDIRECT_URL = "gallery:index"
PASSWORD_RESET_TIMEOUT = 3600  # seconds for which the link in the mail works

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

PICTURE_MAX_BYTES = 15 * 1024 * 1024
PICTURE_MAX_PIXELS = 40_000_000  # of all frames; a decoded picture takes 4 bytes of memory for each pixel
PICTURE_MAX_FRAMES = 1000  # a million frames of one pixel take minutes, and gigabytes of memory
REQUEST_MAX_BYTES = PICTURE_MAX_BYTES + 1024 * 1024  # room for the rest of the form

# A finished task leaves the queue, so that the queue needs no maintenance; one that failed stays, to be looked at.
PROCRASTINATE_WORKER_DEFAULTS = {"delete_jobs": "successful"}

apply(globals())

# The queue is made of PostgreSQL's own functions. Without a stack, as in tests, the database is SQLite.
if "postgresql" not in globals()["DATABASES"]["default"]["ENGINE"]:
    MIGRATION_MODULES = {"procrastinate": None}


def but_run_again(record: logging.LogRecord) -> bool:
    """A filter that drops a worker's lines about the task that looks every minute for what killed workers left."""
    return record.levelno > logging.INFO or getattr(record, "job", {}).get("task_name") != "gallery.run_again"


globals()["LOGGING"]["filters"]["but_run_again"] = {"()": lambda: but_run_again}
globals()["LOGGING"]["loggers"] |= {
    "axes": {"level": "WARNING"},  # it would write four lines for each login
    "procrastinate": {"level": "WARNING"},  # it would write a line for each task that a program knows or queues
    "procrastinate.worker": {"level": "INFO", "filters": ["but_run_again"]},
    "procrastinate.worker.worker": {"filters": ["but_run_again"]},
}

# No inline scripts or styles, which also holds for Django's admin; pictures come from the site or the media storage.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"] + [origin for origin in [globals()["MEDIA_ORIGIN"]] if origin],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
