"""The setting `env-file`: which variables of a `.env` reach the app, which of them are secret, what stays out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from infra.settings import Settings

FILE = """
# Of somebody's project
export DJANGO_ADMIN_URL='admin/'
STRIPE_KEY=sk_TOPSECRET        # a comment
GREETING="two words # and no comment"
EMPTY=
NAME_ALONE
BROKER=amqp://guest:TOPSECRET@mq/
LOGO=https://cdn.example.com/logo.svg
HOST=mail.example.com
SENDER=me@${HOST}
HERE=${HOME}
DATABASE_URL=postgres://dummy@localhost/dummy
DEBUG=True
"""

Load = Callable[..., Settings]


@pytest.fixture
def load(as_stack: Any, set_config: Any, tmp_path: Path) -> Load:
    """The settings of a stack with this `.env`, and what else it sets."""

    def load_(text: str | bytes, **settings: Any) -> Settings:
        path = tmp_path / ".env"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        as_stack()
        set_config({"env-file": str(path), **{key.replace("_", "-"): value for key, value in settings.items()}})
        return Settings.load()

    return load_


def test_its_variables_are_the_apps_read_as_dotenv_files_are(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somebodys")
    assert load(FILE).env == {
        "DJANGO_ADMIN_URL": "admin/",
        "STRIPE_KEY": "sk_TOPSECRET",
        "GREETING": "two words # and no comment",
        "EMPTY": "",
        "BROKER": "amqp://guest:TOPSECRET@mq/",
        "LOGO": "https://cdn.example.com/logo.svg",
        "HOST": "mail.example.com",
        "SENDER": "me@mail.example.com",
        "HERE": "",
    }


def test_a_value_is_secret_by_its_name_or_a_login_in_it_unless_it_is_empty(load: Load) -> None:
    more = "API_TOKEN=\nSMTP_PASS=1\nBYPASS_CACHE=1\n"
    assert load(FILE + more).secret_env == {"STRIPE_KEY", "BROKER", "SMTP_PASS"}


def test_the_app_gets_secret_ones_as_secrets(program: Any, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("STRIPE_KEY=sk_TOPSECRET\nLANG=C\n")
    run = program({"env-file": str(tmp_path / ".env")})
    assert (run.env("web")["STRIPE_KEY"], run.env("web")["LANG"]) == ("sk_TOPSECRET", "C")
    assert "sk_TOPSECRET" in run["web-rollout"].inputs["stdin"], "redacted in what the step prints"


def test_env_has_the_last_word(load: Load) -> None:
    loaded = load("STRIPE_KEY=sk_TOPSECRET\nCITY=Bern\n", env={"STRIPE_KEY": "", "MORE": "1"})
    assert loaded.env == {"STRIPE_KEY": "", "CITY": "Bern", "MORE": "1"}
    assert loaded.secret_env == frozenset()


def test_what_the_stack_sets_itself_is_left_out_and_named(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", said.append)
    services = "REDIS_URL=redis://redis\nEMAIL_URL=smtp://mail\nDJANGO_SETTINGS_MODULE=site.local\nX=1\n"
    plain = {"cache": "none", "mail": "url"}
    assert load(services, **plain).env.keys() == {"REDIS_URL", "EMAIL_URL", "DJANGO_SETTINGS_MODULE", "X"}
    assert said == []
    own = {"cache": "valkey", "mail": "mailpit", "settings_module": "site.stack"}
    assert load("SECRET_KEY=x\n" + services, **own).env == {"X": "1"}
    (line,) = said
    assert line.endswith("since the stack sets them: SECRET_KEY, REDIS_URL, EMAIL_URL, DJANGO_SETTINGS_MODULE")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("A=1\n\nB='never TOPSECRET closed\nC=2\n", "line 3 of it can't be understood"),
        ("A=1\n!!! TOPSECRET\n2B=3\n", "lines 2, 3 of it can't be understood"),
        (b"A=\xff\xfeTOPSECRET\n", "can't be read (not text in UTF-8)"),
        ("A=TOPSECRET\0\n", "line 1 of it can't be understood"),
        ("A=TOPSECRET\nWEB_CONCURRENCY=many\n", "and WEB_CONCURRENCY of it is no number of worker processes, 1 to 999"),
    ],
)
def test_a_file_that_cannot_be_understood_is_refused_by_its_lines(load: Load, text: str | bytes, why: str) -> None:
    with pytest.raises(pulumi.RunError) as refused:
        load(text)
    assert why in str(refused.value)
    assert "Fix: pulumi config rm -s local env-file" in str(refused.value)
    assert "TOPSECRET" not in str(refused.value)


def test_a_secret_path_is_not_shown(as_stack: Any, set_config: Any) -> None:
    as_stack()
    set_config({"env-file": "TOPSECRET/.env"}, secrets=("env-file",))
    with pytest.raises(pulumi.RunError, match=r"env-file is \[secret\]") as refused:
        Settings.load()
    assert "TOPSECRET" not in str(refused.value)
