"""Wrong settings: one error that names each key, its value, what is allowed and the command that mends it."""

import shlex
from pathlib import Path
from typing import Any

import pulumi
import pytest

from infra.settings import Settings

WRONG = [
    # settings, secrets, what the error must say
    (
        {"web-prot": 8000},
        (),
        ["web-prot is not a setting; did you mean web-port?", "pulumi config rm -s local web-prot"],
    ),
    ({"platform": "azure"}, (), ['platform is "azure"', "local or cloud"]),
    ({"platform": "fargate"}, (), ["local or cloud", "pulumi config set -s local platform cloud"]),
    (
        {"meant-differences": "debug"},
        (),
        ['meant-differences is "debug"', "an object of names", "pulumi config rm -s local meant-differences"],
    ),
    (
        {"meant-differences": {"setting-DEBUG": ""}},
        (),
        [
            "meant-differences.setting-DEBUG is ''",
            "why the difference is meant",
            "--path meant-differences.setting-DEBUG",
        ],
    ),
    ({"meant-differences": {"a b": "x"}}, (), ["the name 'a b'", "setting-LANGUAGE_CODE"]),
    ({"media": "disk"}, (), ["s3 or filesystem", "pulumi config set -s local media filesystem"]),
    ({"web-port": 70000}, (), ['web-port is "70000"', "1 to 65535", "pulumi config set -s local web-port 8000"]),
    ({"web-port": 0}, (), ['web-port is "0"']),
    ({"database-port": "five"}, (), ['database-port is "five"', "pulumi config set -s local database-port 5432"]),
    ({"media-port": 8000}, (), ['media-port is "8000"', "web-port has 8000 already"]),
    ({"debug": "yes"}, (), ['debug is "yes"', "true or false", "debug true"]),
    ({"mount-source": 1}, (), ['mount-source is "1"', "true or false"]),
    ({"keep-data": "nope"}, (), ['keep-data is "nope"']),
    ({"media": "filesytem"}, (), ['media is "filesytem"', "s3 or filesystem", "media filesystem"]),
    (
        {"media": "filesystem", "debug": False},
        (),
        ['media is "filesystem"', "only runserver in debug mode serves files"],
    ),
    ({"media-access": "private"}, (), ['media-access is "private"', "signed or public"]),
    ({"app-path": "no/such/folder"}, (), ['app-path is "no/such/folder"', "the Django project's folder"]),
    ({"app-path": "infra"}, (), ['app-path is "infra"', "a folder with a Dockerfile in it"]),
    ({"dockerfile": "Dokcerfile"}, (), ['dockerfile is "Dokcerfile"', "below app-path", "local dockerfile Dockerfile"]),
    ({"build-target": "a b"}, (), ['build-target is "a b"', "the name of a stage"]),
    ({"build-args": {"PYTHON_IMAGE": "x"}}, (), ["build-args.PYTHON_IMAGE, which the stack sets", "python-image"]),
    ({"build-args": {"VERSION": 1.1}}, (), ["build-args.VERSION is 1.1, a number", "text in quotes"]),
    ({"settings-module": "mysite/settings.py"}, (), ['settings-module is "mysite/settings.py"', "mysite.settings"]),
    (
        {"settings-module": "a.b", "env": {"DJANGO_SETTINGS_MODULE": "a.c"}},
        (),
        ["nothing where env has DJANGO_SETTINGS_MODULE", "config rm -s local --path env.DJANGO_SETTINGS_MODULE"],
    ),
    ({"env-file": "no/such/.env"}, (), ['env-file is "no/such/.env"', "No such file", "config rm -s local env-file"]),
    ({"mount-exclude": "../x,/etc,dist"}, (), ["mount-exclude is", "without ..", "mount-exclude dist"]),
    (
        {"env": {"DATABASE_URL": "sqlite://"}},
        (),
        ["env.DATABASE_URL, which the stack sets itself", "pulumi config rm -s local --path env.DATABASE_URL"],
    ),
    (
        {"env": {"DEFAULT_STORAGE_DSN": "s3://K:TOPSECRET@bucket.s3.amazonaws.com/"}},
        (),
        ["env.DEFAULT_STORAGE_DSN, which the stack sets itself", "storage-dsn"],
    ),
    ({"env": {"DJANGO_DEBUG": "True"}}, (), ["env.DJANGO_DEBUG", "the setting debug"]),
    ({"env": {"WEB_CONCURRENCY": "many"}}, (), ["env.WEB_CONCURRENCY", "worker processes", "1 to 999"]),
    ({"env": {"WEB_CONCURRENCY": "0"}}, ("env",), ["env.WEB_CONCURRENCY", "worker processes", "1 to 999"]),
    ({"env": {"NOT A NAME": "1"}}, (), ["NOT A NAME", "letters, digits and _", "config rm -s local --path 'env["]),
    ({"env": {"LIST": [1, 2]}}, (), ["env.LIST", "text, not a list"]),
    ({"env": ["A=1"]}, (), ["env can't be used", "an object of names and values"]),
    ({"release-commands": [""]}, (), ["release-commands is", "none of them empty"]),
    ({"release-commands": ["python 'manage.py"]}, (), ["release-commands is", "a list of command lines"]),
    ({"release-commands": ["python manage.py check", ""]}, (), ["release-commands is", "--path 'release-commands[1]'"]),
    ({"release-commands": "python manage.py migrate"}, (), ["release-commands is", "a list of command lines"]),
    ({"release-timeout": -5}, (), ['release-timeout is "-5"', "seconds, 1 to 86400", "release-timeout 1800"]),
    ({"web-command": "python 'manage.py"}, (), ["web-command is", "balanced quotes"]),
    (
        {"domain": "https://example.com"},
        (),
        ['domain is "https://example.com"', "without scheme, port or path", "set -s local domain example.com"],
    ),
    ({"domain": "a.example.com,b.example.com"}, (), ["domain is", "one host name"]),
    ({"domain-aliases": "ok.example.com, not_ok"}, (), ["domain-aliases is", "host names separated by commas"]),
    ({"domain-redirects": "-bad.example.com"}, (), ["domain-redirects is"]),
    ({"postgres-version": "9.6"}, (), ['postgres-version is "9.6"', "14 to 18"]),
    ({"postgres-image": "postgres:17-alpine"}, (), ["postgres-image is", "glibc"]),
    ({"python-image": "Not An Image"}, (), ['python-image is "Not An Image"', "python:3.13-slim-trixie"]),
    ({"image": "latest"}, (), ['image is "latest"', "a version's hash (12 hex digits", "config set -s local image ''"]),
    (
        {"image": "django-stack/local:0123456789AB"},
        (),
        ['image is "django-stack/local:0123456789AB"', "pulumi config set -s local image 0123456789ab"],
    ),
    ({"image": "stack:local"}, (), ['image is "stack:local"', "another stack than this one"]),
    (
        {"image": "0123456789ab", "mount-source": True},
        (),
        ['mount-source is "true"', "false with image", "pulumi config set -s local mount-source false"],
    ),
    (
        {"storage-dsn": "s3://K:TOPSECRET@bucket.s3.amazonaws.com/"},
        (),
        ["storage-dsn is [secret]", "only as a secret", "pulumi config set -s local --secret storage-dsn"],
    ),
    ({"storage-dsn": "https://K:TOPSECRET@example.com"}, ("storage-dsn",), ["storage-dsn is [secret]", "not s3://"]),
    (
        {"storage-dsn": "s3://K:TOPSECRET@bucket.s3-website.eu-central-1.amazonaws.com/"},
        ("storage-dsn",),
        ["storage-dsn is [secret]", "a website's", "pulumi config set -s local --secret storage-dsn"],
    ),
    (
        {"storage-dsn": "s3://K:TOPSECRET@bucket.s3.amazonaws.com/", "media": "filesystem"},
        ("storage-dsn",),
        ['media is "filesystem"', "storage-dsn names a bucket"],
    ),
    ({"cache": "redis"}, (), ['cache is "redis"', "none or valkey", "set -s local cache valkey"]),
    ({"cache": "off"}, (), ['cache is "off"', "set -s local cache none"]),
    ({"cache": "memcached"}, (), ['cache is "memcached"', "none or valkey", "set -s local cache none"]),
    ({"cache": True}, (), ['cache is "true"', "set -s local cache valkey"]),
    (
        {"cache": "valkey", "env": {"CACHE_URL": "redis://:TOPSECRET@elsewhere"}},
        ("env",),
        ['cache is "valkey"', "none, since env has CACHE_URL", "set -s local cache none"],
    ),
    (
        {"cache": "valkey", "env": {"REDIS_URL": "redis://:TOPSECRET@elsewhere", "CACHE_URL": ""}},
        ("env",),
        ["none, since env has CACHE_URL and REDIS_URL", "set -s local cache none"],
    ),
    (
        {"mail": "mailhog"},
        (),
        ['mail is "mailhog"', "url or mailpit or ses or none or project", "set -s local mail mailpit"],
    ),
    ({"mail": "postmark"}, (), ['mail is "postmark"', "set -s local mail url"]),
    (
        {"mail": "ses"},
        (),
        ['mail is "ses"', "url, mailpit, none or project on the local platform", "set -s local mail mailpit"],
    ),
    (
        {"mail": "mailpit", "env": {"EMAIL_URL": "smtp://me:TOPSECRET@h"}},
        ("env",),
        ['mail is "mailpit"', "url, since env has EMAIL_URL", "set -s local mail url"],
    ),
    ({"mail": "none", "env": {"EMAIL_URL": "smtp://h"}}, (), ['mail is "none"', "set -s local mail url"]),
    ({"cache": "valkey", "cache-port": 0}, (), ['cache-port is "0"', "set -s local cache-port 6379"]),
    ({"cache": "valkey", "cache-port": 5432}, (), ['cache-port is "5432"', "database-port has 5432 already"]),
    ({"mail-port": "8025.5"}, (), ['mail-port is "8025.5"', "1 to 65535", "set -s local mail-port 8025"]),
    (
        {"cache": "valkey", "mail": "mailpit", "mail-port": 6379},
        (),
        ['mail-port is "6379"', "cache-port has 6379 already", "set -s local mail-port 6380"],
    ),
    ({"cache-image": "Valkey"}, (), ['cache-image is "Valkey"', "set -s local cache-image valkey/valkey:8.1"]),
    ({"mail-image": "mailpit:"}, (), ['mail-image is "mailpit:"', "set -s local mail-image axllent/mailpit:"]),
    ({"env": {"SITE_URL": "https://x.org"}}, (), ["env.SITE_URL, which the stack sets itself", "--path env.SITE_URL"]),
    ({"platform": "cloud"}, (), ['debug is "true"', "false on the cloud platform", 'mount-source is "true"']),
]

