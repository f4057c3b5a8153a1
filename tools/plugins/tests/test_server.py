"""What all plugins share: a quick start, and an end with the engine."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from plugin_harness import SCRIPTS

PLUGINS = ["pulumi-language-python", "pulumi-resource-random", "pulumi-resource-docker", "pulumi-resource-command"]


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_started_by_a_symlink_prints_its_port(name: str, tmp_path: Path) -> None:
    link = tmp_path / name
    link.symlink_to(SCRIPTS / name)
    process = subprocess.Popen([str(link), "127.0.0.1:1"], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert process.stdout is not None
    try:
        assert 0 < int(process.stdout.readline()) < 65536
    finally:
        process.terminate()
        assert process.wait(10) == 0


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_ends_when_its_parent_is_killed(name: str, tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen([{str(SCRIPTS / name)!r}, '127.0.0.1:1'], stdout=subprocess.PIPE, text=True)\n"
        "p.stdout.readline(); print(p.pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    plugin = Path("/proc", parent.stdout.readline().strip())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while plugin.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
