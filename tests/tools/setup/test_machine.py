"""The real machine's small tools: progress, time-outs, locks, and answers instead of tracebacks."""

import contextlib
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import ROOT
from tools.setup.machine import STAMP, CommandError, Machine, SetupError, UnreachableError


@pytest.fixture
def real(tmp_path: Path) -> Machine:
    """This very machine, with a cache of its own."""
    machine = Machine(environ={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "XDG_CACHE_HOME": str(tmp_path)})
    machine.step = "engine"
    return machine


def test_a_failing_program_shows_its_last_lines(real: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match=r"`sh -c .*` failed \(exit code 3\)\n    one\n    the reason") as error:
        real.run("trying", ["sh", "-c", "echo one; echo; echo the reason >&2; exit 3"])
    assert error.value.last == "the reason"
    assert capsys.readouterr().out == "engine     trying\n"


def test_a_program_that_is_missing_is_an_error_like_any_other(real: Machine) -> None:
    with pytest.raises(CommandError, match="cannot be started"):
        real.run("trying", ["no-such-program"])
    assert real.ask(["no-such-program"]).returncode == 127


def test_a_program_that_hangs_is_not_waited_for(real: Machine) -> None:
    assert real.ask(["sleep", "30"], seconds=0.2).returncode == 127
    started = time.monotonic()
    with pytest.raises(CommandError, match="printed nothing for 1 seconds") as error:
        real.run("trying", ["sleep", "30"], silence=1)
    assert error.value.lines == []
    assert time.monotonic() - started < 5


def test_a_program_that_speaks_once_may_take_its_time(real: Machine) -> None:
    real.run("trying", ["sh", "-c", "echo here; sleep 2"], silence=1)


def test_a_daemon_that_keeps_the_output_open_is_not_waited_for(real: Machine) -> None:
    started = time.monotonic()
    real.run("starting", ["sh", "-c", "sleep 20 & echo started"])
    assert time.monotonic() - started < 5


