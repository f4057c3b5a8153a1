"""Checks of what visitors get."""

from http.cookies import SimpleCookie

from infra import readiness
from infra.commands.diagnosis import Answer, Facts, Level, UnknownError, check
from infra.readiness import judge_home, judge_readiness

Found = tuple[Level, str, str] | None
SLOW = 2.0  # seconds for the home page
LOGIN = "/admin/login/"  # unless the app names another
YEAR = 31536000
DEBUG_PAGE = "seeing this error because you have"  # the end of Django's own error pages
ERROR, WARNING = Level.ERROR, Level.WARNING
STEP_2 = "docs/bring-your-own.md, step 2: the last lines of the settings module are the contract's"


@check
def site_answers(facts: Facts) -> Found:
    found = facts.answers.get("home", "")
    if isinstance(found, Answer):
        return None
    return ERROR, f"{facts.status.url} doesn't answer: {found}", f"django-stack logs -s {facts.stack}"


@check
def home_page(facts: Facts) -> Found:
    answer = facts.answer("home")
    if answer.status == 400:
        return None  # host_names says it
    verdict = judge_home(_as_seen(answer), facts.status.url)
    if verdict.missing:
        return ERROR, verdict.missing, _logs(facts, answer)
    return None


@check
def host_names(facts: Facts) -> Found:
    if facts.answer("home").status != 400:
        return None
    return (
        ERROR,
        f"the site refuses its own name {facts.domain} with 400, as a name that isn't in ALLOWED_HOSTS",
        f"pulumi config set -s {facts.stack} domain-aliases NAME for another name of it; else {STEP_2}",
    )


@check
def foreign_hosts(facts: Facts) -> Found:
    if facts.answer("foreign host").status < 400:
        return WARNING, "the site answers under any host name, so that links in mails can be forged", STEP_2
    return None


@check
def liveness(facts: Facts) -> Found:
    answer = facts.answer("live")
    if answer.status == 200 and '"ok"' in answer.text:
        return None
    return ERROR, f"/healthz/live answers {answer.status}", STEP_2 if answer.status != 503 else "see `readiness`"


@check
def ready(facts: Facts) -> Found:
    verdict = judge_readiness(_as_seen(facts.answer("ready")), readiness.READY)
    if not verdict.missing:
        return None
    return ERROR, verdict.missing, verdict.fix or f"django-stack logs -s {facts.stack} --level warning"


@check
def missing_pages(facts: Facts) -> Found:
    answer = facts.answer("missing page")
    if facts.is_cloud and DEBUG_PAGE in answer.text:
        return ERROR, "error pages show the project's settings and addresses to everybody", "take DEBUG = True away"
    if answer.status >= 500:
        return ERROR, f"a page that isn't there answers {answer.status}", "correct the template 404.html"
    return None


@check
def redirect_to_https(facts: Facts) -> Found:
    if not facts.is_secure:
        return None
    answer = facts.answer("plain http")
    if 300 <= answer.status < 400 and answer.headers.get("location", "").startswith("https://"):
        return None
    return ERROR, f"http:// answers {answer.status}, and doesn't lead to https://", STEP_2


@check
def hsts(facts: Facts) -> Found:
    if not facts.is_secure or "strict-transport-security" in facts.answer("home").headers:
        return None
    return WARNING, "browsers aren't told to keep to https (Strict-Transport-Security)", STEP_2


@check
def nosniff(facts: Facts) -> Found:
    if facts.answer("home").headers.get("x-content-type-options") == "nosniff":
        return None
    return WARNING, "browsers may take uploads for scripts (X-Content-Type-Options)", _middleware("SecurityMiddleware")


@check
def frames(facts: Facts) -> Found:
    headers = facts.answer("home").headers
    if "x-frame-options" in headers or "frame-ancestors" in headers.get("content-security-policy", ""):
        return None
    return WARNING, "other sites may show this one in a frame (X-Frame-Options)", _middleware("XFrameOptionsMiddleware")


@check
def referrers(facts: Facts) -> Found:
    if "referrer-policy" in facts.answer("home").headers:
        return None
    return WARNING, "addresses of pages are told to other sites (Referrer-Policy)", _middleware("SecurityMiddleware")


@check
def static_files(facts: Facts) -> Found:
    status = facts.answer("static file").status
    if status == 200:
        return None
    return (
        ERROR,
        f"the static file {facts.said('static')} answers {status}",
        "collectstatic in the image's build, and WhiteNoise's middleware (docs/bring-your-own.md)",
    )


