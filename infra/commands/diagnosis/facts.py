"""Asks the site, the app and the platform for all that the checks look at."""

import json
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import replace
from html import unescape
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3

from infra import proxies
from infra.commands.diagnosis import Answer, Facts
from infra.commands.diagnosis.inside import MARK, PROGRAM
from infra.commands.diagnosis.outside import LOGIN, SLOW
from infra.commands.operations import Operations

SECONDS = 15.0  # for one answer
BODY = 256 * 1024  # bytes of an answer that are read
AGENT = "django-stack doctor"


def collect(stack: str, platform: str, found: Operations) -> Facts:
    """The facts of a stack that is up; a minute in the cloud, where the app's own ones need a task."""
    status, environment = found.status(cost=False, patient=True), found.environment()
    inside, silence = ask_inside(found)
    site = Site(status.url, environment.get("DOMAIN", ""))
    names = [
        name for key in ("DOMAIN", "DOMAIN_ALIASES", "DOMAIN_REDIRECTS") for name in environment.get(key, "").split(",")
    ]
    redirects = list(filter(None, environment.get("DOMAIN_REDIRECTS", "").split(",")))
    return Facts(
        stack=stack,
        platform=platform,
        status=status,
        environment=environment,
        answers=site.answers(inside, redirects),
        inside=inside,
        silence=silence,
        addresses={name: resolve(name) for name in names if name} if platform == "cloud" else {},
    )


def ask_inside(found: Operations) -> tuple[dict[str, Any], str]:
    """What the app says of itself, or else why it says nothing."""
    begun = time.time()
    status, text = found.output(["python", "manage.py", "shell", "-c", PROGRAM])
    lines = [line for line in text.splitlines() if MARK in line]
    if not lines:
        last = (text.strip().splitlines() or [""])[-1]
        return {}, f"the app's own program ended with exit status {status}: {last}"
    inside: dict[str, Any] = json.loads(lines[-1].partition(MARK)[2])
    if "time" in inside:
        # Between these two moments, the clock of the container had this time.
        inside["skew"] = max(begun - inside["time"], inside["time"] - time.time(), 0.0)
    return inside, ""


def resolve(name: str) -> tuple[str, ...]:
    """The addresses of a host name, none if it has none."""
    try:
        return tuple(sorted({str(found[4][0]) for found in socket.getaddrinfo(name, 443)}))
    except OSError:
        return ()


class Site:
    """A site as a visitor meets it: `url` is its home page. One on this machine is asked at the loopback."""

    def __init__(self, url: str, domain: str) -> None:
        self._url = urlsplit(url)
        self._domain = domain
        is_secure = self._url.scheme == "https"
        self._base = f"https://{self._url.netloc}" if is_secure else f"http://127.0.0.1:{self._url.port or 80}"
        self._pool = proxies.pool(self._base, SECONDS)

    def answers(self, inside: Mapping[str, Any], redirects: list[str]) -> dict[str, Answer | str]:
        """The answers by what was asked for."""
        found = {
            "home": self.home(),
            "live": self.get("/healthz/live"),
            "ready": self.get("/healthz/ready"),
            "missing page": self.get("/django-stack-doctor-asks-for-a-page-that-is-not-there/"),
            "foreign host": self.get("/", host="doctor.invalid"),
            "login page": self.get(str(inside.get("login", LOGIN))),
            **{f"redirect {name}": self.get("/", host=name) for name in redirects},
        }
        if "static" in inside:
            found["static file"] = self._static(str(inside["static"]))
        if self._url.scheme == "https":
            found["plain http"] = self.get("/", base=f"http://{self._url.netloc}")
        found |= self._logins(str(inside.get("login", LOGIN)), found["login page"])
        return found

    def get(self, path: str, *, host: str = "", base: str = "") -> Answer | str:
        """The answer to a GET, under another host name or at another server if these are given."""
        return self._ask("GET", f"{base or self._base}{path}", host or self._url.netloc, {}, None)

    def home(self) -> Answer | str:
        """The home page. A slow one is asked for again: a process that has just started is slow for its first visitor
        alone."""
        home = self.get("/")
        if isinstance(home, Answer) and home.seconds >= SLOW:
            again = self.get("/")
            if isinstance(again, Answer) and again.status == home.status:
                return replace(home, seconds=min(home.seconds, again.seconds))
        return home

    def _static(self, url: str) -> Answer | str:
        """A static file may have an address of its own."""
        if urlsplit(url).netloc:
            return self._ask("GET", url, urlsplit(url).netloc, {}, None)
        return self.get(url)

    def _logins(self, path: str, page: Answer | str) -> dict[str, Answer | str]:
        """Two logins without a name, with and without the token of the login page.

        Nobody is logged in, and no failed login is counted against anybody: the form lacks what it requires.
        """
        if isinstance(page, str):
            return dict.fromkeys(("login with token", "login without token"), page)
        if page.status >= 500:
            return dict.fromkeys(("login with token", "login without token"), f"{path} answers {page.status}")
        given = re.search(r"""name=["']csrfmiddlewaretoken["'] value=["']([^"']+)""", page.text)
        if not given:
            why = f"{path} has no form with a CSRF token"
            return dict.fromkeys(("login with token", "login without token"), why)
        cookies = "; ".join(
            f"{name}={morsel.value}" for header in page.cookies for name, morsel in SimpleCookie(header).items()
        )
        origin = f"{self._url.scheme}://{self._url.netloc}"
        headers = {"Cookie": cookies, "Origin": origin, "Referer": f"{origin}{path}"}
        nobody = {"username": "", "password": ""}
        with_token = {**nobody, "csrfmiddlewaretoken": unescape(given[1])}
        return {
            "login with token": self._post(path, headers, with_token),
            "login without token": self._post(path, headers, nobody),
        }

    def _post(self, path: str, headers: Mapping[str, str], fields: Mapping[str, str]) -> Answer | str:
        more = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", f"{self._base}{path}", self._url.netloc, more, urlencode(fields))

    def _ask(self, method: str, url: str, host: str, headers: Mapping[str, str], body: str | None) -> Answer | str:
        begun = time.monotonic()
        try:
            answer = self._pool.request(
                method,
                url,
                headers={"Host": host, "User-Agent": AGENT, "Accept": "text/html,*/*", **headers},
                body=body,
                redirect=False,
                preload_content=False,
            )
            text = answer.read(BODY, decode_content=True).decode(errors="replace")
            seconds = time.monotonic() - begun
            answer.close()
        except urllib3.exceptions.HTTPError as error:
            return f"{urlsplit(url).path} isn't answered: {error}"
        known = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, known, text, tuple(answer.headers.getlist("Set-Cookie")), seconds)
