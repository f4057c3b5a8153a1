"""Small Django projects with the traits that made real ones hard to adopt (one function a trait)."""

import textwrap
from collections.abc import Callable
from pathlib import Path

from tests.joining.texts import DOCKERFILE, MANAGE, MIGRATION, MODELS, PEOPLE, PLACES, SERVER, SETTINGS, URLS

Trait = Callable[[Path], None]


def write(folder: Path, path: str, text: str) -> None:
    """Writes a file of the project."""
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(text).lstrip("\n"))


def change(folder: Path, path: str, old: str, new: str) -> None:
    """Changes a text in a file of the project."""
    before = (folder / path).read_text()
    assert old in before, f"{old!r} isn't in {path}"
    (folder / path).write_text(before.replace(old, new))


def add(folder: Path, path: str, text: str) -> None:
    write(folder, path, (folder / path).read_text() + textwrap.dedent(text))


def make(folder: Path, *traits: Trait) -> Path:
    """A project with a model, an admin, a home page, a requirements.txt and the given traits."""
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, "manage.py", MANAGE)
    write(folder, "shop/__init__.py", "")
    write(folder, "shop/settings.py", SETTINGS)
    write(folder, "shop/urls.py", URLS)
    write(folder, "shop/wsgi.py", SERVER.format(kind="wsgi", settings="shop.settings"))
    write(folder, "papers/__init__.py", "")
    write(folder, "papers/models.py", MODELS)
    write(
        folder,
        "papers/admin.py",
        "from django.contrib import admin\n\nfrom papers.models import Paper\n\nadmin.site.register(Paper)\n",
    )
    write(folder, "papers/migrations/__init__.py", "")
    write(folder, "papers/migrations/0001_initial.py", MIGRATION)
    write(folder, "templates/home.html", "<title>Shop</title><p>Welcome</p>\n")
    write(folder, "requirements.txt", "django==5.2.8\npsycopg2==2.9.10\n")
    for trait in traits:
        trait(folder)
    return folder


def settings_package(folder: Path) -> None:
    """Settings in a package, of which manage.py names the developer's."""
    text = (folder / "shop/settings.py").read_text().replace("parent.parent", "parent.parent.parent")
    (folder / "shop/settings.py").unlink()
    write(folder, "shop/settings/__init__.py", "")
    write(folder, "shop/settings/base.py", text)
    write(folder, "shop/settings/local.py", "from .base import *\n\nDEBUG = True\n")
    write(folder, "shop/settings/production.py", "from .base import *\n\nDEBUG = False\n")
    write(folder, "shop/settings/test.py", "from .base import *\n")
    change(folder, "manage.py", "shop.settings", "shop.settings.local")
    change(folder, "shop/wsgi.py", "shop.settings", "shop.settings.production")


def build_env(folder: Path) -> None:
    """Variables that the settings can't do without, even while the image is built."""
    add(
        folder,
        "shop/settings/production.py",
        """
        import environ

        env = environ.Env(SHOP_WORKERS=int, SHOP_COLOUR=(str, "red"))
        SECRET_KEY = env("DJANGO_SECRET_KEY")
        DATABASES = {"default": env.db("DATABASE_URL")}
        SHOP_WORKERS = env("SHOP_WORKERS")
        SHOP_COLOUR = env("SHOP_COLOUR")
        PAYMENT_KEY = env.str("PAYMENT_KEY")
        if "PAYMENT_HOOK" in __import__("os").environ:
            PAYMENT_HOOK = env("PAYMENT_HOOK")
        """,
    )
    add(folder, "requirements.txt", "django-environ==0.12.0\n")


def secure_cookies(folder: Path) -> None:
    """Names of cookies that browsers take over https alone."""
    _more_settings(folder, 'SESSION_COOKIE_NAME = "__Secure-sessionid"\nCSRF_COOKIE_NAME = "__Secure-csrftoken"\n')


def custom_user(folder: Path) -> None:
    """A user model of the project's own."""
    write(folder, "people/__init__.py", "")
    write(
        folder,
        "people/models.py",
        "from django.contrib.auth.models import AbstractUser\n\n\nclass Person(AbstractUser):\n    pass\n",
    )
    write(folder, "people/migrations/__init__.py", "")
    write(folder, "people/migrations/0001_initial.py", PEOPLE)
    _more_settings(folder, 'INSTALLED_APPS = ["people", *INSTALLED_APPS]\nAUTH_USER_MODEL = "people.Person"\n')


def catch_all(folder: Path) -> None:
    """A page for every address, as a CMS has it."""
    change(folder, "shop/urls.py", 'path("", lambda', 're_path("^.*$", lambda')
    change(folder, "shop/urls.py", "import path", "import path, re_path")


def made_storage(folder: Path) -> None:
    """A storage that is made from its dotted path while models are imported, as django-filer does it."""
    write(
        folder,
        "papers/storage.py",
        """
        from django.conf import settings
        from django.utils.module_loading import import_string

        public = import_string(settings.STORAGES["default"]["BACKEND"])()
        """,
    )
    change(
        folder,
        "papers/models.py",
        "from django.db import models",
        "from django.db import models\n\nfrom papers.storage import public",
    )
    change(folder, "papers/models.py", 'upload_to="papers"', 'upload_to="papers", storage=public')


def asgi(folder: Path) -> None:
    """An ASGI application, and a server for it."""
    write(folder, "shop/asgi.py", SERVER.format(kind="asgi", settings="shop.settings"))
    add(folder, "requirements.txt", "uvicorn==0.38.0\n")


