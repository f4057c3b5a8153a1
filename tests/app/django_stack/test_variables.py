"""What is read of the contract's variables, and what is said of a value that can't be read."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from typing import Any
from urllib.parse import quote

import pytest
from django_stack import cache_url, database_url, email_url, storage_dsn, values
from django_stack.malformed import MalformedError
from django_stack.variables import InvalidEnvironmentError, read
from hypothesis import given
from hypothesis import strategies as st

from tests import ROOT
from tests.app.django_stack.environment_matrix import ABSENT, ANY_TEXT, MALFORMED, SAFE_SIDE, VALID
from tests.app.environment import CLOUD, LOCAL, SECRET_KEY, everything_said, settings_of


def at(settings: dict[str, Any], path: str) -> Any:
    """A setting by its path: "DATABASES.default.HOST"."""
    value: Any = settings
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else getattr(value, name)
    return value


@pytest.mark.parametrize("variable", ABSENT)
def test_absent_variable_means_the_safe_default(variable: str) -> None:
    path, expected = ABSENT[variable]
    assert at(settings_of({}), path) == expected


@pytest.mark.parametrize(("environ", "path", "expected"), VALID)
def test_variable_becomes_setting(environ: dict[str, str], path: str, expected: object) -> None:
    assert at(settings_of(environ), path) == expected


@pytest.mark.parametrize(("environ", "path", "expected"), SAFE_SIDE)
def test_what_is_not_the_exact_word_is_on_the_safe_side(environ: dict[str, str], path: str, expected: object) -> None:
    assert at(settings_of(environ), path) == expected


@pytest.mark.parametrize(("environ", "message"), MALFORMED)
def test_malformed_value_is_named_without_its_secret(environ: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidEnvironmentError) as caught:
        read(environ)
    assert message in str(caught.value)
    assert len(caught.value.problems) == 1
    assert "hun" not in everything_said(caught.value), "nor a part of it"


def test_every_documented_variable_has_its_three_rows() -> None:
    """The table of docs/variables.md: absent, valid, malformed."""
    page = (ROOT / "docs" / "variables.md").read_text()
    section = page.partition("## Every variable")[2].partition("\n## ")[0]
    table = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    documented = {name for cell in table for name in re.findall(r"`([A-Z_]+)`", cell)}
    assert documented == set(ABSENT)
    assert {name for environ, *_ in VALID for name in environ} >= documented
    third = {name for rows in (MALFORMED, SAFE_SIDE) for environ, *_ in rows for name in environ}
    assert third | ANY_TEXT >= documented


def test_the_docs_table_of_other_spellings_is_true() -> None:
    """docs/variables.md, "Coming from elsewhere": each scheme in its middle column is understood."""
    page = (ROOT / "docs" / "variables.md").read_text()
    rows = re.findall(r"^\|([^|]+)\|([^|]+)\|([^|]*)\|$", page.partition("## Coming from elsewhere")[2], re.MULTILINE)
    schemes = set(re.findall(r"`([a-z+]+)://", "".join(middle for _, middle, _ in rows)))
    assert {"psql", "valkey", "submission", "rediss"} <= schemes
    known = {*database_url.ENGINES, *cache_url.SCHEMES, *email_url.SCHEMES, "ses"}
    assert schemes <= known
    words = set(re.findall(r"([a-z_A-Z]+)=", "".join(middle for _, middle, _ in rows)))
    libpq = {"sslmode", "channel_binding", "options"}
    assert words <= {*database_url.SETTINGS, *database_url.DJANGO_OPTIONS, *libpq, "currentSchema", "ssl"} | {
        *cache_url.REDIS,
        *email_url.SMTP,
    }


def test_all_malformed_values_are_listed_at_once() -> None:
    with pytest.raises(InvalidEnvironmentError) as caught:
        read({"DATABASE_URL": "x", "SECRET_KEY": "x", "DOMAIN": "x y", "DEFAULT_STORAGE_DSN": "x"})
    assert [line.split()[0] for line in caught.value.problems] == [
        "SECRET_KEY",
        "DATABASE_URL",
        "DEFAULT_STORAGE_DSN",
        "DOMAIN",
    ]


@pytest.mark.report("tabbycat#1841")
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ('"postgres://u:hunter2@h/d"', 'is in quotes ("), which are not part of the value: remove them.'),
        ("'redis://:hunter2@h'", "is in quotes ('), which are not part of the value: remove them."),
        ("{name}=postgres://u:hunter2@h/d", "begins with its own name: write only what comes after {name}=."),
        ("export {name}=smtp://u:hunter2@h", "begins with its own name: write only what comes after {name}=."),
        ("${{{name}}}", "is a placeholder that was not filled in: write the value itself."),
        ("${name}", "is a placeholder that was not filled in: write the value itself."),
        ("$(cat /run/secrets/hunter2)", "is a placeholder that was not filled in: write the value itself."),
    ],
)
@pytest.mark.parametrize("name", ["DATABASE_URL", "CACHE_URL", "EMAIL_URL", "DEFAULT_STORAGE_DSN"])
def test_what_is_around_a_value_is_named(name: str, value: str, problem: str) -> None:
    with pytest.raises(InvalidEnvironmentError) as caught:
        read({name: value.format(name=name)})
    assert caught.value.problems == [f"{name} {problem.format(name=name)}"]


LOOSE = [
    "{}://a:hunter2@[host/1",
    "{}://a:hunter2@host:hunter2/1",
    "{}://a:hun/ter2@host/1",
    "{}://a:hun#ter2@host/1",
    "{}://a:5?hunter2=hunter2@host/1",
    "{}://a:hunter2@host:99999999/1?hunter2=hunter2&hunter&endpoint_url=http://[hunter2",
    "hunter2",
]


@pytest.mark.parametrize(
    "parse",
    [
        *(storage_dsn.parse, database_url.database, cache_url.cache, email_url.email),
        *(values.sentry, values.mail_address, values.folder),
    ],
)
def test_no_error_has_another_one_behind_it_that_repeats_the_secret(parse: Callable[[str], Any]) -> None:
    """A library's ValueError does, and would stay in `__context__` behind `from None`, for error reporters to see."""
    texts = []
    for scheme, text in product(["s3", "file", "postgres", "redis", "smtp+tls", "https", "hunter2"], LOOSE):
        try:
            parse(text.format(scheme))
        except MalformedError as error:
            texts.append(everything_said(error))
    assert texts
    assert not [line for line in texts if "hun" in line]


