"""Somebody who visits a site: with Chromium, or quicker without."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path

import requests
from playwright.sync_api import Browser, Page, sync_playwright

from tests import ROOT
from tests.e2e.stacks import Stack
from tests.pictures import png
from tools.setup import testkit

QUIET_CHROMIUM = Path(__file__).with_name("quiet_chromium.py")
ARGUMENTS = [
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser. Leave it before asyncio is used elsewhere: playwright's loop runs in this thread."""
    with sync_playwright() as playwright:
        found = testkit.browser(shutil.which)
        assert found, f"no {', '.join(testkit.CHROMIUM)} here: python3 tools/setup testkit"
        browser = playwright.chromium.launch(
            executable_path=QUIET_CHROMIUM, args=ARGUMENTS, env={**os.environ, "CHROMIUM": found}
        )
        yield browser
        browser.close()


def log_in(page: Page, stack: Stack) -> None:
    """Fills in the log-in form that the page shows, the gallery's or the admin's."""
    name, password = stack.admin()
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def screenshot(page: Page, name: str) -> None:
    """Keeps what the browser shows, for people to look at; pictures further down the page are loaded first."""
    folder: Path = ROOT / "artifacts"
    folder.mkdir(exist_ok=True)
    load = "image => { image.loading = 'eager'; return image.decode().catch(() => 0) }"
    page.evaluate(f"Promise.all([...document.images].map({load}))")
    page.screenshot(path=folder / f"{name}.png", full_page=True)


class Visitor:
    """The administrator, logged in without a browser."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.session = requests.Session()
        name, password = stack.admin()
        self._send("/login/", {"username": name, "password": password})

    def upload(self, title: str) -> str:
        """Uploads a picture; gives the URL of its file as its page shows it."""
        shown = self._send("/upload/", {"title": title}, files={"image": ("picture.png", png(), "image/png")})
        return picture_url(shown, title)

    def _send(self, path: str, form: dict[str, str], **more: object) -> str:
        """Sends a form of the site; gives the page that follows."""
        page = self.session.get(self.stack.url + path, timeout=20).text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert token, page
        answer = self.session.post(
            self.stack.url + path,
            data={**form, "csrfmiddlewaretoken": token[1]},
            timeout=30,
            **more,  # type: ignore[arg-type]
        )
        assert answer.status_code == 200, answer.text
        assert not answer.url.endswith(path), f"the form came back:\n{answer.text}"
        return answer.text


def picture_url(page: str, title: str) -> str:
    """The source of the picture with that title on a page."""
    for tag in re.findall(r"<img [^>]*>", page):
        if f'alt="{title}"' in tag:
            source = re.search(r'src="([^"]+)"', tag)
            assert source
            return unescape(source[1])
    raise AssertionError(f"no picture {title!r} in\n{page}")
