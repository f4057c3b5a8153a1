"""The pages in a browser: accessible in light and dark, wide and narrow; usable with the keyboard; screenshots.

Screenshots go to artifacts/, for people to look at.
"""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageDraw, ImageFilter
from playwright.sync_api import Browser, Page, Route, ViewportSize, expect

from tests.e2e.visitors import chromium, screenshot
from tests.image.services import ADMIN, PASSWORD, Services, Site, Visitor
from tests.pictures import noise, png
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.browser]

WIDE: ViewportSize = {"width": 1280, "height": 900}
NARROW: ViewportSize = {"width": 375, "height": 740}
NOT_A_PICTURE = {"name": "a.png", "mimeType": "image/png", "buffer": b"no picture at all"}
TITLES = [
    "Morning on the lake", "The old harbour", "Dunes", "A very long title that does not fit into one line of a card",
    "Lighthouse", "Ferry", "Reeds", "Evening", "First snow", "Birches", "The pier", "Storm", "Moonrise",
]  # fmt: skip


def landscape(seed: int) -> bytes:
    """A picture that is pleasant to look at: a sky, a sun and some hills."""
    width, height = (900, 600) if seed % 3 else (600, 800)
    sky = [((40 + 37 * seed) % 160, 110, 170), (250, 190 - 7 * (seed % 8), 120)]
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    for y in range(height):
        draw.line([(0, y), (width, y)], tuple(a + (b - a) * y // height for a, b in zip(*sky, strict=True)))
    draw.ellipse([width // 5 * (seed % 4 + 1) - 50, 120, width // 5 * (seed % 4 + 1) + 50, 220], (255, 240, 210))
    for hill in range(3):
        top = height // 2 + 90 * hill
        shade = tuple(channel // (2 + hill) for channel in sky[0])
        points = [(x, top - (x * (seed + hill + 3) // 7) % 130 + 60) for x in range(0, width + 150, 150)]
        draw.polygon([(0, height), *points, (width, height)], shade)
    out = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(2)).save(out, "JPEG", quality=85)
    return out.getvalue()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def migrated(services: Services) -> str:
    """The URL of a new database with the tables and the administrator in it."""
    url = f"postgres://app:password@database:5432/{services.new_database()}"
    environment = services.environment(DATABASE_URL=url, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    command = (
        "import django; django.setup(); from django.core.management import call_command as call;"
        f"call('migrate', verbosity=0); call('createsuperuser', interactive=False, username='{ADMIN}', email='a@b.org')"
    )
    status, _, err = services.run(
        "python", "-c", command, environment={**environment, "DJANGO_SETTINGS_MODULE": "config.settings"}
    )
    assert status == 0, err
    return url


@pytest.fixture(scope="module")
def full(services: Services) -> Iterator[Site]:
    """A gallery with more than a page of pictures."""
    with services.serving(DATABASE_URL=migrated(services)) as site:
        visitor = Visitor(site)
        for number, title in enumerate(TITLES):
            visitor.upload(title, landscape(number))
        yield site


@pytest.fixture(scope="module")
def empty(services: Services) -> Iterator[Site]:
    """A gallery without a picture."""
    with services.serving(DATABASE_URL=migrated(services)) as site:
        yield site


@pytest.fixture(scope="module")
def broken(services: Services) -> Iterator[Site]:
    """One whose table is gone: every page is a 500."""
    url = migrated(services)
    services.query("DROP TABLE gallery_picture", url.rpartition("/")[2])
    with services.serving(DATABASE_URL=url) as site:
        yield site


@pytest.fixture(scope="module")
def away(services: Services) -> Iterator[Site]:
    """One whose database is gone: every page is a 503."""
    url = migrated(services)
    with services.serving(DATABASE_URL=url) as site:
        services.query(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")
        yield site


@pytest.fixture(scope="module")
def waiting(services: Services) -> Iterator[Site]:
    """One whose worker lives, but has not come to the newest picture yet."""
    url = migrated(services)
    with services.serving(DATABASE_URL=url) as site:
        Visitor(site).upload(TITLES[0], landscape(0))
        database = url.rpartition("/")[2]
        services.query("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() + interval '1 day')", database)
        yield site


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport=WIDE, color_scheme="light") as context:
        page = context.new_page()
        page.set_default_timeout(20_000)
        yield page


def enter(page: Page, site: Site) -> None:
    """Gives the page the administrator's session."""
    session = Visitor(site).session.cookies["sessionid"]
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": site.url}])


def without_script(page: Page) -> None:
    """The upload form as it is where scripts don't run."""

    def abort(route: Route) -> None:
        route.abort()

    page.route("**/upload*.js", abort)


def send_upload(page: Page, site: Site, content: bytes) -> None:
    enter(page, site)
    page.goto(f"{site.url}/upload/")
    file = page.get_by_label("Picture")
    if len(content) > 10**6:  # past the limit of what playwright passes on as it is
        file.evaluate(
            "(input, size) => { const files = new DataTransfer(); files.items.add(new File([new Uint8Array(size)],"
            " 'a.png', {type: 'image/png'})); input.files = files.files; }",
            len(content),
        )
    else:
        file.set_input_files({**NOT_A_PICTURE, "buffer": content})
    page.get_by_role("button", name="Upload").click()


def upload_refused(page: Page, site: Site) -> None:
    without_script(page)
    send_upload(page, site, b"no picture at all")
    expect(page.get_by_role("alert")).to_contain_text("This is not a JPEG")


def upload_refused_by_script(page: Page, site: Site) -> None:
    send_upload(page, site, b"no picture at all")
    expect(page.get_by_role("alert")).to_contain_text("This is not a JPEG")


def upload_far_too_large(page: Page, site: Site) -> None:
    without_script(page)
    send_upload(page, site, bytes(20 * 1024**2))
    page.get_by_role("heading", name="Too large").wait_for()


def deletion(page: Page, site: Site) -> None:
    enter(page, site)
    page.goto(site.url)
    page.get_by_role("img", name=TITLES[-1]).click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("heading", name="Delete this picture?").wait_for()


def picture(page: Page, site: Site) -> None:
    enter(page, site)
    page.goto(site.url)
    page.get_by_role("img", name=TITLES[-1]).click()
    page.get_by_role("heading", name=TITLES[-1]).wait_for()


def full_index(page: Page, site: Site) -> None:
    enter(page, site)
    page.goto(site.url)
    page.get_by_role("link", name="Older").wait_for()


def placeholder(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.locator(".placeholder").wait_for()


def password_link(page: Page, site: Site) -> None:
    """Opens the link of the mail, which goes into the log where a stack has no mail server."""
    page.goto(f"{site.url}/password/forgotten/")
    page.get_by_label("Email").fill("a@b.org")
    page.get_by_role("button", name="Send the link").click()
    page.get_by_role("heading", name="Look into your mail").wait_for()
    found = re.findall(r"^http\S+(/password/new/\S+)$", site.container.logs().decode(), re.MULTILINE)
    page.goto(site.url + found[-1])
    page.get_by_role("heading", name="Choose a new password").wait_for()


def password_asked(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/login/")
    page.get_by_role("link", name="Forgotten your password?").click()
    page.get_by_label("Email").fill("nobody@example.com")
    page.get_by_role("button", name="Send the link").click()
    page.get_by_role("heading", name="Look into your mail").wait_for()


def upload_form(page: Page, site: Site) -> None:
    enter(page, site)
    page.goto(f"{site.url}/upload/")


def after_deletion(page: Page, site: Site) -> None:
    Visitor(site).upload("Gone soon", png())
    enter(page, site)
    page.goto(site.url)
    page.get_by_role("img", name="Gone soon").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("status").get_by_text("is deleted").wait_for()


def wrong_password(page: Page, site: Site, name: str = "nobody") -> None:
    page.goto(f"{site.url}/login/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert").or_(page.get_by_role("heading", name="Too many attempts"))).to_be_visible()


def too_many_passwords(page: Page, site: Site) -> None:
    name = secrets.token_hex(4)
    for _ in range(10):
        wrong_password(page, site, name)
    page.get_by_role("heading", name="Too many attempts").wait_for()


def expired_form(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/login/")
    page.get_by_label("Username").fill("somebody")
    page.get_by_label("Password").fill("something")
    page.context.clear_cookies()
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="This form has expired").wait_for()


def at(path: str, heading: str, host: str = "localhost") -> Callable[[Page, Site], None]:
    """Opens an address, which shows a heading."""

    def go(page: Page, site: Site) -> None:
        page.goto(site.url.replace("localhost", host) + path)
        page.get_by_role("heading", name=heading).wait_for()

    return go


PAGES: dict[str, tuple[str, Callable[[Page, Site], None]]] = {
    "index-empty": ("empty", at("/", "No pictures yet")),
    "index-full": ("full", full_index),
    "index-waiting": ("waiting", placeholder),
    "picture": ("full", picture),
    "upload": ("full", upload_form),
    "upload-refused": ("full", upload_refused),
    "upload-refused-script": ("full", upload_refused_by_script),
    "delete": ("full", deletion),
    "deleted": ("full", after_deletion),
    "login": ("full", at("/login/", "Log in")),
    "login-refused": ("full", wrong_password),
    "password": ("full", at("/password/forgotten/", "Forgotten your password?")),
    "password-sent": ("full", password_asked),
    "password-new": ("full", password_link),
    "password-old-link": ("full", at("/password/new/MQ/?token=made-up", "This link no longer works")),
    "password-changed": ("full", at("/password/changed/", "Your password is changed")),
    "400": ("full", at("/", "That request made no sense", host="other.localhost")),
    "403": ("full", expired_form),
    "404": ("full", at("/nothing/", "Nothing here")),
    "413": ("full", upload_far_too_large),
    "429": ("full", too_many_passwords),
    "500": ("broken", at("/", "Something broke")),
    "503": ("away", at("/", "Back in a moment")),
}


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_in_light_and_dark_wide_and_narrow(
    page: Page, name: str, request: pytest.FixtureRequest
) -> None:
    site_name, visit = PAGES[name]
    visit(page, request.getfixturevalue(site_name))
    for size in (WIDE, NARROW):
        for scheme in ("light", "dark"):
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            looks = f"{'wide' if size is WIDE else 'narrow'}-{scheme}"
            if looks in ("wide-light", "narrow-dark"):
                screenshot(page, f"{name}-{looks}")
            results = Axe().run(page)
            assert results.violations_count == 0, f"{looks}: {results.generate_report()}"
            sideways = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert sideways <= 0, f"{looks}: there is something wider than the screen"


def test_the_keyboard_reaches_everything_and_shows_where_it_is(page: Page, full: Site) -> None:
    enter(page, full)
    page.goto(f"{full.url}/upload/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    screenshot(page, "skip-link")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Picture")).to_be_focused()

    page.goto(f"{full.url}/upload/")
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        width, name = page.evaluate(
            "() => { const it = document.activeElement, style = getComputedStyle(it); return ["
            "style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth), it.innerText || it.name || it.id] }"
        )
        assert width >= 2, f"{name!r} has the focus and does not show it"
        reached.append(name)
    assert reached[:3] == ["Skip to the content", "Gallery", "Admin"]
    assert {"Log out", "Upload", "image", "title"} <= set(reached)


def test_an_upload_shows_how_far_it_is(page: Page, full: Site) -> None:
    """On a line of 1 MB/s."""
    enter(page, full)
    page.goto(f"{full.url}/upload/")
    slow = {"offline": False, "latency": 20, "downloadThroughput": -1, "uploadThroughput": 1_000_000}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    page.get_by_label("Picture").set_input_files({"name": "n.png", "mimeType": "image/png", "buffer": noise(3)})
    page.get_by_role("button", name="Upload").click()
    bar = page.get_by_role("progressbar")
    expect(bar).to_be_visible()
    wait_until(lambda: bar.evaluate("bar => bar.value") > 20, "a bar that moves")
    screenshot(page, "upload-progress")
    page.wait_for_url("**/pictures/*/")
    expect(page.get_by_role("status")).to_contain_text("is in the gallery")


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(page: Page, full: Site) -> None:
    send_upload(page, full, bytes(16 * 1024**2))
    expect(page.get_by_role("alert")).to_contain_text("This file is larger than 15 MB.")
    expect(page.get_by_role("button", name="Upload")).to_be_enabled()


def test_nothing_of_a_page_is_stopped_by_its_own_content_security_policy(page: Page, full: Site) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    enter(page, full)
    for path in ("/", "/upload/", "/admin/", "/admin/gallery/picture/", "/admin/gallery/picture/add/"):
        page.goto(full.url + path)
        page.wait_for_load_state("networkidle")
    assert complaints == []
