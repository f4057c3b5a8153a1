"""The browser of the tests isn't disturbed by the containers of those that run beside it."""

import os
import subprocess
from pathlib import Path

from tests.e2e.visitors import QUIET_CHROMIUM

ASKS_FOR_SOCKETS = """#!/usr/bin/env python3
import socket, sys
for family in (socket.AF_INET, socket.AF_UNIX, socket.AF_NETLINK):
    try:
        socket.socket(family, socket.SOCK_DGRAM).close()
        print(family.name, "is there")
    except OSError as error:
        print(family.name, error.strerror)
print(*sys.argv[1:])
"""


def test_the_browser_of_the_tests_does_not_see_networks_come_and_go(tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(ASKS_FOR_SOCKETS)
    browser.chmod(0o755)
    environment = {**os.environ, "CHROMIUM": str(browser)}
    said = subprocess.check_output([QUIET_CHROMIUM, "--headless"], env=environment, text=True)
    assert said.splitlines() == [
        "AF_INET is there",
        "AF_UNIX is there",
        "AF_NETLINK Address family not supported by protocol",
        "--headless",
    ]
