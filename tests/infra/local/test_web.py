"""The site's container: its environment, its command, the mounted source."""

import json
from typing import Any

import pytest

from infra.dsn import S3DSN, DatabaseURL
from tests.infra.conftest import ROOT

SERVE_LIKE_CLOUD = {"web-command": "", "debug": False, "mount-source": False}


def test_the_web_gets_the_contract_of_the_local_column(program: Any) -> None:
    env = program().env("web")
    url = DatabaseURL.parse(env.pop("DATABASE_URL"))
    assert (url.host, url.port, url.name, url.password) == ("database", 5432, "app", "database-password-random")
    dsn = S3DSN.parse(env.pop("DEFAULT_STORAGE_DSN"))
    assert dsn.endpoint_url == "http://media.localhost:9000"
    assert dsn.signed
    assert env == {
        "DOMAIN": "localhost",
        "DOMAIN_ALIASES": "localhost,127.0.0.1",
        "DOMAIN_REDIRECTS": "",
        "DJANGO_DEBUG": "True",
        "SECURE_SSL_REDIRECT": "False",
        "SECRET_KEY": "secret-key-random",
        "SITE_URL": "http://localhost:8000",
        "STAGE": "local",
        "PORT": "8000",
    }


def test_debug_off_leaves_django_debug_absent(program: Any) -> None:
    assert "DJANGO_DEBUG" not in program({"debug": False}).env("web")


def test_the_site_is_asked_by_its_own_name_where_it_is_published(program: Any) -> None:
    run = program({"domain": "site.localhost", "web-port": 18000})
    asked = json.loads(run["web-rollout"].inputs["stdin"])
    assert (asked["domain"], asked["port"]) == (run.env("web")["DOMAIN"], 18000) == ("site.localhost", 18000)
    assert set(asked["secrets"]) >= {run.env("web")["SECRET_KEY"], run.env("web")["DATABASE_URL"]}


def test_runserver_over_the_mounted_source_is_what_the_local_stack_asks_for(
    program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getuid", lambda: 1234)
    monkeypatch.setattr("os.getgid", lambda: 1235)
    web = program(stack="somebodys")["web"].inputs
    assert web["command"] == ["python", "manage.py", "runserver", "0.0.0.0:8000"]
    assert web["mounts"] == [{"type": "bind", "source": str(ROOT / "app"), "target": "/app"}]
    assert web["user"] == "1234:1235"


def test_without_web_command_and_mount_the_image_serves_as_in_the_cloud(program: Any) -> None:
    web = program(SERVE_LIKE_CLOUD)["web"].inputs
    assert "command" not in web
    assert web["volumes"] == [{"volumeName": "django-stack-local-maintenance", "containerPath": "/data/maintenance"}]
    assert not web.get("mounts")
    assert "user" not in web
