"""The S3 server dies in the middle of an upload, or the web's clock is wrong: no row without its file, ever."""

import re
import subprocess
import threading
from html import unescape

import pytest

from tests.e2e.media import fetch
from tests.e2e.stacks import Stack
from tests.e2e.visitors import Visitor
from tests.faults.conftest import is_whole, wait_for_s3
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]

# Shifts what programs take for the time of day, by CLOCK_OFF seconds; Python asks clock_gettime. Containers share the
# kernel's clock, so that one container's can't be set otherwise.
CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *t) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, t);
    char *off = getenv("CLOCK_OFF");
    if (!result && id == CLOCK_REALTIME && off) t->tv_sec += atol(off);
    return result;
}
"""
DAY = 24 * 3600


def rows(stack: Stack) -> set[str]:
    """The files that the database knows of."""
    return {str(name) for (name,) in stack.query("select image from gallery_picture")}


def test_killed_during_an_upload_the_visitor_is_told_and_the_next_up_brings_it_back(victim: Stack) -> None:
    visitor = Visitor(victim)
    kept = fetch(visitor.upload("Before the fault"))
    before, media = rows(victim), victim.container("media")
    told: list[int] = []

    def upload() -> None:
        try:
            visitor.upload("In the middle of the fault")
        except AssertionError as answer:
            told.append("Back in a moment" in str(answer))

    media.pause()  # the upload is on its way, and stays there
    uploading = threading.Thread(target=upload)
    uploading.start()
    web = victim.container("web")
    wait_until(lambda: talks_to(web, victim.ports["media-port"]), "the upload on its way")
    media.kill()
    uploading.join(60)
    assert told == [True], "a clear page"
    assert rows(victim) == before, "no row without its file"
    assert victim.get("/").status_code == 200, "the pages themselves need no S3"

    victim.up("--refresh")
    wait_for_s3(victim)
    assert fetch(Visitor(victim).upload("After the fault")).content == kept.content
    assert rows(victim) > before
    is_whole(victim)


def talks_to(container: object, port: int) -> bool:
    """Whether a process of the container has a connection to that port."""
    connections = container.exec_run("cat /proc/net/tcp /proc/net/tcp6").output.decode()  # type: ignore[attr-defined]
    return any(line.split()[2].endswith(f":{port:04X}") for line in connections.splitlines() if ": " in line)


@pytest.mark.faults
def test_a_clock_that_is_a_day_off_refuses_uploads_and_loses_nothing(victim: Stack) -> None:
    source, library = victim.folder / "clock.c", victim.app / "clock.so"
    source.write_text(CLOCK)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    kept = Visitor(victim).upload("While the clock was right")
    before = rows(victim)
    try:
        for off in (DAY, -DAY):
            with victim.configured(env={"LD_PRELOAD": f"/app/{library.name}", "CLOCK_OFF": str(off)}):
                victim.up()
                page = victim.get("/")
                assert page.status_code == 200
                shown = _signed(page.text)
                # Yesterday's address is over; one of tomorrow is as good as today's to this server, AWS refuses it.
                assert fetch(shown).status_code == (200 if off == DAY else 403)
                with pytest.raises(AssertionError, match="Back in a moment"):
                    Visitor(victim).upload("While the clock was wrong")
                assert rows(victim) == before
                output = victim.container("web").logs().decode()
                # Give or take the second between the two clocks' readings.
                how = r"(1 day, 0:00:0\d ahead of|1 day, 0:00:0\d behind|23:59:5\d behind)"
                assert (
                    found := re.search(rf"This machine's clock is {how} S3's: .* Set this machine's clock", output)
                ), output
                assert ("ahead" in found[1]) is (off == DAY)
    finally:
        library.unlink()
    victim.up()
    assert fetch(_signed(victim.get("/").text)).status_code == 200
    assert fetch(kept).status_code == 200, "an address of before is as good as ever"
    assert rows(victim) == before
    is_whole(victim)


def _signed(page: str) -> str:
    """The first signed address on a page."""
    start = page.index("http://media.localhost")
    return unescape(page[start : page.index('"', start)])
