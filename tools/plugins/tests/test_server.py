"""What all plugins share: a quick start, and an end with the engine."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from plugin_harness import SCRIPTS

from django_stack_plugins import server
from django_stack_plugins.resource import Stop

PLUGINS = ["pulumi-language-python", *(f"pulumi-resource-{name}" for name in ("random", "docker", "command", "aws"))]


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


def test_a_plugin_that_starts_notes_that_its_environment_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def register(*_: object) -> Stop:
        raise InterruptedError  # all that is of interest here comes before

    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(InterruptedError):
        server.serve(register)
    assert list(tmp_path.iterdir()) == [], "another environment is left as it is"
    note = tmp_path / "complete"
    note.touch()
    os.utime(note, (0, 0))
    with pytest.raises(InterruptedError):
        server.serve(register)
    assert note.stat().st_mtime > time.time() - 60


def test_plugins_end_when_their_parent_is_killed() -> None:
    script = (
        "import subprocess, sys, time\n"
        "started = [subprocess.Popen([p, '127.0.0.1:1'], stdout=subprocess.PIPE, text=True) for p in sys.argv[1:]]\n"
        "print(*[p.stdout.readline() and p.pid for p in started], flush=True); time.sleep(60)\n"
    )
    commands = [str(SCRIPTS / name) for name in PLUGINS]
    parent = subprocess.Popen([sys.executable, "-c", script, *commands], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    left = {Path("/proc", pid) for pid in parent.stdout.readline().split()}
    assert len(left) == len(PLUGINS)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while left := {plugin for plugin in left if plugin.exists()}:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
