"""The handbook page of Divio ("Working with our recommended Django project configuration"), sentence by sentence, and
the sentences that the reference itself breaks.

What needs a container or a stack is proved where those are; here stands by which test, and that there is such a test.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from typing import Any

import pytest
from django_stack import settings as environment_settings
from django_stack.variables import read

from tests import ROOT
from tests.app.environment import CLOUD, LOCAL, settings_of
from tests.app.programs import APP

TESTS = ROOT / "tests"


CLOUD_COLUMN, LOCAL_COLUMN, BUILD_COLUMN = "in the cloud", "on the local stack", "while the image is built"

# Row and column of the page (and of docs/handbook.md), and the tests that prove what it says there.
PAGE = {
    ("Application container", CLOUD_COLUMN): [
        "infra/test_platforms.py::test_both_platforms_build_the_same_image_from_the_very_same_context",
    ],
    ("Application container", LOCAL_COLUMN): [
        "infra/test_platforms.py::test_both_platforms_build_the_same_image_from_the_very_same_context",
    ],
    ("Django server", CLOUD_COLUMN): [
        "image/test_contents.py::test_it_runs_as_nobody_in_particular_with_a_health_check_and_a_command_to_replace",
        "e2e/test_serving.py::test_gunicorn_runs_without_debug_and_not_as_root",
    ],
    ("Django server", LOCAL_COLUMN): [
        "infra/local/test_web.py::test_runserver_over_the_mounted_source_is_what_the_local_stack_asks_for",
        "e2e/test_gallery.py::test_an_edited_template_shows_without_another_up",
        "infra/local/test_web.py::test_without_web_command_and_mount_the_image_serves_as_in_the_cloud",
    ],
    ("Database", CLOUD_COLUMN): [
        "app/test_handbook.py::test_database_is_postgresql_in_both_environments",
        "app/django_stack/test_variables.py::test_variable_becomes_setting",
    ],
    ("Database", LOCAL_COLUMN): [
        "app/test_handbook.py::test_database_is_postgresql_in_both_environments",
        "infra/cloud/test_database.py::test_the_database_is_the_same_major_version_as_the_local_one",
    ],
    ("Database", BUILD_COLUMN): [
        "app/test_handbook.py::test_build_the_database_is_sqlite_in_memory",
        "app/django_stack/test_refusal.py::test_the_projects_own_tests_run_with_nothing_set",
        "app/django_stack/test_refusal.py::test_migrate_refuses_with_nothing_set",
    ],
    ("Debug mode", CLOUD_COLUMN): ["app/test_handbook.py::test_debug_mode_cloud_safely_falls_back_to_false"],
    ("Debug mode", LOCAL_COLUMN): [
        "app/test_handbook.py::test_debug_mode_local_the_environment_turns_it_on",
        "infra/local/test_web.py::test_the_web_gets_the_contract_of_the_local_column",
    ],
    ("Debug mode", BUILD_COLUMN): ["app/test_handbook.py::test_debug_mode_cloud_safely_falls_back_to_false"],
    ("Secret key", CLOUD_COLUMN): [
        "app/test_handbook.py::test_secret_key_the_one_provided_is_used",
        "infra/test_platforms.py::test_the_same_variables_are_secret_on_both_platforms",
    ],
    ("Secret key", LOCAL_COLUMN): [
        "infra/test_platforms.py::test_the_same_variables_are_secret_on_both_platforms",
        "app/test_handbook.py::test_secret_key_departure_there_is_no_hard_coded_one",
    ],
    ("Secret key", BUILD_COLUMN): [
        "app/test_handbook.py::test_secret_key_departure_there_is_no_hard_coded_one",
        "app/django_stack/test_refusal.py::test_a_program_that_reads_the_settings_refuses_whatever_its_name",
    ],
    ("Allowed hosts", CLOUD_COLUMN): ["app/test_handbook.py::test_allowed_hosts_cloud_domain_and_aliases_are_used"],
    ("Allowed hosts", LOCAL_COLUMN): ["app/test_handbook.py::test_allowed_hosts_local_come_from_domain_aliases"],
    ("Allowed hosts", BUILD_COLUMN): [
        "app/django_stack/test_variables.py::test_absent_variable_means_the_safe_default",
    ],
    ("Static files", CLOUD_COLUMN): [
        "app/test_handbook.py::test_static_files_whitenoise_stands_behind_the_security_middleware",
        "image/test_serving.py::test_static_files_are_hashed_compressed_and_kept_for_ever",
    ],
    ("Static files", LOCAL_COLUMN): [
        "e2e/test_gallery.py::test_the_admin_has_its_styles_and_lets_the_administrator_in",
        "e2e/test_source.py::test_a_changed_static_file_of_a_dependency_is_seen_though_its_date_is_the_same",
        "e2e/test_serving.py::test_static_files_are_hashed_and_may_be_kept_for_ever",
    ],
    ("Static files", BUILD_COLUMN): [
        "app/django_stack/test_refusal.py::test_collectstatic_works_with_nothing_set",
    ],
    ("Media files", CLOUD_COLUMN): [
        "app/test_handbook.py::test_media_files_are_in_s3",
        "infra/cloud/test_storage.py::test_the_app_reads_the_dsns_that_the_cloud_hands_it",
    ],
    ("Media files", LOCAL_COLUMN): [
        "app/test_handbook.py::test_media_files_are_in_s3",
        "app/test_handbook.py::test_media_files_local_file_system_by_the_handbooks_own_line",
        "e2e/test_media.py::test_in_a_folder_uploads_are_files_that_runserver_serves",
        "e2e/test_media.py::test_a_secret_storage_dsn_makes_the_local_server_use_that_bucket",
    ],
    ("Media files", BUILD_COLUMN): [
        "app/django_stack/test_storages.py::test_without_a_storage_saving_is_refused_with_one_clear_line",
    ],
    ("Database migrations", CLOUD_COLUMN): ["infra/test_platforms.py::test_the_web_waits_for_the_release"],
    ("Database migrations", LOCAL_COLUMN): [
        "e2e/test_release.py::test_a_new_migration_is_applied_once_by_the_next_up",
        "e2e/test_release.py::test_a_migration_that_raises_leaves_the_old_version_and_is_tried_again",
    ],
}

# What the handbook's own set-up breaks, by the numbers of docs/handbook.md.
BROKEN_THERE = {
    "1 static files collected in the image survive a mounted source": [
        "e2e/test_serving.py::test_gunicorn_over_a_mounted_and_edited_source_serves_its_static_files",
        "e2e/test_gallery.py::test_the_admin_has_its_styles_and_lets_the_administrator_in",
    ],
    "1 static files that are missing are said before the first request": [
        "app/django_stack/test_refusal.py::test_missing_static_files_are_refused_before_the_first_request",
    ],
    "2 the same database: glibc, not alpine's collation": [
        "infra/test_settings.py::test_a_wrong_setting_is_refused_with_key_value_allowed_and_fix",
    ],
    "3 no public key": ["app/test_handbook.py::test_secret_key_departure_there_is_no_hard_coded_one"],
    "3 migrate without a database does not succeed on a throw-away one": [
        "app/django_stack/test_refusal.py::test_migrate_refuses_with_nothing_set",
        "app/django_stack/test_refusal.py::test_a_database_in_memory_spelled_out_is_none_for_servers_and_migrate",
        "image/test_start.py::test_migrate_refuses_with_no_environment",
    ],
    "3 a server without its variables does not start": [
        "image/test_start.py::test_with_no_environment_it_ends_within_seconds_with_the_list",
        "app/django_stack/test_refusal.py::test_runserver_ends_within_seconds_whatever_is_missing",
    ],
    "3 a missing storage is said in a clear line": [
        "app/django_stack/test_storages.py::test_without_a_storage_saving_is_refused_with_one_clear_line",
    ],
    "4 gunicorn behind a proxy does not redirect for ever": [
        "app/test_handbook.py::test_no_header_is_believed_unless_the_stack_names_it",
        "image/test_serving.py::test_the_proxys_word_for_https_is_taken_so_there_is_no_loop",
    ],
    "5 a probe by address is answered with 200": [
        "image/test_serving.py::test_health_answers_by_address_over_http_without_a_redirect",
    ],
    "5 a login on a custom domain is not refused": [
        "app/django_stack/test_health_and_hosts.py::test_login_with_csrf_works",
    ],
    "6 a 500 prints its traceback with debug off": [
        "app/django_stack/test_logs_and_errors.py::test_a_500_leaves_its_traceback_in_the_log",
        "image/test_serving.py::test_a_500_leaves_its_traceback_on_stderr",
    ],
}


@pytest.mark.parametrize("sentence", [*PAGE, *BROKEN_THERE], ids=str)
def test_is_proved_by_tests_that_exist(sentence: Any) -> None:
    for place in PAGE.get(sentence) or BROKEN_THERE[sentence]:
        path, _, name = place.partition("::")
        assert re.search(rf"^def {name}\(", (TESTS / path).read_text(), re.MULTILINE), place


def test_every_cell_of_the_page_is_proved() -> None:
    """docs/handbook.md has the page's rows; a dash is a cell about which it says nothing."""
    lines = (ROOT / "docs" / "handbook.md").read_text().splitlines()
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    cells = {(row[0], column): cell for row in rows for column, cell in zip(head[1:], row[1:], strict=True)}
    assert len(rows) == 9
    assert {place for place, cell in cells.items() if cell != "\N{EN DASH}"} == set(PAGE)