REFERENCES = [
    "python:3.13-slim-trixie",
    "ghcr.io/a/b_c:1",
    "localhost/x",
    "localhost:5000/x",
    "My-Registry:5000/x/y:1",
    "a--b/c.d:1_2",
    "python:3.13@sha256:" + "0" * 64,
    "123456789012.dkr.ecr.eu-central-1.amazonaws.com/x:tag",
]
NO_REFERENCES = [
    "python:",
    "python:3:4",
    "python/Slim:3",
    "python:3.13/",
    "python..x:3",
    "python//x:3",
    "python:-1",
    "docker://python:3",
    "x@sha256:abc",
    "x___y",
    "x" * 256,
    "python:" + "x" * 129,
]


@pytest.fixture
def load(as_stack: Any, set_config: Any) -> Any:
    """Loads the settings of the stack `local` with the given ones over its own."""

    def load_(settings: dict[str, Any], secrets: tuple[str, ...] = ()) -> Settings:
        as_stack()
        set_config(settings, secrets=secrets)
        return Settings.load()

    return load_


@pytest.mark.parametrize(("settings", "secrets", "parts"), WRONG, ids=lambda value: str(value)[:60])
def test_a_wrong_setting_is_refused_with_key_value_allowed_and_fix(
    load: Any, settings: dict[str, Any], secrets: tuple[str, ...], parts: list[str]
) -> None:
    with pytest.raises(pulumi.RunError) as refused:
        load(settings, secrets)
    message = str(refused.value)
    for part in parts:
        assert part in message
    assert "TOPSECRET" not in message
    assert "Fix: " in message
    assert "nothing was changed" in message


