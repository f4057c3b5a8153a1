"""Static files while versions come and go: the bucket has those of all versions, the tasks behind it their own."""

import http.client
import os
import re
import shutil
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from infra.checkout import ROOT
from tests.rehearsal.stacks import ServerNameConnection, Stack
from tests.rehearsal.test_health import break_after

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.rehearsal]

ASSET = re.compile(rb'(?:href|src)="(/static/[^"]+)"')
VISITORS = 2  # more of them, and two cores have no time for the versions that change
PAUSE = 0.1  # seconds between a visitor's page loads during an update, for the same reason
# Of pages with all their assets, a quarter of them at least in each of the four updates and after it. PAGE_LOADS=10000
# goes on for as long as it takes.
LOADS = int(os.environ.get("PAGE_LOADS", "300"))
UPDATES = 4


@pytest.fixture(autouse=True)
def first_version(stack: Stack) -> Iterator[None]:
    """Each test leaves a stack that has the settings and the app of the first one."""
    settings = stack.config.read_text()
    yield
    stack.config.write_text(settings)
    shutil.rmtree(stack.app)
    shutil.copytree(ROOT / "app", stack.app, ignore=shutil.ignore_patterns("__pycache__"))


@dataclass
class Visits:
    """What visitors met: page loads, the assets they asked for with the statuses, and what was missing."""

    loads: int = 0
    pause: float = PAUSE
    pages: dict[int, int] = field(default_factory=dict)
    assets: dict[str, set[int]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def of_an_update(self) -> Iterator[None]:
        """Page loads during an update, then as fast as they go until its share of them is reached."""
        wanted = self.loads + LOADS // UPDATES
        yield
        self.pause, begun = 0.0, time.monotonic()
        during = self.loads
        while self.loads < wanted:
            time.sleep(0.2)
        print(f"{self.loads - during} page loads more in {time.monotonic() - begun:.0f} seconds")
        self.pause = PAUSE

    @property
    def missing(self) -> dict[str, set[int]]:
        return {path: statuses for path, statuses in self.assets.items() if statuses != {200}}


class Visitor:
    """A browser with an empty cache: it asks for the home page, then for all that the page names."""

    def __init__(self, stack: Stack, domain: str) -> None:
        context = ssl.create_default_context(cafile=str(stack.data_folder / "bundle.pem"))
        self._connection = ServerNameConnection(domain, stack.ports.tls, context)
        self._domain = domain

    def load(self, visits: Visits) -> None:
        """A page load, counted among `visits`."""
        status, page = self._get("/")
        answers = [(path.decode(), self._get(path.decode())[0]) for path in sorted(set(ASSET.findall(page)))]
        with visits.lock:
            visits.loads += bool(answers)
            visits.pages[status] = visits.pages.get(status, 0) + 1
            for path, asset_status in answers:
                visits.assets.setdefault(path, set()).add(asset_status)

    def _get(self, path: str) -> tuple[int, bytes]:
        for _ in range(2):  # a kept connection may have been closed meanwhile
            try:
                self._connection.request("GET", path, headers={"Host": self._domain})
                answer = self._connection.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException):
                self._connection.close()
        return 0, b""


@contextmanager
def visiting(stack: Stack) -> Iterator[Visits]:
    """Visitors load pages all the time."""
    visits, end, domain = Visits(), threading.Event(), stack.domain

    def visit() -> None:
        visitor = Visitor(stack, domain)
        while not end.wait(visits.pause):
            visitor.load(visits)

    threads = [threading.Thread(target=visit) for _ in range(VISITORS)]
    for thread in threads:
        thread.start()
    try:
        yield visits
    finally:
        end.set()
        for thread in threads:
            thread.join()


def style(stack: Stack) -> str:
    """The path of the style sheet that the home page names now."""
    (path,) = re.findall(rb'href="(/static/gallery/style\.[0-9a-f]{12}\.css)"', stack.get("/").read())
    return str(path.decode())


def change_style(stack: Stack, version: str) -> None:
    """The next version's style sheet has another content, so another name."""
    with (stack.app / "gallery/static/gallery/style.css").open("a") as file:
        file.write(f"\n/* {version} */\n")


def test_a_static_file_comes_from_the_bucket_for_ten_years_and_else_from_a_task(stack: Stack) -> None:
    path = style(stack)
    (bucket,) = [one["Name"] for one in stack.client("s3").list_buckets()["Buckets"] if "-static" in one["Name"]]
    stored = stack.client("s3").head_object(Bucket=bucket, Key=path.lstrip("/"))
    assert stored["CacheControl"] == "max-age=315360000, public, immutable"
    from_bucket = stack.get(path)
    assert (from_bucket.status, from_bucket.headers["Content-Type"]) == (200, 'text/css; charset="utf-8"')
    content = from_bucket.read()
    stack.client("s3").delete_object(Bucket=bucket, Key=path.lstrip("/"))
    from_task = stack.get(path)
    assert (from_task.status, from_task.read()) == (200, content)
    assert from_task.headers["Cache-Control"] == stored["CacheControl"]
    assert stack.get("/static/gallery/style.0123456789ab.css").status == 404
    assert stack.get("/static/gallery/style.css").status == 200, "a name without a hash, which tasks alone have"


def test_nobody_but_the_release_may_write_there(stack: Stack) -> None:
    """The roles say so; the rehearsal doesn't enforce them."""
    iam = stack.client("iam")
    app = iam.get_role_policy(RoleName="django-stack-rehearsal-app", PolicyName="rights")["PolicyDocument"]
    assert "-static" not in str(app)
    publisher = iam.get_role_policy(RoleName="django-stack-rehearsal-publisher-app", PolicyName="rights")
    assert "-static" in str(publisher["PolicyDocument"])


def test_no_page_lacks_a_static_file_in_three_roll_outs_and_a_roll_back(stack: Stack) -> None:
    styles = [style(stack)]
    with visiting(stack) as visits:
        for version in ("second", "third", "fourth"):
            with visits.of_an_update():
                change_style(stack, version)
                status, output = stack.update()
                assert status == 0, output
                styles.append(style(stack))
        with visits.of_an_update():
            change_style(stack, "broken")
            break_after(stack, 3)
            status, output = stack.update()
            assert status != 0, output
            assert "ECS went back to" in output, output
    assert visits.loads >= LOADS
    assert len(set(styles)) == 4
    assert set(styles) <= visits.assets.keys()
    assert len([path for path in visits.assets if "/style." in path]) == 5, "the broken version's was asked for, too"
    assert not visits.missing
    assert visits.assets
    print(f"{visits.loads} page loads, {len(visits.assets)} files, pages by status: {visits.pages}")