def test_long_work_shows_its_seconds_and_its_last_line(
    real: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.setup.progress.QUIET_SECONDS", 0.5)
    monkeypatch.setattr("tools.setup.progress.LINE_SECONDS", 0.5)
    real.run("building", ["sh", "-c", "for step in 1 2 3; do echo step $step; sleep 0.6; done"])
    assert re.search(r" [1-9]\d* s  step [123]\n", capsys.readouterr().out)


def test_a_second_set_up_waits_for_the_first(real: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    order: list[str] = []

    def second() -> None:
        with real.lock():
            order.append("second")

    with real.lock():
        other = threading.Thread(target=second)
        other.start()
        time.sleep(0.3)
        order.append("first")
    other.join(5)
    assert order == ["first", "second"]
    assert "another set-up is running" in capsys.readouterr().out


def test_a_site_that_never_answers_is_given_up_in_seconds(
    real: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.setup.machine.PROBE_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(UnreachableError) as error:
            real.fetch(f"http://127.0.0.1:{silent.getsockname()[1]}/x", tmp_path / "x")
    assert not error.value.answered
    assert time.monotonic() - started < 5


def test_a_refused_connection_and_a_refusing_server_are_told_apart(real: Machine, tmp_path: Path) -> None:
    def answer(server: socket.socket) -> None:
        connection, _ = server.accept()
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        threading.Thread(target=answer, args=(server,), daemon=True).start()
        with pytest.raises(UnreachableError, match="403") as error:
            real.fetch(url, tmp_path / "x")
        assert error.value.answered
    with pytest.raises(UnreachableError, match="refused") as error:
        real.fetch(url, tmp_path / "x")
    assert not error.value.answered


@pytest.fixture
def sending() -> Iterator[Callable[[bytes, float, bytes], str]]:
    """Serves once: part of an answer, a pause, and the rest; gives the URL."""
    with contextlib.ExitStack() as ending:

        def serve(begin: bytes, pause: float, rest: bytes) -> str:
            server = ending.enter_context(socket.create_server(("127.0.0.1", 0)))

            def answer() -> None:
                with contextlib.suppress(OSError), server.accept()[0] as connection:
                    connection.recv(1000)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + begin)
                    time.sleep(pause)
                    connection.sendall(rest)

            threading.Thread(target=answer, daemon=True).start()
            return f"http://127.0.0.1:{server.getsockname()[1]}/x"

        yield serve


def test_a_download_that_pauses_for_longer_than_an_answer_may_take_goes_on(
    real: Machine, tmp_path: Path, sending: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.setup.machine.PROBE_SECONDS", 0.5)
    real.fetch(sending(b"12345", 1.5, b"67890"), tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"1234567890"


@pytest.mark.parametrize(("pause", "reason"), [(0.0, "the connection was closed"), (3.0, "timed out")])
def test_a_download_that_stops_is_not_taken_for_a_site_out_of_reach(
    real: Machine,
    tmp_path: Path,
    sending: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    pause: float,
    reason: str,
) -> None:
    monkeypatch.setattr("tools.setup.machine.PAUSE_SECONDS", 0.5)
    with pytest.raises(SetupError, match=f"the download stopped after 5 of 10 bytes: {reason}") as error:
        real.fetch(sending(b"12345", pause, b""), tmp_path / "x")
    assert error.value.remedy == "Run it again."


@pytest.mark.parametrize("pause", [0.0, 3.0])
def test_a_site_that_answers_and_sends_nothing_counts_as_out_of_reach(
    real: Machine, tmp_path: Path, sending: Callable[..., str], monkeypatch: pytest.MonkeyPatch, pause: float
) -> None:
    """A filter does so with programs; then they are built."""
    monkeypatch.setattr("tools.setup.machine.PAUSE_SECONDS", 0.5)
    with pytest.raises(UnreachableError):
        real.fetch(sending(b"", pause, b""), tmp_path / "x")


def test_a_certificate_that_is_not_trusted_is_not_taken_for_a_site_out_of_reach(real: Machine, tmp_path: Path) -> None:
    making = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "own.pem"]
    subprocess.run([*making.split(), *files], cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem", tmp_path / "key.pem")

    def answer(server: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(server.accept()[0], server_side=True) as connection:
            connection.recv(1000)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer, args=(server,), daemon=True).start()
        with pytest.raises(SetupError, match=r"doesn't trust the certificate of 127\.0\.0\.1: self") as error:
            real.fetch(f"https://127.0.0.1:{server.getsockname()[1]}/x", tmp_path / "x")
    assert "Install Certificates.command" in error.value.remedy
    assert "export SSL_CERT_FILE=" in error.value.remedy


def test_activation_is_what_the_shell_would_get(real: Machine) -> None:
    environ = real.activated()
    assert environ["PATH"].startswith(str(real.venv / "bin"))
    assert environ["PULUMI_CONFIG_PASSPHRASE"] == "django-stack-local"
    real.environ["PULUMI_CONFIG_PASSPHRASE_FILE"] = "/a/file"
    assert "PULUMI_CONFIG_PASSPHRASE" not in real.activated()


def test_programs_of_our_own_venv_are_not_taken_for_the_machines(real: Machine) -> None:
    real.environ["PATH"] = f"{real.venv}/bin/:{real.environ['PATH']}"
    found = real.which("sh")
    assert found
    assert not found.startswith(str(real.venv))
    assert real.which("pip") != str(real.venv / "bin/pip")


@pytest.mark.parametrize("folder", ["bin", "rehearsal"])
def test_nor_are_those_of_another_checkout_whose_venv_is_activated(real: Machine, tmp_path: Path, folder: str) -> None:
    program = tmp_path / ".venv" / folder / "pulumi"
    program.parent.mkdir(parents=True)
    program.touch(0o755)
    real.environ["PATH"] = f"{program.parent}:{real.environ['PATH']}"
    assert real.which("pulumi") == str(program), "one that a person has made counts"
    (tmp_path / ".venv" / STAMP).touch()
    assert real.which("pulumi") != str(program)


def setup(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs the real program."""
    command = [sys.executable, str(ROOT / "tools/setup"), *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60, cwd="/")


def test_an_error_is_one_message_without_a_traceback(tmp_path: Path) -> None:
    reply = setup("engine", PATH="/usr/bin:/bin", DOCKER_HOST=f"unix://{tmp_path}/none.sock", HOME=str(tmp_path))
    assert reply.returncode == 1
    assert reply.stdout == ""
    problem, remedy = reply.stderr.splitlines()
    assert problem.startswith("error      engine: ")
    assert "DOCKER_HOST" in remedy


def test_an_unknown_step_lists_the_known_ones() -> None:
    reply = setup("imagse", PATH="/usr/bin:/bin")
    assert reply.returncode == 2
    assert "no such step: imagse; there are local, cloud, rehearse, test, unit, engine" in reply.stderr
    assert "Traceback" not in reply.stderr
