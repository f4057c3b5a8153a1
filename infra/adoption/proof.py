"""Proves that an adopted project runs: its image is built, its stack is up, and the site does what it should."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from infra import endpoint
from infra.adoption.choices import Choices
from infra.endpoint import EndpointError
from infra.programs import completed
from infra.together import repeating

PASSPHRASE = "django-stack-local"  # noqa: S105  # public, docs/decisions/0012
_UP_SECONDS = 3600
_SECONDS = 300
_TELLING_SECONDS = 30
_SHOWN = 40  # last lines of what failed


class ProofError(Exception):
    """Something isn't as it should be; the message says what, with the last lines of the program that found it."""


def prove(choices: Choices, admin: list[str], checkout: Path, say: Callable[[str], None]) -> None:
    """Brings the stack up and looks at it. It stays up. Raises ProofError.

    The image is built without a variable of this machine, since Docker passes none. `admin` are the paths at which
    Django's admin may be; nothing for a project without it.
    """
    run = _Runner(checkout, choices.stack, _environ())
    began = time.monotonic()
    if not run.has_stack():
        run.pulumi("stack", "init", choices.stack, "--no-select")
    say(f"Building the image, and bringing the stack {choices.stack} up…")
    with _telling(say):
        run.up()
    say(f"ok       up after {time.monotonic() - began:.0f} s")
    findings = run.doctor()
    for one in findings:
        if one["check"] in _WORDS or one["level"] in ("error", "warning"):
            say(f"{one['level']:<8} {_WORDS.get(one['check'], one['check'])}{_after(one['text'])}")
    status = run.status()
    _linked(str(status["url"]))
    if admin:
        say(_admin(str(status["url"]), admin, choices.stack))
    # Those of the stack's file, which may have been edited since adopt wrote it.
    processes = [name for name in status["processes"] if name != "web"]
    if missing := [name for name in processes if not _runs(status, name)]:
        logs = "; ".join(f"django-stack logs -s {choices.stack} {name}" for name in missing)
        raise ProofError(f"not running: {', '.join(missing)}. Fix: {logs}")
    if processes:
        say(f"ok       running beside the web: {', '.join(processes)}")
    with _telling(say):  # if it does change something
        run.up("--expect-no-changes")
    say("ok       a second pulumi up changes nothing")
    if wrong := [one for one in findings if one["level"] == "error"]:
        raise ProofError("; ".join(f"{one['text']}. Fix: {one['fix']}" for one in wrong))


def is_made(stack: str, checkout: Path) -> bool:
    """Whether Pulumi has the stack already, as far as it can be asked; that takes no engine."""
    try:
        return _Runner(checkout, stack, os.environ).has_stack()
    except ProofError:
        return False


def _telling(say: Callable[[str], None]) -> AbstractContextManager[None]:
    """Says every half a minute that it goes on, since a first build takes minutes."""
    began = time.monotonic()
    return repeating(lambda: say(f"         … {time.monotonic() - began:.0f} s"), _TELLING_SECONDS)


def _after(text: str) -> str:
    return f": {text}" if text else ""


# The checks of `django-stack doctor` that make the proof, in the words of this command.
_WORDS = {
    "home-page": "the home page",
    "ready": "ready, with its migrations applied",
    "static-files": "a static file by its hash",
    "uploads": "an upload, stored and read again",
    "settings-after-apply": "the contract's settings are in force",
}


def _admin(site: str, paths: list[str], stack: str) -> str:
    """What there is to say of the admin's login. Raises ProofError for an error 500."""
    import requests  # noqa: PLC0415  # the reading part does without it

    seen = []
    for path in paths:
        try:
            answer = requests.get(f"{site.rstrip('/')}/{path.lstrip('/')}", timeout=30)
        except requests.RequestException as error:
            raise ProofError(f"the admin at /{path} doesn't answer: {error}") from None
        if answer.status_code >= 500:
            raise ProofError(
                f"the admin at /{path} answers {answer.status_code}. "
                f"Fix: see django-stack logs -s {stack} --level error"
            )
        if answer.status_code == 200 and "csrfmiddlewaretoken" in answer.text:
            return f"ok       the admin's login at /{path}"
        seen.append(f"/{path} answers {answer.status_code}")
    return f"unknown  the admin's login: {', '.join(seen)}"


