"""Each of the doctor's checks finds just what it is for, and says what to do about it."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest

from infra.commands.diagnosis import CHECKS, Answer, Facts, Level, diagnose
from infra.commands.doctor import CHECKS as MODULES
from infra.commands.operations.status import ProcessStatus
from tests.infra.commands.diagnosis.healthy import (
    COOKIE,
    Change,
    answers,
    facts,
    says,
    section,
    silent,
    without_header,
)

for module in MODULES:
    import_module(f"infra.commands.diagnosis.{module}")

ERROR, WARNING = Level.ERROR, Level.WARNING


def ill(parts: dict[str, Any]) -> None:
    parts["status"].processes.append(ProcessStatus("worker", 0, 1, "stopped"))


def lost(parts: dict[str, Any]) -> None:
    parts["addresses"]["example.com"] = ()


def message(identity: str, level: int) -> Change:
    return says(messages=[{"id": identity, "level": level, "text": "something is wrong"}])


HOUR_OLD = (datetime.now(UTC) - timedelta(hours=5)).isoformat()
# What is changed in a healthy stack, on which platform, and the one check that finds it, with words of what it says.
FAULTS: list[tuple[str, Change, str, Level, str]] = [
    ("cloud", answers("home", status=500, text="<title>Server Error</title>"), "home-page", ERROR, "500 Internal"),
    ("cloud", answers("home", status=400), "host-names", ERROR, "refuses its own name www.example.com"),
    ("cloud", answers("foreign host", status=200), "foreign-hosts", WARNING, "under any host name"),
    ("cloud", answers("live", status=404), "liveness", ERROR, "answers 404"),
    (
        "cloud",
        answers("ready", status=503, text='{"status": "unavailable", "database": "does not answer"}'),
        "ready",
        ERROR,
        "503 Service Unavailable",
    ),
    ("local", answers("ready", status=200, text="<p>a page</p>"), "ready", ERROR, "not the contract's answer"),
    (
        "cloud",
        answers("missing page", text="You’re seeing this error because you have <code>DEBUG"),  # noqa: RUF001
        "missing-pages",
        ERROR,
        "show the project's settings",
    ),
    ("local", answers("missing page", status=500), "missing-pages", ERROR, "answers 500"),
    ("cloud", answers("plain http", status=200), "redirect-to-https", ERROR, "http:// answers 200"),
    (
        "cloud",
        answers("plain http", headers={"location": "http://www.example.com/x"}),
        "redirect-to-https",
        ERROR,
        "doesn't lead to https://",
    ),
    ("cloud", without_header("strict-transport-security"), "hsts", WARNING, "Strict-Transport-Security"),
    ("local", without_header("x-content-type-options"), "nosniff", WARNING, "X-Content-Type-Options"),
    ("local", without_header("x-frame-options"), "frames", WARNING, "X-Frame-Options"),
    ("local", without_header("referrer-policy"), "referrers", WARNING, "Referrer-Policy"),
    ("local", answers("static file", status=404), "static-files", ERROR, "/static/base.0a1b2c.css answers 404"),
    ("cloud", answers("static file", headers={"cache-control": "max-age=60"}), "static-caching", WARNING, "again"),
    ("cloud", answers("static file", headers={}), "static-caching", WARNING, "again"),
    ("local", answers("login page", status=500), "login-page", ERROR, "the login page /admin/login/ answers 500"),
    ("local", answers("login with token", status=500), "login-page", ERROR, "a login at /admin/login/ answers 500"),
    ("local", answers("login with token", status=403), "csrf-of-the-login", ERROR, "nobody can log in"),
    ("cloud", answers("login without token", status=200), "csrf-protection", ERROR, "isn't refused"),
    ("cloud", answers("login page", cookies=(COOKIE,)), "cookies", ERROR, "csrftoken is sent over http"),
    (
        "local",
        answers("login page", cookies=(f"{COOKIE}; Secure",)),
        "cookies",
        ERROR,
        "don't keep the cookie csrftoken",
    ),
    ("local", answers("login page", cookies=(f"__Host-{COOKIE}",)), "cookies", ERROR, "__Host-csrftoken over http"),
    ("cloud", answers("redirect example.org", status=200), "redirects", ERROR, "example.org answers 200"),
    (
        "cloud",
        answers("redirect example.org", headers={"location": "https://example.org/"}),
        "redirects",
        ERROR,
        "instead of leading to www.example.com",
    ),
    ("cloud", answers("home", seconds=3.2), "speed", WARNING, "3.2 seconds"),
    ("cloud", lost, "dns", ERROR, "example.com leads nowhere"),
    ("cloud", section("certificate", "valid for 5 days", is_well=False), "certificate", ERROR, "for 5 days"),
    ("cloud", says(debug=True), "debug", ERROR, "DEBUG is on"),
    ("cloud", says(hosts=["*"]), "every-host", WARNING, "'*'"),
    (
        "local",
        says(pending=["shop.0002_price", "shop.0003_tax"]),
        "migrations",
        ERROR,
        "shop.0002_price, shop.0003_tax",
    ),
    ("local", message("django_stack.E002", 40), "settings-after-apply", ERROR, "django_stack.E002: something"),
    ("local", message("django_stack.W004", 30), "settings-after-apply", WARNING, "django_stack.W004"),
    ("cloud", message("security.W008", 30), "deploy-checks", WARNING, "security.W008: something is wrong"),
    ("cloud", says(mail="django.core.mail.backends.console.EmailBackend"), "mail", WARNING, "mail isn't sent"),
    ("cloud", says(mail="django.core.mail.backends.dummy.EmailBackend"), "mail", WARNING, "mail isn't sent"),
    ("cloud", says(cache="django.core.cache.backends.locmem.LocMemCache"), "cache", WARNING, "a cache of its own"),
    ("local", says(uploads="ClientError: Access Denied"), "uploads", ERROR, "ClientError: Access Denied"),
    ("cloud", says(encrypted=False), "database-encryption", ERROR, "isn't encrypted"),
    ("local", says(key=20), "secret-key", ERROR, "shorter than 50"),
    ("local", says(skew=120.0), "clock", WARNING, "120 seconds"),
    ("local", ill, "processes", ERROR, "worker: 0 of 1 run, stopped"),
    ("cloud", section("release", "failed with exit status 1", is_well=False), "release", ERROR, "exit status 1"),
    ("cloud", section("alarms", ringing=["shop-errors"]), "alarms", ERROR, "shop-errors"),
    ("cloud", section("maintenance", "on, since 3 hours ago"), "maintenance", WARNING, "on, since 3 hours ago"),
    ("local", section("database", "doesn't run (exited)", is_well=False), "database", ERROR, "doesn't run"),
    ("local", section("media", "doesn't run (exited)", is_well=False), "services", ERROR, "media: doesn't run"),
    ("cloud", section("schedules", "sweep failed", is_well=False), "services", ERROR, "schedules: sweep failed"),
    ("cloud", section("database", connections=70), "database-connections", WARNING, "70 of 76"),
    ("cloud", section("database", restorable_until=None), "backup", ERROR, "no backup"),
    ("cloud", section("database", restorable_until=HOUR_OLD), "backup", WARNING, "5 hours old"),
]


def worse(found: Facts) -> dict[str, tuple[Level, str]]:
    return {one.check: (one.level, one.text) for one in diagnose(found) if one.level is not Level.OK}


@pytest.mark.parametrize("platform", ["local", "cloud"])
def test_a_healthy_stack_passes_every_check(platform: str) -> None:
    assert worse(facts(platform)) == {}
    assert len(CHECKS) >= 25


@pytest.mark.parametrize(("platform", "change", "check", "level", "words"), FAULTS)
def test_a_fault_is_found_by_its_check_alone_with_what_to_do(
    platform: str, change: Change, check: str, level: Level, words: str
) -> None:
    found = [one for one in diagnose(facts(platform, change)) if one.level is not Level.OK]
    assert [(one.check, one.level) for one in found] == [(check, level)]
    assert words in found[0].text
    assert found[0].fix


def test_the_log_of_a_failed_release_is_proposed_only_where_it_is_kept() -> None:
    fixes = {}
    for platform in ("local", "cloud"):
        found = diagnose(facts(platform, section("release", "the last `pulumi up` failed", is_well=False)))
        fixes[platform] = next(one.fix for one in found if one.check == "release")
    assert fixes == {
        "local": "pulumi up -s pr-12",
        "cloud": "django-stack logs -s pr-12 --release, then pulumi up -s pr-12",
    }


def test_every_check_has_a_fault_that_it_finds() -> None:
    assert CHECKS.keys() == {check for _, _, check, _, _ in FAULTS} | {"site-answers", "parts"}


def test_a_site_that_does_not_answer_is_one_error_and_what_needs_it_can_not_be_checked() -> None:
    found = worse(facts("local", *[silent(name) for name in facts("local").answers]))
    assert found.pop("site-answers")[0] is ERROR
    assert {level for level, _ in found.values()} == {Level.UNKNOWN}
    assert found["home-page"][1] == "can't be checked: / isn't answered: connection refused"
    assert "migrations" not in found


def test_a_login_that_fails_says_nothing_of_its_protection() -> None:
    found = {one.check: one for one in diagnose(facts("local", answers("login without token", status=500)))}
    assert found["csrf-protection"].level == Level.UNKNOWN
    assert found["csrf-protection"].text == "can't be checked: a login without a CSRF token answers 500"


def test_an_app_that_says_nothing_leaves_the_other_checks() -> None:
    def silence(parts: dict[str, Any]) -> None:
        parts["inside"], parts["silence"] = {}, "the app's own program ended with exit status 1: KeyError"

    found = worse(facts("cloud", silence))
    assert {level for level, _ in found.values()} == {Level.UNKNOWN}
    assert found["migrations"][1].endswith("exit status 1: KeyError")
    assert "home-page" not in found


def test_a_part_that_can_not_be_asked_for_is_a_warning_and_its_checks_are_unknown() -> None:
    found = worse(facts("cloud", section("alarms", "can't be asked: no permission", error="no permission")))
    assert found["parts"] == (WARNING, "alarms can't be asked: no permission")
    assert found["alarms"] == (Level.UNKNOWN, "can't be checked: no permission")


def test_what_is_meant_for_development_is_no_fault_of_a_local_stack() -> None:
    development = says(
        debug=True,
        mail="django.core.mail.backends.console.EmailBackend",
        cache="django.core.cache.backends.locmem.LocMemCache",
        encrypted=False,
        messages=[{"id": "security.W018", "level": 30, "text": "DEBUG"}],
    )
    assert worse(facts("local", development, answers("static file", headers={}))) == {}


def test_a_foreign_answer_to_the_health_check_is_no_health() -> None:
    found = worse(facts("cloud", answers("live", text="<p>Welcome</p>")))
    assert found["liveness"][0] is ERROR
    assert isinstance(facts("cloud").answers["live"], Answer)