ELSEWHERE = [
    # platform, settings, the error
    (
        "cloud",
        {"web-port": 8080},
        'web-port is "8080", but web-port is for the local platform; allowed: no value of the stack\'s own, only the '
        "default, 8000 on the cloud platform. Fix: pulumi config rm -s cloud web-port",
    ),
    ("cloud", {"debug": True}, "debug is for the local platform"),
    ("cloud", {"mount-source": True}, "mount-source is for the local platform"),
    ("cloud", {"database-port": 5433}, "database-port is for the local platform"),
    ("cloud", {"media-port": "nonsense"}, "media-port is for the local platform"),
    ("cloud", {"postgres-image": "postgres:17"}, "postgres-image is for the local platform"),
    ("cloud", {"s3-image": "minio/minio"}, "s3-image is for the local platform"),
    ("cloud", {"cache-port": 6380}, "cache-port is for the local platform"),
    ("cloud", {"mail-port": 8026}, "mail-port is for the local platform"),
    ("cloud", {"cache-image": "redis:8"}, "cache-image is for the local platform"),
    ("cloud", {"mail-image": "mailhog/mailhog"}, "mail-image is for the local platform"),
    ("local", {"cpu": 512}, "pulumi config rm -s local cpu"),
    ("local", {"zones": "us-east-1a,us-east-1b"}, "only the default, nothing on the local platform"),
    ("local", {"database-multi-az": True}, "database-multi-az is for the cloud platform"),
    ("local", {"cache-class": "cache.t4g.small"}, "cache-class is for the cloud platform"),
    ("local", {"cache-multi-az": True}, "cache-multi-az is for the cloud platform"),
]