def _linked(site: str) -> None:
    """Raises ProofError if the home page links a script or a style of the site that isn't there."""
    import requests  # noqa: PLC0415

    try:
        page = requests.get(site, timeout=30)
        for link in re.findall(r"""<(?:link|script)\b[^>]*?\b(?:href|src)=["']([^"']+\.(?:css|m?js))["']""", page.text):
            address = urljoin(page.url or site, link)
            if urlsplit(address).netloc != urlsplit(site).netloc:
                continue
            if (status := requests.get(address, timeout=30).status_code) >= 400:
                raise ProofError(
                    f"the home page links {link}, which answers {status}. Fix: have Dockerfile.stack build it, before "
                    "collectstatic"
                )
    except requests.RequestException:  # doctor has said so
        return


def _runs(status: dict[str, Any], name: str) -> bool:
    """Whether as many containers of the process run as should."""
    found = status["processes"].get(name, {})
    return bool(found) and found["running"] >= found["wanted"]


def _reason(output: str) -> str:
    """The last lines of pulumi's output that say why: its diagnostics, without warnings about plugins and outputs."""
    told = output.partition("\nDiagnostics:")[2].partition("\nOutputs:")[0].partition("\nResources:")[0] or output
    lines = [line for line in told.splitlines() if line.strip() and "warning: using pulumi-" not in line]
    return "\n".join(lines[-_SHOWN:])


def _environ() -> dict[str, str]:
    """This process's environment, which names the engine: Pulumi's docker plugin knows no docker contexts."""
    try:
        found = endpoint.find()
    except EndpointError as error:
        raise ProofError(str(error)) from None
    return found.environ(os.environ) if found.chosen_by else dict(os.environ)


class _Runner:
    """Runs pulumi and django-stack in the checkout."""

    def __init__(self, checkout: Path, stack: str, environ: Mapping[str, str]) -> None:
        self.checkout = checkout
        self.stack = stack
        beside = str(Path(sys.executable).parent)
        self.environ = {
            **environ,
            "PATH": f"{os.environ.get('PATH', '')}:{beside}",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        if not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & set(self.environ):
            self.environ["PULUMI_CONFIG_PASSPHRASE"] = PASSPHRASE

    def has_stack(self) -> bool:
        listed = self._run(["pulumi", "stack", "ls", "--json", "--non-interactive"], _SECONDS)
        return listed.returncode == 0 and any(one["name"] == self.stack for one in json.loads(listed.stdout or "[]"))

    def pulumi(self, *arguments: str, seconds: int = _SECONDS) -> None:
        done = self._run(["pulumi", *arguments, "--non-interactive"], seconds)
        if done.returncode != 0:
            raise ProofError(f"pulumi {arguments[0]} failed:\n" + _reason(f"{done.stdout}\n{done.stderr}"))

    def up(self, *options: str) -> None:
        self.pulumi("up", "--yes", "--skip-preview", *options, "--stack", self.stack, seconds=_UP_SECONDS)

    def doctor(self) -> list[dict[str, str]]:
        findings: list[dict[str, str]] = self._json("doctor")["findings"]
        return findings

    def status(self) -> dict[str, Any]:
        return self._json("status")

    def _json(self, command: str) -> dict[str, Any]:
        program = str(Path(sys.executable).with_name("django-stack"))
        done = self._run([program, command, "-s", self.stack, "--json"], _SECONDS)
        try:
            found: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            lines = f"{done.stdout}\n{done.stderr}".strip().splitlines()
            raise ProofError(f"django-stack {command} failed:\n" + "\n".join(lines[-_SHOWN:])) from None
        return found

    def _run(self, command: list[str], seconds: int) -> "subprocess.CompletedProcess[str]":
        try:
            return completed(command, cwd=self.checkout, env=self.environ, seconds=seconds)
        except subprocess.TimeoutExpired:
            # If it was killed in the end, it has left the stack locked.
            fix = f", and was interrupted. Fix: django-stack repair -s {self.stack}" if command[1] == "up" else ""
            raise ProofError(f"{' '.join(command[:2])} hadn't ended after {seconds} s{fix}") from None
        except FileNotFoundError as error:
            raise ProofError(f"{error.filename} isn't installed. Fix: make setup") from None
