"""The stacks that the tests share: made and brought up once, for the test that first asks, and removed at the end.

A test that breaks a shared stack mends it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import docker
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from infra import endpoint
from tests.e2e import visitors
from tests.e2e.stacks import DEVELOPMENT, SERVING, Stack

MakeStack = Callable[..., Stack]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The hunt for secrets comes last, when there is most to search."""
    items.sort(key=lambda item: item.path.name == "test_secrets.py" and item.path.parent.name == "e2e")


@pytest.fixture(scope="session")
def engine() -> docker.DockerClient:
    return endpoint.client(timeout=120)


@pytest.fixture(scope="session")
def every_stack() -> list[Stack]:
    """Every stack that was made so far, under a name that no module gives to stacks of another kind."""
    return []


@pytest.fixture(scope="session")
def stacks(every_stack: list[Stack]) -> list[Stack]:
    """Every stack that was made so far."""
    return every_stack


@pytest.fixture(scope="session")
def make_stack(
    tmp_path_factory: pytest.TempPathFactory, engine: docker.DockerClient, every_stack: list[Stack]
) -> Iterator[MakeStack]:
    """Makes stacks in sandboxes (not yet up), and removes all that is theirs at the end."""

    with ExitStack() as end:

        def make(purpose: str, settings: Mapping[str, Any] | None, *, is_shared: bool = False) -> Stack:
            stack = Stack.make(tmp_path_factory.mktemp(purpose), purpose, settings, engine)
            stack.is_shared = is_shared
            end.callback(stack.remove_all)
            every_stack.append(stack)
            return stack

        yield make


@pytest.fixture(scope="module", autouse=True)
def stops(every_stack: list[Stack]) -> Iterator[None]:
    """Stops the stacks of a module after its last test: health checks alone would take a good part of the processors.

    They aren't removed, since the hunt for secrets looks through all of them.
    """
    before = len(every_stack)
    yield
    for stack in every_stack[before:]:
        if not stack.is_shared:
            stack.stop()


@pytest.fixture(scope="session")
def development(make_stack: MakeStack) -> Stack:
    """A stack as Pulumi.local.yaml has it, up: runserver over the mounted source."""
    stack = make_stack("dev", DEVELOPMENT, is_shared=True)
    stack.up()
    return stack


@pytest.fixture(scope="session")
def serving(make_stack: MakeStack) -> Stack:
    """A stack with the defaults, up: gunicorn of the image, as in the cloud."""
    stack = make_stack("serve", SERVING, is_shared=True)
    stack.up()
    return stack


@pytest.fixture(scope="session")
def releasing(make_stack: MakeStack) -> Stack:
    """A stack with the defaults, up, for releases that go wrong; its image is its own."""
    stack = make_stack("release", SERVING, is_shared=True)
    (stack.app / "stack.txt").write_text(stack.name)
    stack.up()
    return stack


@pytest.fixture(params=["development", "serving"])
def stack(request: pytest.FixtureRequest) -> Stack:
    """Both ways to serve the site, one after the other."""
    chosen: Stack = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with visitors.chromium() as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A browser page of its own; the test fails when the browser had something to complain about."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        where = message.location["url"]
        of_the_site = "media.localhost" not in where or not where.endswith("/favicon.ico")  # the S3 server has none
        if message.type == "error" and of_the_site:
            complaints.append(f"{where}: {message.text}")

    def note_failure(request: Request) -> None:
        # The browser gives up what a page still asks for when the test goes on to another one: pictures, what a script
        # fetches, and the icon, which comes last. The page itself, its styles and its scripts it waits for.
        is_optional = request.resource_type in {"image", "fetch"} or "/favicon." in request.url
        if not (request.failure == "net::ERR_ABORTED" and is_optional):
            complaints.append(f"{request.url}: {request.failure}")

    with chromium.new_context(viewport={"width": 1100, "height": 800}) as context:
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", note_failure)
        yield page
    assert not complaints
