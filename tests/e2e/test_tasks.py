"""A stack with a worker, a cache and mail: what visitors see of them."""

import re
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.e2e.conftest import MakeStack
from tests.e2e.stacks import SERVING, Stack
from tests.e2e.visitors import Visitor, log_in, screenshot
from tests.pictures import png
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]

WORKER = {"command": "python manage.py procrastinate worker", "stop-timeout": 60}


@pytest.fixture(scope="module")
def working(make_stack: MakeStack) -> Stack:
    """A stack with all of it, up."""
    settings = {"processes": {"worker": WORKER}, "cache": "valkey", "mail": "mailpit", "keep-data": False}
    stack = make_stack("tasks", {**SERVING, **settings})
    stack.up()
    return stack


def thumbnail(stack: Stack, title: str) -> str:
    [[name]] = stack.query("select thumbnail from gallery_picture where title = %s", title)
    return str(name)


@pytest.mark.browser
def test_an_upload_becomes_a_thumbnail_in_s3_that_the_page_shows_by_itself(working: Stack, page: Page) -> None:
    page.goto(f"{working.url}/upload/")
    log_in(page, working)
    page.get_by_label("Picture").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": png(800, 600)})
    page.get_by_label("Title").fill("The sea")
    page.get_by_role("button", name="Upload").click()
    page.wait_for_url(re.compile(r"/pictures/\d+/$"))
    page.goto(working.url)
    image = page.locator("img[alt='The sea']")
    expect(image).to_have_attribute("src", re.compile("/media/thumbnails/"), timeout=30_000)
    assert image.evaluate("image => image.decode().then(() => [image.naturalWidth, image.naturalHeight])") == [640, 480]
    assert thumbnail(working, "The sea") in working.bucket().objects()
    screenshot(page, "gallery-thumbnail")


def test_the_count_comes_from_the_cache_and_without_it_the_site_serves(working: Stack) -> None:
    visitor = Visitor(working)
    visitor.upload("Counted")
    [[number]] = working.query("select count(*) from gallery_picture")
    assert f"{number} picture" in working.get().text
    cache = working.container("cache")
    cache.stop()
    try:
        for _ in range(2):
            assert f"{number} picture" in working.get().text
        visitor.upload("Without a cache")
        assert f"{number + 1} picture" in working.get().text
        wait_until(lambda: thumbnail(working, "Without a cache"), "its thumbnail", 30)
    finally:
        cache.start()
    working.up("--expect-no-changes")


def letters(stack: Stack) -> list[dict[str, Any]]:
    """What Mailpit has, newest first: https://mailpit.axllent.org/docs/api-v1/"""
    inbox = requests.get(f"{stack.outputs()['mail_url'].rstrip('/')}/api/v1/messages", timeout=10).json()
    return list(inbox["messages"])


@pytest.mark.browser
def test_a_forgotten_password_is_mended_by_a_link_in_a_mail(working: Stack, page: Page) -> None:
    working.admin()
    page.goto(f"{working.url.replace('localhost', '127.0.0.1')}/login/")  # an alias: the link has the site's own name
    page.get_by_role("link", name="Forgotten your password?").click()
    page.get_by_label("Email").fill("admin@example.com")
    page.get_by_role("button", name="Send the link").click()
    page.get_by_role("heading", name="Look into your mail").wait_for()
    [letter] = wait_until(lambda: letters(working), "the mail in Mailpit")
    assert [to["Address"] for to in letter["To"]] == ["admin@example.com"]
    mail_url = working.outputs()["mail_url"].rstrip("/")
    text = requests.get(f"{mail_url}/api/v1/message/{letter['ID']}", timeout=10).json()["Text"]
    [link] = re.findall(r"^http\S+", text, re.MULTILINE)
    assert link.startswith(f"{working.url}/password/new/")

    page.goto(link)
    for label in ("New password", "New password confirmation"):
        page.get_by_label(label, exact=True).fill("chosen-by-mail-7")
    page.get_by_role("button", name="Change my password").click()
    page.get_by_role("heading", name="Your password is changed").wait_for()
    working.admin_password = "chosen-by-mail-7"
    page.get_by_role("main").get_by_role("link", name="Log in").click()
    log_in(page, working)
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.goto(mail_url)
    expect(page.get_by_text("Choose a new password for the gallery").first).to_be_visible()
    screenshot(page, "mailpit")


def test_without_keep_data_destroy_leaves_nothing_of_a_stack_with_all_its_parts(working: Stack) -> None:
    parts = {container.name.removeprefix(f"{working.prefix}-") for container in working.containers()}
    assert parts == {"web", "worker-1", "database", "media", "cache", "mail"}
    volumes = {volume.name.removeprefix(f"{working.prefix}-") for volume in working.volumes()}
    assert volumes == {"database", "media", "maintenance"}
    working.destroy()
    assert (working.containers(), working.networks(), working.volumes()) == ([], [], [])
