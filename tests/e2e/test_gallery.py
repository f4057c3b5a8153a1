"""What visitors do, in a browser: the same under runserver and under gunicorn."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.media import fetch
from tests.e2e.stacks import Stack
from tests.e2e.visitors import Visitor, log_in, screenshot
from tests.pictures import png
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.browser]

NATURAL_WIDTH = "image => image.decode().then(() => image.naturalWidth)"
STYLED = "element => getComputedStyle(element).backgroundColor"


def key_of(url: str) -> str:
    """The object's key in the media bucket, from its URL."""
    return urlsplit(url).path.removeprefix("/media/")


def test_an_uploaded_picture_is_seen_stored_and_recorded(stack: Stack, page: Page) -> None:
    page.goto(f"{stack.url}/upload/")
    log_in(page, stack)
    page.get_by_label("Picture").set_input_files({"name": "sea.png", "mimeType": "image/png", "buffer": png(240, 160)})
    page.get_by_label("Title").fill("The sea")
    page.get_by_role("button", name="Upload").click()

    page.wait_for_url(re.compile(r"/pictures/\d+/$"))
    image = page.get_by_role("img", name="The sea")
    assert image.evaluate(NATURAL_WIDTH) == 240
    url = image.evaluate("image => image.src")
    assert url.startswith(f"{stack.media_url}/media/")
    screenshot(page, f"picture-{stack.name.split('-')[1]}")

    assert key_of(url) in stack.bucket().objects()
    [row] = stack.query("select title, width, height from gallery_picture where image = %s", key_of(url))
    assert row == ("The sea", 240, 160)

    page.goto(stack.url)
    expect(page.get_by_role("img", name="The sea").first).to_be_visible()
    screenshot(page, f"gallery-{stack.name.split('-')[1]}")
    opened = page.goto(url)
    assert opened is not None
    assert (opened.status, opened.header_value("content-type")) == (200, "image/png")
    assert page.locator("img").evaluate(NATURAL_WIDTH) == 240


def test_a_picture_is_private_and_its_signed_url_works_in_containers_too(stack: Stack) -> None:
    url = Visitor(stack).upload("Signed")
    assert fetch(url).status_code == 200
    assert fetch(url.partition("?")[0]).status_code == 403
    assert fetch(re.sub(r"Signature=.{4}", "Signature=0000", url)).status_code == 403
    status, output = stack.container("web").exec_run(
        ["python", "-c", "import sys, urllib.request as u; print(len(u.urlopen(sys.argv[1]).read()))", url]
    )
    assert status == 0, output
    assert int(output) == len(fetch(url).content)


def test_deleting_asks_first_and_then_removes_row_and_object(stack: Stack, page: Page) -> None:
    key = key_of(Visitor(stack).upload("Short-lived"))
    [[number]] = stack.query("select id from gallery_picture where image = %s", key)
    page.goto(f"{stack.url}/login/")
    log_in(page, stack)
    page.get_by_role("img", name="Short-lived").click()
    page.get_by_role("link", name="Delete").click()
    page.wait_for_url(f"{stack.url}/pictures/{number}/delete/")
    assert key in stack.bucket().objects()
    page.get_by_role("button", name="Delete").click()

    page.wait_for_url(f"{stack.url}/")
    assert key not in stack.bucket().objects()
    assert stack.query("select id from gallery_picture where id = %s", number) == []


def test_the_admin_has_its_styles_and_lets_the_administrator_in(stack: Stack, page: Page) -> None:
    stylesheets: list[int] = []
    page.on("response", lambda answer: stylesheets.append(answer.status) if ".css" in answer.url else None)
    page.goto(f"{stack.url}/admin/")
    assert stylesheets
    assert set(stylesheets) == {200}
    log_in(page, stack)
    expect(page.get_by_role("link", name="Pictures", exact=True)).to_be_visible()
    assert page.locator("#header").evaluate(STYLED) not in {"rgba(0, 0, 0, 0)", "rgb(255, 255, 255)"}
    screenshot(page, f"admin-{stack.name.split('-')[1]}")


def test_an_edited_template_shows_without_another_up(development: Stack) -> None:
    web = development.container("web").id
    with development.edited(
        "gallery/templates/base.html", lambda text: text.replace("</main>", "<p>Edited</p></main>")
    ):
        wait_until(lambda: "<p>Edited</p>" in development.get().text, "the edited template")
    wait_until(lambda: "<p>Edited</p>" not in development.get().text, "the template as before")
    assert development.container("web").id == web