def test_every_number_of_what_breaks_there_is_proved_here() -> None:
    assert {sentence.split()[0] for sentence in BROKEN_THERE} == set("123456")


def test_twelve_factor_all_that_depends_on_the_place_comes_from_the_environment() -> None:
    """`os.environ` is read in one module of the app, for settings, and where a process or a release starts."""
    readers = {
        path.relative_to(APP).as_posix()
        for path in APP.rglob("*.py")
        if re.search(r"os\.environ[\[.)](?!setdefault)", path.read_text())
    }
    starts = {"environment.py", "gunicorn_config.py", "healthcheck.py", "management/commands/migrate.py", "run_lock.py"}
    assert readers == {f"contract/django_stack/{name}" for name in {"settings.py", *starts}}


def test_the_package_imports_nothing_but_what_its_own_requirements_bring() -> None:
    """No gallery, no `config`. django-storages[s3] brings Amazon's packages, and a project may have psycopg2."""
    folder = APP / "contract"
    imported = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            imported |= {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    named = {re.match(r"[a-z0-9-]+", line)[0] for line in lines} - {"django-stack-contract"}  # type: ignore[index]
    distributions = packages_distributions()
    brought = {"django_stack", "boto3", "botocore", "s3transfer", "psycopg2"}
    unseen = {"boto3", "django-anymail", "tzdata"}  # Django imports anymail by its dotted path, zoneinfo tzdata
    assert {distributions[name][0].lower() for name in imported - brought} == named - unseen


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
    for path in APP.rglob("*.py"):
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


@pytest.mark.report("NixOS/nixpkgs#25485")
def test_static_files_runserver_leaves_them_to_whitenoise() -> None:
    """Its own view goes by dates alone, which are all the same in the image."""
    mine = ["django_stack", "mine", "django.contrib.staticfiles"]
    apps = environment_settings.settings(read(LOCAL), {"INSTALLED_APPS": mine})["INSTALLED_APPS"]
    assert apps == ["django_stack", "whitenoise.runserver_nostatic", "mine", "django.contrib.staticfiles"]
    assert environment_settings.settings(read(LOCAL), {"INSTALLED_APPS": apps})["INSTALLED_APPS"] == apps


@pytest.mark.parametrize("environ", [CLOUD, LOCAL], ids=["cloud", "local"])
def test_media_files_are_in_s3(environ: dict[str, str]) -> None:
    assert settings_of(environ)["STORAGES"]["default"]["BACKEND"] == "django_stack.storages.S3Media"


def test_media_files_local_file_system_by_the_handbooks_own_line() -> None:
    found = settings_of({**LOCAL, "DEFAULT_STORAGE_DSN": "file:///data/media/?url=%2Fmedia%2F"})
    assert found["STORAGES"]["default"]["BACKEND"] == "django.core.files.storage.FileSystemStorage"
    assert (found["MEDIA_ROOT"], found["MEDIA_URL"]) == ("/data/media/", "/media/")


def test_no_header_is_believed_unless_the_stack_names_it() -> None:
    assert settings_of(LOCAL)["SECURE_PROXY_SSL_HEADER"] is None
    assert settings_of(CLOUD)["SECURE_PROXY_SSL_HEADER"] == ("HTTP_X_FORWARDED_PROTO", "https")