def served_by(requirement: str) -> Trait:
    """An ASGI application and this server for it."""

    def served(folder: Path) -> None:
        asgi(folder)
        change(folder, "requirements.txt", "uvicorn==0.38.0", requirement)
        change(folder, "requirements.txt", "psycopg2==2.9.10\n", "")  # its metadata needs a compiler

    return served


def celery(folder: Path) -> None:
    """Celery with a schedule; compose starts its worker by a script of the image."""
    write(
        folder,
        "shop/celery.py",
        """
        import os

        from celery import Celery

        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
        app = Celery("shop")
        app.config_from_object("django.conf:settings", namespace="CELERY")
        app.autodiscover_tasks()
        """,
    )
    write(folder, "shop/__init__.py", "from .celery import app as celery_app\n\n__all__ = ['celery_app']\n")
    write(folder, "papers/tasks.py", "from celery import shared_task\n\n\n@shared_task\ndef count():\n    return 1\n")
    _more_settings(
        folder,
        """
        CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "redis://redis:6379/0")
        CELERY_BEAT_SCHEDULE = {"count": {"task": "papers.tasks.count", "schedule": 3600}}
        """,
    )
    write(folder, "docker/start-worker", "#!/bin/sh\nset -e\nexec celery -A shop worker -l INFO\n")
    write(
        folder,
        "docker-compose.yml",
        """
        services:
          web: &web
            build: {context: ., dockerfile: docker/Dockerfile}
            command: gunicorn shop.wsgi
          celeryworker:
            <<: *web
            command: /start-worker
          flower:
            <<: *web
            command: celery -A shop flower
          db:
            image: postgres:16.4
          redis:
            image: redis:7
          search:
            image: opensearchproject/opensearch:2
        """,
    )
    add(folder, "requirements.txt", "celery[redis]==5.5.3\n")


def crontab(folder: Path) -> None:
    """A crontab, with a job of the project and one of the machine."""
    write(
        folder,
        "deploy/crontab",
        """
        # m h dom mon dow command
        MAILTO=""
        15 3 * * * /srv/shop/venv/bin/python /srv/shop/manage.py clearsessions >> /var/log/shop.log 2>&1
        @daily /usr/local/bin/pg_dump_all
        """,
    )


def dockerfile_in_a_folder(folder: Path) -> None:
    """The project's own Dockerfile, not beside manage.py."""
    write(folder, "docker/Dockerfile", DOCKERFILE.replace("CMD", "COPY docker/start-worker /start-worker\nCMD"))


def dockerfile(folder: Path) -> None:
    """The project's own Dockerfile, which compose uses."""
    write(folder, "Dockerfile", DOCKERFILE)


def node(folder: Path) -> None:
    """Styles that are built by Node into a folder of static files."""
    write(
        folder,
        "package.json",
        '{"private": true, "scripts": {"build": "sass styles/site.scss assets/site.css"}, '
        '"devDependencies": {"sass": "1.77.8"}}\n',
    )
    write(folder, "styles/site.scss", "$colour: green;\np { color: $colour; }\n")
    _more_settings(folder, 'STATICFILES_DIRS = [BASE_DIR / "assets"]\n')
    write(
        folder, "templates/home.html", "{% load static %}<title>Shop</title><link href=\"{% static 'site.css' %}\">\n"
    )


def uv(folder: Path) -> None:
    """Dependencies in pyproject.toml with uv's lock file."""
    _pyproject(folder, '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = [{}]\n')
    write(
        folder,
        "uv.lock",
        'version = 1\nrequires-python = ">=3.11"\n\n[[package]]\nname = "django"\nversion = "5.2.8"\n'
        '\n[[package]]\nname = "psycopg2"\nversion = "2.9.10"\n',
    )


def poetry(folder: Path) -> None:
    """Dependencies in pyproject.toml with Poetry's lock file."""
    _pyproject(
        folder,
        '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11,<4"\ndependencies = [{}]\n\n'
        "[tool.poetry]\npackage-mode = false\n",
    )
    write(
        folder,
        "poetry.lock",
        '[[package]]\nname = "django"\nversion = "5.2.8"\n\n[[package]]\nname = "psycopg2"\nversion = "2.9.10"\n',
    )


def pipenv(folder: Path) -> None:
    """Dependencies in a Pipfile, without its lock, which `pipenv lock` makes."""
    lines = (folder / "requirements.txt").read_text().split()
    (folder / "requirements.txt").unlink()
    pairs = "".join(f'{name} = "=={version}"\n' for name, _, version in (line.partition("==") for line in lines))
    write(folder, "Pipfile", f"[packages]\n{pairs}")


def _pyproject(folder: Path, text: str) -> None:
    lines = (folder / "requirements.txt").read_text().split()
    (folder / "requirements.txt").unlink()
    write(folder, "pyproject.toml", text.format(", ".join(f'"{line}"' for line in lines)))


def _more_settings(folder: Path, text: str) -> None:
    path = next(path for path in ("shop/settings.py", "shop/settings/base.py") if (folder / path).exists())
    add(folder, path, text)


def geodjango(folder: Path) -> None:
    """An app with points on the globe, in PostGIS."""
    _more_settings(
        folder,
        """
        INSTALLED_APPS += ["django.contrib.gis", "places"]
        DATABASES = {"default": {"ENGINE": "django.contrib.gis.db.backends.postgis", "NAME": "shop"}}
        """,
    )
    write(folder, "places/__init__.py", "")
    write(
        folder,
        "places/models.py",
        "from django.contrib.gis.db import models\n\n\n"
        "class Place(models.Model):\n    at = models.PointField(geography=True)\n",
    )
    write(folder, "places/migrations/__init__.py", "")
    write(folder, "places/migrations/0001_initial.py", PLACES)
