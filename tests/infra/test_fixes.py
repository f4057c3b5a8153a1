"""Every error of the settings proposes commands: pasted into a shell, with the real `pulumi`, they mend it."""

import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest

from tests.infra.conftest import DEFAULTS
from tests.infra.projects import Project

pytestmark = pytest.mark.pulumi

CLOUD_ONLY = list(DEFAULTS)[list(DEFAULTS).index("architecture") :]
# Kinds of wrong values, as they stand in the stack's file; each is given to every setting at once.
KINDS = [
    "nonsense",
    "two words",
    '"$PORT && x"',
    "99999999999",
    "-1",
    "1.50",
    "0123",
    "0o17",
    "1e3",
    "2026-01-31",
    "12:30",
    "True",
    "yes",
    "no",
    "null",
    '""',
    '"17.0"',
    '"\\0"',
    '" 16 \\r\\n"',
    '"x\'y"',
    "[1, two, null]",
    "{a: 1.10, B: [x], C: null, DATABASE_URL: x}",
    "Größe.example",
    "https://www.example.com:8000/path",
    "~",
    '"*.example.com"',
    "../nowhere",
]
# What the commands that look into an account would set.
FOUND = {
    "hosted-zone": ("hosted-zone", "Z0123456789ABC"),
    "certificate": (
        "certificate",
        "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
    ),
}
LOCAL = "platform: local"
CLOUD = "platform: cloud\naws:region: eu-central-1"


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Project]:
    """Makes the project; its app's folder and a DSN are what a person answers when a fix asks."""

    def make_(name: str = "django-stack", stack: str = "dev") -> Project:
        return Project(tmp_path, monkeypatch, name, stack)

    return make_


@pytest.fixture
def project(make: Callable[..., Project]) -> Project:
    return make()


def mend(project: Project, rounds: int = 6) -> list[str]:
    """Pastes the fix of every error until there is none; the errors seen. Each is gone once its fix was pasted."""

    def answer(key: str) -> str:
        if key == "app-path":
            return str(project.app)
        if key.endswith(".cron"):
            return "15 3 * * *"
        return "s3://KEY:SECRET@bucket.s3.eu-west-1.amazonaws.com/" if key == "storage-dsn" else "typed"

    seen: list[str] = []
    for _ in range(rounds):
        errors = project.errors()
        assert not set(errors) & set(seen), "a fix that did not help"
        if not errors:
            return seen
        for error in project.paste_settings(errors):
            if "$(aws " in error:  # looks for it in the account
                project.run("pulumi", "config", "set", "-s", project.stack, *FOUND[error.split()[0]])
            else:
                project.paste(error, answer)
        seen += errors
    raise AssertionError(f"still wrong: {errors}")


# Which kind of value a setting has changes from turn to turn; ALL_FIXES=1 takes all turns, and so all pairs.
@pytest.mark.report("terraform-aws-rds#225")
@pytest.mark.parametrize("turn", range(0, len(KINDS), 1 if os.environ.get("ALL_FIXES") else 13))
@pytest.mark.parametrize("platform", [LOCAL, CLOUD], ids=["local", "cloud"])
def test_fixes_mend_settings_that_are_all_wrong(project: Project, platform: str, turn: int) -> None:
    keys = [key for key in DEFAULTS if key != "platform" and (platform == CLOUD or key not in CLOUD_ONLY)]
    wrong = [f"{key}: {KINDS[(number * 7 + turn) % len(KINDS)]}" for number, key in enumerate(keys)]
    project.write("\n".join([platform, *wrong]))
    mend(project)
    assert project.load().platform == platform.split()[1]


@pytest.mark.parametrize(
    ("platform", "settings"),
    [(CLOUD, "web-port: 8000\nmedia-port: ~\ndebug: false"), (LOCAL, "cpu: 256\nzones: ''\ntasks-max: 50")],
    ids=["cloud", "local"],
)
def test_fixes_take_the_other_platforms_settings_out_of_the_stacks_file(
    project: Project, platform: str, settings: str
) -> None:
    project.write(f"{platform}\n{settings}")
    mend(project)
    assert project.load().platform == platform.split()[1]
    file = (project.folder / "Pulumi.dev.yaml").read_text()
    assert not [line for line in settings.splitlines() if f":{line.split(':')[0]}:" in file and "~" not in line]