@check
def static_caching(facts: Facts) -> Found:
    answer = facts.answer("static file")
    if answer.status != 200 or facts.said("debug"):
        return None
    words = answer.headers.get("cache-control", "")
    ages = [int(word.strip()[8:]) for word in words.split(",") if word.strip().startswith("max-age=")]
    if ages and ages[0] >= YEAR / 12:
        return None
    return WARNING, "browsers ask for static files again and again, although their names have a hash", STEP_2


@check
def login_page(facts: Facts) -> Found:
    """Sees also a login that fails, which no check of its CSRF protection would call a fault."""
    path = facts.inside.get("login", LOGIN)
    page, login = facts.answer("login page"), facts.answers.get("login with token")
    for what, answer in ((f"the login page {path}", page), (f"a login at {path}", login)):
        if isinstance(answer, Answer) and answer.status >= 500:
            return ERROR, f"{what} answers {answer.status}", _logs(facts, answer)
    return None


@check
def csrf_of_the_login(facts: Facts) -> Found:
    if facts.answer("login with token").status != 403:
        return None
    return (
        ERROR,
        "a login with its CSRF token is refused with 403, so nobody can log in",
        f"pulumi config set -s {facts.stack} --path env.CSRF_TRUSTED_ORIGINS {facts.status.url.rstrip('/')}",
    )


@check
def csrf_protection(facts: Facts) -> Found:
    status = facts.answer("login without token").status
    if status == 403:
        return None
    if status >= 500:
        raise UnknownError(f"a login without a CSRF token answers {status}")
    return ERROR, "a login without a CSRF token isn't refused", _middleware("CsrfViewMiddleware")


@check
def cookies(facts: Facts) -> Found:
    for header in facts.answer("login page").cookies:
        for name, morsel in SimpleCookie(header).items():
            if facts.is_secure and not morsel["secure"]:
                return ERROR, f"the cookie {name} is sent over http, too", STEP_2
            if not facts.is_secure and (morsel["secure"] or name.startswith(("__Secure-", "__Host-"))):
                return ERROR, f"browsers don't keep the cookie {name} over http, so nobody stays logged in", STEP_2
    return None


@check
def redirects(facts: Facts) -> Found:
    for name in filter(None, facts.environment.get("DOMAIN_REDIRECTS", "").split(",")):
        answer = facts.answer(f"redirect {name}")
        target = answer.headers.get("location", "")
        if answer.status != 301 or facts.domain not in target:
            return ERROR, f"{name} answers {answer.status} instead of leading to {facts.domain}", STEP_2
    return None


@check
def speed(facts: Facts) -> Found:
    seconds = facts.answer("home").seconds
    if seconds < SLOW:
        return None
    return (
        WARNING,
        f"the home page takes {seconds:.1f} seconds",
        f"django-stack logs -s {facts.stack} --grep duration_ms",
    )


@check
def dns(facts: Facts) -> Found:
    if not facts.is_cloud:
        return None
    names = [name for key in ("DOMAIN", "DOMAIN_ALIASES", "DOMAIN_REDIRECTS") for name in _names(facts, key)]
    lost = [name for name in names if not facts.addresses.get(name)]
    if not names:
        raise UnknownError("the site's names aren't known")
    if not lost:
        return None
    return (
        ERROR,
        f"{', '.join(lost)} leads nowhere",
        "an alias of the distribution in your DNS (docs/cloud.md, A domain)",
    )


@check
def certificate(facts: Facts) -> Found:
    section = facts.status.sections.get("certificate")
    if section is None or section.is_well:
        return None
    return ERROR, f"the certificate is {section.text}", "its DNS records for ACM's renewal (docs/cloud.md, A domain)"


def _as_seen(answer: Answer) -> readiness.Answer:
    return readiness.Answer(answer.status, answer.headers.get("content-type", "").partition(";")[0], answer.text)


def _logs(facts: Facts, answer: Answer) -> str:
    """The command that shows the log of a request that went wrong."""
    identity = answer.headers.get("x-request-id", "")
    return f"django-stack logs -s {facts.stack}" + (f" --request-id {identity}" if identity else " --level error")


def _names(facts: Facts, key: str) -> list[str]:
    return [name for name in facts.environment.get(key, "").split(",") if name]


def _middleware(name: str) -> str:
    return f"Django's {name} in MIDDLEWARE, before everything that answers"
