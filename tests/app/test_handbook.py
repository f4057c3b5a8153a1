"""The handbook page of Divio ("Working with our recommended Django project configuration"), sentence by sentence, and
the sentences that the reference itself breaks.

What needs a container or a stack is proved where those are; here stands by which test, and that there is such a test.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from environment import settings as environment_settings
from environment.storages import RefusingStorage
from environment.variables import read

from tests.app.conftest import APP, CLOUD, LOCAL, manage

TESTS = APP.parent / "tests"


def settings_of(environ: dict[str, str]) -> dict[str, Any]:
    return environment_settings.settings(read(environ), {})


PROVED_ELSEWHERE = {
    # the page, sentence by sentence
    "the same image and exactly the same codebase in both environments": [
        "infra/test_platforms.py::test_both_platforms_build_the_same_image_from_the_very_same_context",
    ],
    "cloud: the CMD starts the production application gateway server": [
        "image/test_contents.py::test_it_runs_as_nobody_in_particular_with_a_health_check_and_a_command_to_replace",
        "e2e/test_serving.py::test_gunicorn_runs_without_debug_and_not_as_root",
    ],
    "local: a command line starts runserver instead": [
        "infra/test_local_program.py::test_runserver_over_the_mounted_source_is_what_the_local_stack_asks_for",
        "e2e/test_gallery.py::test_an_edited_template_shows_without_another_up",
    ],
    "local: without that line the gateway server is used": [
        "infra/test_local_program.py::test_without_web_command_and_mount_the_image_serves_as_in_the_cloud",
    ],
    "local: a container running the same database": [
        "infra/test_cloud_program.py::test_the_database_is_the_same_major_version_as_the_local_one",
    ],
    "cloud: a random secret key is always provided": [
        "infra/test_platforms.py::test_the_same_variables_are_secret_on_both_platforms",
    ],
    "cloud: static files by the gateway server and WhiteNoise": [
        "image/test_serving.py::test_static_files_are_hashed_compressed_and_kept_for_ever",
    ],
    "local: the gateway server with debug off and WhiteNoise can be tested": [
        "e2e/test_serving.py::test_static_files_are_hashed_and_may_be_kept_for_ever",
    ],
    "local: the file system is used for media, and runserver serves them": [
        "e2e/test_media.py::test_in_a_folder_uploads_are_files_that_runserver_serves",
    ],
    "local: with a cloud environment's storage DSN the local server uses that S3": [
        "e2e/test_media.py::test_a_secret_storage_dsn_makes_the_local_server_use_that_bucket",
    ],
    "migrations run as a release command": [
        "e2e/test_release.py::test_a_new_migration_is_applied_once_by_the_next_up",
    ],
    # divio.md 1.7
    "1.7.1 static files collected in the image survive a mounted source": [
        "e2e/test_gallery.py::test_the_admin_has_its_styles_and_lets_the_administrator_in",
    ],
    "1.7.2 the same database: glibc, not alpine's collation": [
        "infra/test_settings.py::test_a_wrong_setting_is_refused_with_key_value_allowed_and_fix",
    ],
    "1.7.3 a server without its variables does not start": [
        "image/test_start.py::test_with_no_environment_it_ends_within_seconds_with_the_list",
    ],
    "1.7.4 gunicorn behind a proxy does not redirect for ever": [
        "image/test_serving.py::test_the_proxys_word_for_https_is_taken_so_there_is_no_loop",
    ],
    "1.7.5 a probe by address is answered with 200": [
        "image/test_serving.py::test_health_answers_by_address_over_http_without_a_redirect",
    ],
    "1.7.5 a login on a custom domain is not refused": ["app/test_health_and_hosts.py::test_login_with_csrf_works"],
    "1.7.6 a 500 prints its traceback with debug off": [
        "image/test_serving.py::test_a_500_leaves_its_traceback_on_stderr",
    ],
}


@pytest.mark.parametrize("sentence", PROVED_ELSEWHERE)
def test_proved_elsewhere(sentence: str) -> None:
    for place in PROVED_ELSEWHERE[sentence]:
        path, _, name = place.partition("::")
        assert re.search(rf"^def {name}\(", (TESTS / path).read_text(), re.MULTILINE), place


def test_twelve_factor_all_that_depends_on_the_place_comes_from_the_environment() -> None:
    """`os.environ` is read in one module of the app, for settings, and where a process starts."""
    readers = {
        path.relative_to(APP).as_posix()
        for path in (APP).rglob("*.py")
        if re.search(r"os\.environ[\[.)](?!setdefault)", path.read_text())
    }
    assert readers == {"environment/settings.py", "environment/gunicorn_config.py", "environment/healthcheck.py"}


def test_build_the_database_is_sqlite_in_memory() -> None:
    default = settings_of({})["DATABASES"]["default"]
    assert (default["ENGINE"], default["NAME"]) == ("django.db.backends.sqlite3", ":memory:")


@pytest.mark.parametrize("environ", [CLOUD, LOCAL], ids=["cloud", "local"])
def test_database_is_postgresql_in_both_environments(environ: dict[str, str]) -> None:
    assert settings_of(environ)["DATABASES"]["default"]["ENGINE"] == "django.db.backends.postgresql"


def test_debug_mode_cloud_safely_falls_back_to_false() -> None:
    assert "DJANGO_DEBUG" not in CLOUD
    assert settings_of(CLOUD)["DEBUG"] is settings_of({})["DEBUG"] is False


def test_debug_mode_local_the_environment_turns_it_on() -> None:
    assert settings_of(LOCAL)["DEBUG"] is True


def test_secret_key_the_one_provided_is_used() -> None:
    assert settings_of(CLOUD)["SECRET_KEY"] == CLOUD["SECRET_KEY"]


def test_secret_key_departure_there_is_no_hard_coded_one() -> None:
    assert settings_of({})["SECRET_KEY"] != settings_of({})["SECRET_KEY"]
    for path in (APP).rglob("*.py"):
        assert not re.search(r"SECRET_KEY\s*=\s*[\"']", path.read_text()), path


def test_allowed_hosts_cloud_domain_and_aliases_are_used() -> None:
    assert settings_of(CLOUD)["ALLOWED_HOSTS"][:2] == ["www.example.com", "example.net"]


def test_allowed_hosts_local_come_from_domain_aliases() -> None:
    assert {"localhost", "127.0.0.1"} <= set(settings_of({**LOCAL, "DOMAIN": ""})["ALLOWED_HOSTS"])


def test_static_files_whitenoise_stands_behind_the_security_middleware() -> None:
    chain = environment_settings.settings(
        read(CLOUD), {"MIDDLEWARE": ["django.middleware.security.SecurityMiddleware", "x"]}
    )["MIDDLEWARE"]
    security = chain.index("django.middleware.security.SecurityMiddleware")
    assert chain[security + 1] == "whitenoise.middleware.WhiteNoiseMiddleware"


@pytest.mark.parametrize("environ", [CLOUD, LOCAL], ids=["cloud", "local"])
def test_media_files_are_in_s3(environ: dict[str, str]) -> None:
    assert settings_of(environ)["STORAGES"]["default"]["BACKEND"] == "environment.storages.S3Media"


def test_media_files_local_file_system_by_the_handbooks_own_line() -> None:
    found = settings_of({**LOCAL, "DEFAULT_STORAGE_DSN": "file:///data/media/?url=%2Fmedia%2F"})
    assert found["STORAGES"]["default"]["BACKEND"] == "django.core.files.storage.FileSystemStorage"
    assert (found["MEDIA_ROOT"], found["MEDIA_URL"]) == ("/data/media/", "/media/")


def test_divio_1_7_3_migrate_without_a_database_url_does_not_succeed_on_a_throw_away_sqlite() -> None:
    result = manage("migrate", "--noinput")
    assert result.returncode == 3
    assert "DATABASE_URL is not set" in result.stderr


def test_divio_1_7_3_a_missing_storage_is_said_in_a_clear_line() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^DEFAULT_STORAGE_DSN is not set"):
        RefusingStorage().save("a", ContentFile(b""))


def test_divio_1_7_4_no_header_is_believed_unless_the_stack_names_it() -> None:
    assert settings_of(LOCAL)["SECURE_PROXY_SSL_HEADER"] is None
    assert settings_of(CLOUD)["SECURE_PROXY_SSL_HEADER"] == ("HTTP_X_FORWARDED_PROTO", "https")