NUMBERS = """env:
    VERSION: 1.10
    ACCOUNT: 0123
    LONG: 12345678901234567890
    HEX: 0x1F40
    FLOAT: 1e3
    COUNT: 4
    MINUS: -5
    DAY: 2026-01-31
    MOMENT: 2026-01-31 10:00:00
    UNDERSCORES: 1_000
    EMPTY:
    NOTHING: ~
    QUOTED: "1.10"
    TIME: 12:30
    WORD: yes
    BOOL: True
    API_KEY: 0042"""


@pytest.mark.report("pulumi#6787")
@pytest.mark.report("sceptre#823")
def test_numbers_in_env_are_refused_and_come_as_they_stand_once_they_are_text(project: Project) -> None:
    project.write(f"platform: local\n{NUMBERS}")
    errors = project.errors()
    named = [error.split()[0].partition(".")[2] for error in errors]
    fine = ["QUOTED", "TIME", "WORD", "BOOL"]
    wrong = [line.split(":")[0].strip() for line in NUMBERS.splitlines()[1:]]
    assert sorted(named) == sorted(set(wrong) - set(fine))
    assert any("env.VERSION is 1.10, a number without quotes that YAML reads as 1.1;" in error for error in errors)
    assert not any("0042" in error or "42" in error for error in errors)  # looks like a secret
    mend(project)
    assert project.load().env == {
        "VERSION": "1.10",
        "ACCOUNT": "0123",
        "LONG": "12345678901234567890",
        "HEX": "0x1F40",
        "FLOAT": "1e3",
        "COUNT": "4",
        "MINUS": "-5",
        "DAY": "2026-01-31",
        "MOMENT": "2026-01-31 10:00:00",
        "UNDERSCORES": "1_000",
        "EMPTY": "",
        "NOTHING": "",
        "QUOTED": "1.10",
        "TIME": "12:30",
        "WORD": "yes",
        "BOOL": "true",
        "API_KEY": "typed",
    }


@pytest.mark.report("pulumi#6787")
@pytest.mark.parametrize("secret", [False, True])
def test_numbers_in_env_as_one_json_text_become_text_and_the_rest_stays(project: Project, secret: bool) -> None:
    text = '{"VERSION": 1.10, "PIN": 98765, "NAME": "a \'b\' $c", "PORT": "1", "ON": true}'
    project.run("pulumi", "config", "set", "-s", "dev", *(["--secret"] if secret else []), "env", text)
    assert not any("98765" in error for error in project.errors())
    mend(project)
    settings = project.load()
    assert settings.env == {"VERSION": "1.10", "PIN": "98765", "NAME": "a 'b' $c", "ON": "true"}
    assert settings.secret_env == (set(settings.env) if secret else set())