@pytest.mark.parametrize(("platform", "settings", "text"), ELSEWHERE, ids=str)
def test_a_setting_of_the_other_platform_is_refused(
    as_stack: Any, set_config: Any, platform: str, settings: dict[str, Any], text: str
) -> None:
    as_stack(platform)
    set_config(settings, platform=platform)
    with pytest.raises(pulumi.RunError, match="one setting can't be used") as refused:
        Settings.load()
    assert text in str(refused.value)


@pytest.mark.parametrize(
    ("file", "refused"),
    [
        ("config:\n  django-stack:web-port: 8000\n", True),
        ("config:\n  'django-stack:web-port': \"8000\"\n", True),
        ("config: {django-stack:platform: cloud}\n# django-stack:web-port: 8000\n", False),
        (None, False),  # the stack's settings come from --config-file
    ],
)
def test_a_default_of_the_other_platform_is_refused_only_where_the_stack_itself_sets_it(
    as_stack: Any, set_config: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str | None, refused: bool
) -> None:
    if file:
        (tmp_path / "Pulumi.cloud.yaml").write_text(file)
    as_stack("cloud")
    monkeypatch.setattr(pulumi, "get_root_directory", lambda: str(tmp_path))
    set_config({"web-port": 8000}, platform="cloud")
    if refused:
        with pytest.raises(pulumi.RunError, match="config rm -s cloud web-port"):
            Settings.load()
    else:
        assert Settings.load().platform == "cloud"


def test_a_secret_of_the_other_platform_is_not_shown(as_stack: Any, set_config: Any) -> None:
    as_stack("cloud")
    set_config({"web-port": "TOPSECRET"}, secrets=("web-port",), platform="cloud")
    with pytest.raises(pulumi.RunError, match=r"web-port is \[secret\], .* Fix: pulumi config rm -s cloud web-port$"):
        Settings.load()


