"""The machine as the steps see it: prints, runs programs with progress, fetches files, holds a lock.

Everything that depends on the machine goes through `Machine`, so that tests can replace it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import queue
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from infra.endpoint import Endpoint
from infra.loopback import ask_directly
from tools.setup.progress import QUIET_SECONDS, Progress

# The default passphrase of the local stack. It is public, and only guards containers on this machine (docs/state.md).
PASSPHRASE = "django-stack-local"  # noqa: S105
# How long a site may take to answer, and how long a download that has begun may pause.
PROBE_SECONDS = 5
PAUSE_SECONDS = 60
# The record of what set-up has installed into a .venv.
STAMP = ".setup.json"


class SetupError(Exception):
    """A problem that a person has to solve; `remedy` says how."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem)
        self.remedy = remedy


class CommandError(Exception):
    """A program failed; `lines` are the last ones that it printed."""

    def __init__(self, command: Sequence[str], reason: str, lines: Sequence[str]) -> None:
        self.lines = [line for line in lines if line.strip()]
        shown = "".join(f"\n    {line}" for line in self.lines[-12:])
        super().__init__(f"`{' '.join(command[:4])}` {reason}{shown}")

    @property
    def last(self) -> str:
        """The last line that it printed, usually the reason."""
        return self.lines[-1] if self.lines else str(self)


class UnreachableError(Exception):
    """A file could not be fetched; the text says why, `answered` whether any server answered."""

    def __init__(self, reason: str, *, answered: bool = False) -> None:
        super().__init__(reason)
        self.answered = answered


# Variables that would give the programs that we start another Python or other packages.
FOREIGN = ("PYTHONHOME", "PYTHONPATH", "PYTHONUSERBASE", "PYTHONSTARTUP", "__PYVENV_LAUNCHER__")