def test_an_error_that_nobody_thought_of_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(text: str) -> None:
        raise RuntimeError(text)

    monkeypatch.setattr("django_stack.variables.cache", careless)
    with pytest.raises(InvalidEnvironmentError, match=r"^CACHE_URL cannot be read\.$") as caught:
        read({"CACHE_URL": "hunter2"})
    assert "hunter2" not in everything_said(caught.value)


def test_representation_of_an_environment_holds_no_secret() -> None:
    text = repr(read({**LOCAL, "SENTRY_DSN": "https://hunter2@sentry.example.com/1"}))
    assert not any(secret in text for secret in ("password", "SECRET'", SECRET_KEY, "hunter2", "'KEY'"))


@given(st.dictionaries(st.sampled_from(sorted(ANY_TEXT)), st.text(max_size=60)))
def test_free_text_is_taken_as_it_is(environ: dict[str, str]) -> None:
    found = settings_of(environ)
    assert all(found[name] == text.strip() for name, text in environ.items())


@given(user=st.text(min_size=1), password=st.text(min_size=1), name=st.text(min_size=1))
def test_database_url_survives_any_characters(user: str, password: str, name: str) -> None:
    def encoded(text: str) -> str:
        return quote(text, safe="")

    config = read(
        {"DATABASE_URL": f"postgres://{encoded(user)}:{encoded(password)}@host:5432/{encoded(name)}"}
    ).database
    assert config is not None
    assert (config["USER"], config["PASSWORD"], config["NAME"]) == (user, password, name)


@given(st.dictionaries(st.sampled_from([*CLOUD, "CACHE_URL", "EMAIL_URL", "SENTRY_DSN"]), st.text(max_size=60)))
def test_any_text_in_any_variable_is_read_or_refused_but_never_a_crash(environ: dict[str, str]) -> None:
    with suppress(InvalidEnvironmentError):
        read(environ)