def test_a_likely_platform_is_taken_for_a_wrong_one_so_that_all_is_listed_at_once(load: Any) -> None:
    with pytest.raises(pulumi.RunError, match="2 settings can't be used") as refused:
        load({"platform": "docker", "web-port": 0})
    assert "set -s local platform local" in str(refused.value)
    assert "set -s local web-port 8000" in str(refused.value)


def test_all_wrong_settings_are_listed_together(load: Any) -> None:
    with pytest.raises(pulumi.RunError) as refused:
        load({"web-port": 0, "media": "s4", "domian": "x", "release-timeout": "soon"})
    message = str(refused.value)
    assert "4 settings can't be used" in message
    assert message.count("Fix:") == 4


@pytest.mark.report("kubefirst#771")
@pytest.mark.parametrize("name", NO_REFERENCES)
def test_image_names_that_docker_calls_invalid_are_refused(load: Any, name: str) -> None:
    allowed = "allowed: an image reference such as name:tag. Fix: pulumi config set -s local python-image python:"
    with pytest.raises(pulumi.RunError, match=allowed):
        load({"python-image": name})


@pytest.mark.parametrize("name", REFERENCES)
def test_image_names_with_registries_tags_and_digests_are_taken(load: Any, name: str) -> None:
    assert load({"python-image": name}).python_image == name


@pytest.mark.report("terraform-aws-rds#225")
def test_a_list_of_hosts_is_proposed_as_words_with_commas(load: Any) -> None:
    fix = "Fix: pulumi config set -s local domain-aliases a.example.com,b.example.com"
    with pytest.raises(pulumi.RunError, match=fix):
        load({"domain-aliases": ["a.example.com", "https://b.example.com/"]})


@pytest.mark.report("terraform-aws-rds#225")
@pytest.mark.parametrize("written", ["~/my site", "$HOME/my site", "${HOME}/my site"])
def test_a_folder_as_a_shell_writes_it_is_proposed_in_full(
    load: Any, written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my site").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(pulumi.RunError) as refused:
        load({"app-path": written})
    fix = f"Fix: pulumi config set -s local app-path {shlex.quote(str(tmp_path / 'my site'))}"
    assert fix in str(refused.value)


def test_the_shipped_defaults_and_the_local_stack_are_valid(load: Any) -> None:
    settings = load({})
    assert settings.platform == "local"
    assert settings.prefix == "django-stack-local"
    assert settings.postgres_image == "postgres:17-trixie"
    assert settings.release_commands == ("python manage.py migrate --noinput",)
    assert (settings.web_port, settings.database_port, settings.media_port) == (8000, 5432, 9000)


def test_a_port_of_a_service_that_the_stack_lacks_is_nobodys(load: Any) -> None:
    settings = load({"web-port": 8025, "database-port": 6379})
    assert settings.ports == {"web-port": 8025, "database-port": 6379, "media-port": 9000}
    assert load({"cache": "valkey", "mail": "mailpit"}).ports == {
        "web-port": 8000,
        "database-port": 5432,
        "media-port": 9000,
        "cache-port": 6379,
        "mail-port": 8025,
    }


def test_without_a_cache_of_the_stack_a_projects_own_is_named_in_env(load: Any) -> None:
    own = {"CACHE_URL": "redis://elsewhere:6379/1", "REDIS_URL": "redis://elsewhere:6379/0", "EMAIL_URL": "smtp://h"}
    assert load({"cache": "none", "mail": "url", "env": own}).env == own


def test_the_postgres_image_follows_the_version(load: Any) -> None:
    assert load({"postgres-version": 16}).postgres_image == "postgres:16-trixie"


def test_an_app_elsewhere_is_given_by_its_absolute_path(load: Any, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    assert load({"app-path": str(tmp_path)}).app_path == tmp_path


def test_settings_never_show_secrets_when_printed(load: Any) -> None:
    settings = load(
        {"env": {"KEY": "TOPSECRET"}, "storage-dsn": "s3://K:TOPSECRET@bucket.s3.amazonaws.com/"},
        ("env", "storage-dsn"),
    )
    assert "TOPSECRET" not in repr(settings)