def test_a_secret_in_env_makes_only_itself_secret(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("env:\n    PLAIN: x\n    MY_TOKEN: y\n    ON: true")
    project.run("pulumi", "config", "set", "-s", "dev", "--secret", "--path", "env.OTHER", "hidden")
    logged: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", logged.append)
    settings = project.load()
    assert settings.env == {"PLAIN": "x", "MY_TOKEN": "y", "ON": "true", "OTHER": "hidden"}
    assert settings.secret_env == {"OTHER"}
    (warning,) = logged
    assert warning.startswith("env.MY_TOKEN looks like a secret, and is in plain text")


def test_a_dsn_in_plain_text_is_encrypted_as_it_stands(project: Project) -> None:
    dsn = "s3://KEY:S$ECRET'x@bucket.s3.eu-west-1.amazonaws.com/"
    project.run("pulumi", "config", "set", "-s", "dev", "storage-dsn", dsn)
    (error,) = project.errors()
    assert "ECRET" not in error
    project.paste(error)  # asks nothing
    assert project.load().storage_dsn == dsn
    assert "ECRET" not in (project.folder / "Pulumi.dev.yaml").read_text()


def test_secrets_in_plain_text_are_one_warning_whose_command_encrypts_them(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("env:\n    API_TOKEN: abc$d\n    MAIL_PASSWORD: x y\n    EMPTY_SECRET: ''\n    NAME: plain")
    logged: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", logged.append)
    project.load()
    (warning,) = logged
    assert warning.startswith("env.API_TOKEN, env.MAIL_PASSWORD look like secrets, and are in plain text")
    project.run("bash", "-c", warning.partition(" Encrypt: ")[2])
    assert project.load().env == {"API_TOKEN": "abc$d", "MAIL_PASSWORD": "x y", "EMPTY_SECRET": "", "NAME": "plain"}
    file = (project.folder / "Pulumi.dev.yaml").read_text()
    assert "abc$d" not in file
    assert "x y" not in file
    assert "NAME: plain" in file


COMMANDS = [
    "gunicorn --bind 0.0.0.0:$PORT mysite.wsgi",
    "gunicorn --bind \"0.0.0.0:${PORT:-8000}\" 'mysite.wsgi'",
    "python manage.py migrate && gunicorn mysite.wsgi",
    "DEBUG=1 python manage.py runserver",
    "python manage.py loaddata fixtures/*.json > /tmp/log 2>&1",
    "python -c 'print(\"it''s\")' | tee \\$x",
]


@pytest.mark.report("heroku-container-tools#94")
@pytest.mark.report("wharf#32")
@pytest.mark.parametrize("one_text", [False, True])
def test_commands_for_a_shell_are_given_to_one_word_for_word(project: Project, one_text: bool) -> None:
    commands = ["python manage.py check", *COMMANDS]
    listed = f"release-commands: {json.dumps(json.dumps(commands) if one_text else commands)}"
    project.write(f"web-command: {json.dumps(COMMANDS[0])}\n{listed}")
    mend(project)
    settings = project.load()
    assert settings.web_command == ("sh", "-c", f"exec {COMMANDS[0]}")
    first, *others = settings.release_commands
    assert first == commands[0]
    for before, after in zip(COMMANDS, others, strict=True):
        shell, option, script = shlex.split(after)
        assert (shell, option, script.replace("exec ", "")) == ("sh", "-c", before)


@pytest.mark.report("joining bug 6")
def test_a_missing_dockerfile_is_begun_for_this_project_and_another_app_is_never_proposed(project: Project) -> None:
    (project.app / "Dockerfile").unlink()
    (error,) = project.errors()
    assert "app-path app" not in error
    project.paste(error)
    text = (project.app / "Dockerfile").read_text()
    assert "site.wsgi" in text
    assert "config.wsgi" not in text
    assert project.load().app_path == project.app


@pytest.mark.report("joining bug 6")
def test_an_app_path_with_a_typing_error_finds_the_folder_beside_it(project: Project) -> None:
    project.write(f"app-path: {project.folder}/my-sit")
    (error,) = project.errors()
    assert "app-path app" not in error
    project.paste(error)
    assert project.load().app_path == project.app


def test_a_platform_that_is_no_word_of_ours_stays_where_the_stack_is(project: Project) -> None:
    """The other platform would take the stack away from where it is."""
    project.write("platform: production1\naws:region: eu-central-1")
    assert project.errors()[0].endswith("Fix: pulumi config set -s dev platform cloud")
    project.write("keep-data: perhaps")
    assert project.errors()[0].endswith("Fix: pulumi config set -s dev keep-data true")


def test_a_number_with_a_zero_before_it_is_not_taken_as_octal(project: Project) -> None:
    project.write("web-port: 010000\ndatabase-port: 05432\npostgres-version: 17.0")
    allowed = "a port number without a leading zero, since YAML reads 010000"
    assert project.errors()[0].startswith(f'web-port is "4096"; allowed: {allowed}')
    mend(project)
    assert (project.load().web_port, project.load().database_port) == (10000, 5432)


def test_what_a_file_leaves_around_a_value_is_no_part_of_it(project: Project) -> None:
    dsn = "s3://KEY:SECRET@bucket.s3.eu-west-1.amazonaws.com/"
    project.run("bash", "-c", "pulumi config set -s dev --secret storage-dsn", answer=f"{dsn}\r\n")
    project.run("bash", "-c", "pulumi config set -s dev web-port", answer=" 8010 \r\n\r\n")
    assert (project.load().storage_dsn, project.load().web_port) == (dsn, 8010)