class Machine:
    """This machine and this checkout of the project."""

    def __init__(self, stack: str = "local", environ: Mapping[str, str] | None = None) -> None:
        self.environ = dict(os.environ if environ is None else environ)
        for name in FOREIGN:
            self.environ.pop(name, None)
        self.stack = stack
        # The current step; every line of output begins with it.
        self.step = ""
        self.root = Path(__file__).resolve().parents[2]
        # apt-get update is needed once in a run.
        self.lists_fetched = False
        # Where the Docker engine is, once it was found.
        self.endpoint: Endpoint | None = None
        self.is_root = os.geteuid() == 0
        if self.is_root:
            # After `su` without a dash, root's PATH lacks the system's programs.
            self.environ["PATH"] = f"{self.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
        self.system = platform.system()
        self.architecture = platform.machine()
        if not self.environ.get("HOME"):
            self.environ["HOME"] = str(Path.home())  # Go needs it, too
        self.home = Path(self.environ["HOME"])
        own_cache = Path(self.environ.get("XDG_CACHE_HOME", ""))
        # Relative paths are ignored (specifications.freedesktop.org/basedir).
        self.cache = (own_cache if own_cache.is_absolute() else self.home / ".cache") / "django-stack"

    # Places

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    def which(self, program: str) -> str | None:
        """Finds a program on PATH, outside of each .venv of this project: that of another checkout may be activated,
        whose pulumi and plugins are no official ones either.
        """
        folders = self.environ.get("PATH", "").split(os.pathsep)
        return shutil.which(program, path=os.pathsep.join(folder for folder in folders if not self._is_ours(folder)))

    def _is_ours(self, folder: str) -> bool:
        """Whether it is the bin or rehearsal of a .venv that a set-up has made, here or in another checkout."""
        venv = Path(folder).parent
        return venv == self.venv or os.access(venv / STAMP, os.F_OK)

    def has_apt(self) -> bool:
        """Whether Debian packages can be installed here."""
        return self.is_root and self.system == "Linux" and self.which("apt-get") is not None

    def activated(self) -> dict[str, str]:
        """The environment after `. .venv/bin/activate`."""
        environ = {**self.environ, "VIRTUAL_ENV": str(self.venv), "PULUMI_SKIP_UPDATE_CHECK": "true"}
        environ["PATH"] = os.pathsep.join([str(self.venv / "bin"), self.environ.get("PATH", "")])
        if "PULUMI_CONFIG_PASSPHRASE_FILE" not in environ:
            environ.setdefault("PULUMI_CONFIG_PASSPHRASE", PASSPHRASE)
        ask_directly(environ)
        return environ

    # Output

    def say(self, text: str) -> None:
        print(f"{self.step:<10} {text}", flush=True)

    def fail(self, problem: str, remedy: str) -> None:
        print(f"{'error':<10} {self.step}: {problem}", file=sys.stderr)
        if remedy:
            print(f"{'':<10} {remedy}", file=sys.stderr, flush=True)

    # Actions

    def ask(
        self, command: Sequence[str], *, environ: Mapping[str, str] | None = None, seconds: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Runs a quick program and returns its output; a missing or hanging program gives an error status, too."""
        try:
            return subprocess.run(
                command, cwd=self.root, env=environ or self.environ, stdin=subprocess.DEVNULL, capture_output=True,
                text=True, errors="replace", timeout=seconds, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return subprocess.CompletedProcess(command, 127, "", str(error))

    def run(
        self,
        doing: str,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
        silence: float | None = None,
    ) -> None:
        """Prints `doing`, runs the program, and shows its last line and the seconds if it takes long.

        With `silence`, a program that has printed nothing after so many seconds is stopped.
        Raises CommandError with the last lines.
        """
        self.say(doing)
        progress = Progress()
        lines: deque[str] = deque(maxlen=40)
        try:
            process = subprocess.Popen(
                command, cwd=cwd or self.root, env=environ or self.environ, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            )  # fmt: skip
        except OSError as error:
            raise CommandError(command, f"cannot be started: {error}", []) from error
        printed: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=_pump, args=(process, printed), daemon=True).start()
        try:
            while True:
                try:
                    if (line := printed.get(timeout=0.5)) is None:
                        break
                    lines.append(line)
                except queue.Empty:
                    # A daemon that the program started may keep the output open.
                    if process.poll() is not None:
                        break
                    if silence and not lines and progress.seconds > silence:
                        raise CommandError(command, f"printed nothing for {silence:g} seconds", []) from None
                progress.show(lines[-1] if lines else "")
            code = process.wait()
        finally:
            progress.clear()
            _end(process)
        if code != 0:
            raise CommandError(command, f"failed (exit code {code})", lines)
        if progress.seconds >= QUIET_SECONDS:
            self.say(f"done in {progress.seconds:.0f} s")

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Prevents two set-ups from doing the same work: the second one waits, then finds it done."""
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
            (self.cache / "setup.lock").touch()
        except OSError as error:
            raise SetupError(
                f"{self.cache} can't be written ({error.strerror})",
                "What is built is kept there for all checkouts; `export XDG_CACHE_HOME=/ANOTHER/FOLDER` sets another.",
            ) from error
        with (self.cache / "setup.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.say("another set-up is running; waiting for it")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def fetch(self, url: str, target: Path) -> None:
        """Downloads a file, with progress. Raises UnreachableError, within seconds if the site does not answer.

        Raises SetupError when this Python doesn't trust the site's certificate, or the download stops on its way: the
        site can be reached, and other ways wouldn't mend that.
        """
        progress = Progress()
        try:
            with _opened(url) as reply, target.open("wb") as file:
                _receive(reply, file, progress)
        except urllib.error.HTTPError as error:
            raise UnreachableError(str(error), answered=True) from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, ssl.SSLCertVerificationError):
                raise _untrusted(error.reason, url) from error
            raise UnreachableError(_in_words(error.reason, url)) from error
        except (OSError, HTTPException) as error:
            raise UnreachableError(_in_words(error, url)) from error
        finally:
            progress.clear()


def _opened(url: str) -> HTTPResponse:
    """Opens a URL, or gives up within seconds; in a thread, because time-outs don't apply to silent name servers."""
    result: queue.SimpleQueue[HTTPResponse | Exception] = queue.SimpleQueue()

    def attempt() -> None:
        try:
            reply = urllib.request.urlopen(url, timeout=PROBE_SECONDS)  # noqa: S310  (our own https constants)
            # What urlopen is told holds for every later read as well, and it takes no other.
            reply.fp.raw._sock.settimeout(PAUSE_SECONDS)
            result.put(reply)
        except Exception as error:
            result.put(error)

    threading.Thread(target=attempt, daemon=True).start()
    try:
        reply = result.get(timeout=PROBE_SECONDS + 3)
    except queue.Empty:
        raise TimeoutError("no answer") from None
    if isinstance(reply, Exception):
        raise reply
    return reply


def _receive(reply: HTTPResponse, file: IO[bytes], progress: Progress) -> None:
    """Writes what arrives to a file. Raises SetupError if it stops after the first byte; before that, other errors."""
    size = int(reply.headers.get("Content-Length") or 0)
    try:
        while block := reply.read1(1 << 18):
            file.write(block)
            progress.show(f"{file.tell() >> 20} of {size >> 20} MB")
            if file.tell() == size:
                break  # early releases of Python 3.11 would wait until the site closes the connection
        if file.tell() < size:
            raise ConnectionError("the connection was closed")
    except (OSError, HTTPException) as error:
        if not file.tell():
            raise
        of_all = f" of {size}" if size else ""
        reason = _in_words(error, reply.url)
        raise SetupError(
            f"the download stopped after {file.tell()}{of_all} bytes: {reason}", "Run it again."
        ) from error


def _untrusted(error: ssl.SSLCertVerificationError, url: str) -> SetupError:
    """What to do about a certificate that can't be verified: python.org's Python on a Mac begins without authorities,
    and a company's proxy has one of its own.
    """
    return SetupError(
        f"this Python ({sys.executable}) doesn't trust the certificate of {urlsplit(url).hostname}: "
        f"{error.verify_message}",
        "python.org's Python on a Mac: run `Install Certificates.command` in its folder of Applications. Behind a"
        f"\n{'':<10} company's proxy: `export SSL_CERT_FILE=/ITS/BUNDLE.pem`. Then try again.",
    )


def _in_words(reason: object, url: str) -> str:
    """Why a connection failed, without the system's error numbers."""
    if isinstance(reason, socket.gaierror):
        return f"no name server here knows {urlsplit(url).hostname}"
    return getattr(reason, "strerror", None) or str(reason)


def _pump(process: subprocess.Popen[str], printed: queue.SimpleQueue[str | None]) -> None:
    """Passes on what a program prints, line by line, and None at its end."""
    for line in process.stdout or ():
        if line.strip():
            printed.put(line.rstrip())
    printed.put(None)


def _end(process: subprocess.Popen[str]) -> None:
    """Stops a program that is still running (after an interruption), first with SIGTERM, then with SIGKILL."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
