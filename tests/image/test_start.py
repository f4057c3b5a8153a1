"""How the image starts, or refuses to: with nothing, with half of it, with everything."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.image.services import Services

pytestmark = pytest.mark.docker


@pytest.mark.parametrize("options", [{"read_only": False, "user": None}, {}], ids=["docker run IMAGE", "read-only"])
def test_with_no_environment_it_ends_within_seconds_with_the_list(services: Services, options: dict[str, Any]) -> None:
    started = time.monotonic()
    status, out, err = services.run(environment={}, **options)
    assert status == 3
    assert time.monotonic() - started < 15
    for name in ("DATABASE_URL", "SECRET_KEY", "DOMAIN"):
        assert f"- {name} is not set" in err
    assert "Traceback" not in out + err
    assert "Booting worker" not in out + err, "the master itself refuses"


@pytest.mark.parametrize("missing", ["DATABASE_URL", "SECRET_KEY"])
def test_a_half_configured_server_ends_and_is_not_started_again(services: Services, missing: str) -> None:
    """docs/handbook.md, fault 3. A gunicorn whose workers die would start them for ever."""
    status, out, err = services.run(environment=services.environment(**{missing: None}))
    assert status == 3
    assert f"- {missing} is not set" in err
    assert "Booting worker" not in out + err


@pytest.mark.parametrize(
    ("name", "value"), [("WEB_CONCURRENCY", "many"), ("PORT", "http"), ("DATABASE_URL", "postgres://a:hun/ter2@b/c")]
)
def test_a_malformed_value_is_one_line_without_a_traceback(services: Services, name: str, value: str) -> None:
    status, out, err = services.run(environment=services.environment(**{name: value}))
    assert status == 3
    assert next(line for line in err.splitlines() if line.startswith("  - ")).startswith(f"  - {name} ")
    assert "Traceback" not in out + err
    assert "hun" not in out + err


def test_the_check_works_with_no_environment(services: Services) -> None:
    status, out, err = services.run("python", "manage.py", "check", environment={})
    assert (status, out.splitlines()[0]) == (0, "System check identified no issues (0 silenced)."), err


def test_migrate_refuses_with_no_environment(services: Services) -> None:
    status, _, err = services.run("python", "manage.py", "migrate", "--noinput", environment={})
    assert status == 3
    assert "DATABASE_URL is not set" in err


def test_deploy_check_of_the_image_is_clean_in_the_clouds_environment(services: Services) -> None:
    environment = services.environment(
        DATABASE_URL="postgres://app:password@db.example.com:5432/app?sslmode=verify-full",
        DEFAULT_STORAGE_DSN="s3://a-bucket.s3.eu-central-1.amazonaws.com/",
        DOMAIN="www.example.com",
        SECURE_SSL_REDIRECT="True",
        SECURE_PROXY_SSL_HEADER="X-Forwarded-Proto",
    )
    command = ("python", "manage.py", "check", "--deploy", "--fail-level", "WARNING")
    status, out, err = services.run(*command, environment=environment)
    assert (status, out.splitlines()[0]) == (0, "System check identified no issues (1 silenced)."), err
