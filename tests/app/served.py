"""A small project that joined the stack, served over a real socket: by gunicorn as in the image, or by runserver."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.app.environment import SECRET_KEY
from tests.app.programs import APP

SETTINGS = """
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.messages",
    "django.contrib.sessions", "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {
    "context_processors": [
        "django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages"]}}]
ROOT_URLCONF = "site_urls"
WSGI_APPLICATION = "site_wsgi.application"
USE_TZ = True
%s
from django_stack.settings import apply

apply(globals())
%s
"""
URLS = """
from django.contrib import admin
from django.http import HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.urls import path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def echo(request):
    sizes = {name: file.size for name, file in request.FILES.items()} if request.method == "POST" else {}
    return JsonResponse({
        "fields": request.POST.dict(), "files": sizes, "body": "" if sizes or request.POST else request.body.decode(),
        "host": request.get_host(), "address": request.build_absolute_uri(), "secure": request.is_secure(),
    })


def form(request):
    return HttpResponse(f"{get_token(request)} {request.POST.get('word', '')}")


urlpatterns = [path("echo", echo), path("form", form), path("admin/", admin.site.urls)]
"""
WSGI = """
import os
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
application = get_wsgi_application()
"""


@dataclass
class Site:
    """One that is served."""

    port: int
    process: subprocess.Popen[str]
    folder: Path

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def raw(self, *pieces: bytes, leave: bool = False) -> bytes:
        """All that is answered to these bytes until the server closes; with `leave`, the sending side ends first."""
        with self.connect() as connection:
            for piece in pieces:
                connection.sendall(piece)
            if leave:
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while data := connection.recv(65536):
                    answer += data
            except ConnectionResetError:
                if not answer:
                    raise
            return answer


def write_site(folder: Path, before: str = "", after: str = "") -> None:
    """The project's files, with lines of settings before and after the two of the stack."""
    (folder / "site_settings.py").write_text(SETTINGS % (before, after))
    (folder / "site_urls.py").write_text(URLS)
    (folder / "site_wsgi.py").write_text(WSGI)
    (folder / "site_asgi.py").write_text(WSGI.replace("wsgi", "asgi"))


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The variables of a local stack, with a database of its own in a file."""
    (folder / "static").mkdir(exist_ok=True)
    (folder / "static" / "staticfiles.json").write_text('{"paths": {}, "version": "1.1", "hash": ""}')
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{APP}:{folder}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "DJANGO_SETTINGS_MODULE": "site_settings",
        "DATABASE_URL": f"sqlite:///{folder}/site.sqlite3",
        "SECRET_KEY": SECRET_KEY,
        "DOMAIN": "localhost",
        "DOMAIN_ALIASES": "127.0.0.1",
        "SECURE_SSL_REDIRECT": "False",
        "STATIC_ROOT": str(folder / "static"),
        "WEB_CONCURRENCY": "1",
        **more,
    }


def manage(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A management command of the project's."""
    return subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        cwd=folder,
        env=environment(folder, **more),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def served(folder: Path, by: str, before: str = "", after: str = "", **more: str) -> Iterator[Site]:
    """The project, served by "gunicorn", "uvicorn" (ASGI) or "runserver" (which has DEBUG on) until the block ends."""
    write_site(folder, before, after)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environ = environment(folder, PORT=str(port), **({"DJANGO_DEBUG": "True"} if by == "runserver" else {}) | more)
    command = {
        "gunicorn": ["-m", "django_stack.gunicorn_config", "site_wsgi"],
        "uvicorn": ["-m", "uvicorn", "site_asgi:application", "--port", str(port)],
        "runserver": ["-m", "django", "runserver", "--noreload", f"127.0.0.1:{port}"],
    }[by]
    output: Any = (folder / "output").open("w")
    process = subprocess.Popen(
        [sys.executable, *command], cwd=folder, env=environ, stdout=output, stderr=subprocess.STDOUT, text=True
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            assert process.poll() is None, (folder / "output").read_text()
            assert time.monotonic() < deadline, (folder / "output").read_text()
            try:
                socket.create_connection(("127.0.0.1", port), timeout=20).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        yield Site(port, process, folder)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        output.close()
