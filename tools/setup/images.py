"""The images of the local stack: used if present, else pulled, else built from Debian's packages.

An image that was built here stands in for the official one of the same name. Its label `django-stack.stand-in` has that
name as its value; images built on a stand-in inherit the label, but have other names.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from infra import podman
from tools.setup import apt, engine, go, mailpit
from tools.setup.machine import CommandError, Machine, SetupError

PYTHON = "python:3.13-slim-trixie"
POSTGRES = "postgres:17-trixie"
S3 = "versity/versitygw:v1.8.0"
CACHE = "valkey/valkey:8.1"
MAIL = "axllent/mailpit:v1.33.1"
# The defaults of the settings python-image, postgres-image, s3-image, cache-image, mail-image. Others are pulled by the
# engine.
IMAGES = (PYTHON, POSTGRES, S3, CACHE, MAIL)
# The lines of stacks' files that ask for an image; the others are in every local stack.
ASKED_FOR = {CACHE: r"^\s*[\w-]+:cache:\s*[\"']?valkey\b", MAIL: r"^\s*[\w-]+:mail:\s*[\"']?mailpit\b"}
# The folders of their recipes in tools/images.
RECIPES = {PYTHON: "python", POSTGRES: "postgres", S3: "versitygw", CACHE: "valkey", MAIL: "mailpit"}
BASE = "django-stack/debian:trixie"
LABEL = "django-stack.stand-in"
RECIPE_LABEL = "django-stack.recipe"
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
VERSITYGW = go.Tool(
    name="versitygw",
    module="github.com/versity/versitygw",
    package="cmd/versitygw",
    version_variable="main.Version",
    takes="one to two minutes",
)
PROGRAMS = {S3: VERSITYGW, MAIL: mailpit.MAILPIT}
# Not /tmp, which may be mounted without device nodes or execution.
SCRATCH = Path("/var/tmp")  # noqa: S108
# A registry that says nothing for this long (seconds) counts as unreachable.
PULL_SILENCE = 10


def ensure(machine: Machine) -> None:
    """Makes sure that the engine has the images that this project's stacks ask for.

    Raises SetupError if one can be neither pulled nor built.
    """
    files = [file.read_text(errors="replace") for file in machine.root.glob("Pulumi.*.yaml")]
    _ensure(
        machine,
        [
            image
            for image in IMAGES
            if image not in ASKED_FOR or any(re.search(ASKED_FOR[image], text, re.MULTILINE) for text in files)
        ],
    )


def ensure_all(machine: Machine) -> None:
    """The same for all images, which the tests need."""
    _ensure(machine, IMAGES)


def _ensure(machine: Machine, wanted: Sequence[str]) -> None:
    engine.choose(machine)
    if absent(machine, wanted) or outdated(machine, wanted):
        with machine.lock():
            silent = False
            for image in [*absent(machine, wanted), *outdated(machine, wanted)]:
                # Don't wait again for a registry that was silent once.
                reason, silent = ("the registry is silent", True) if silent else pull(machine, image)
                if reason:
                    machine.say(f"it cannot be pulled: {reason}")
                    build(machine, image, reason)
    machine.say(f"{', '.join(wanted)} are there")


def absent(machine: Machine, wanted: Sequence[str]) -> list[str]:
    """Those of the images that the engine does not have."""
    reply = machine.ask(["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"])
    if reply.returncode != 0:
        raise SetupError(
            reply.stderr.strip(), "`python3 tools/setup engine` makes sure that a Docker engine is running."
        )
    found = set(map(podman.as_docker, reply.stdout.split()))
    return [image for image in wanted if image not in found]


def outdated(machine: Machine, wanted: Sequence[str]) -> list[str]:
    """Those of the images that are stand-ins from another recipe than the present one; never official images."""
    found = []
    for image in wanted:
        reply = machine.ask(["docker", "image", "inspect", "--format", "{{json .Config.Labels}}", image])
        labels = (json.loads(reply.stdout) if reply.returncode == 0 and reply.stdout.strip() else None) or {}
        if labels.get(LABEL) == image and labels.get(RECIPE_LABEL) != recipe(machine, image):
            found.append(image)
    return found


def recipe(machine: Machine, image: str) -> str:
    """A hash (12 hex digits) of what a stand-in is built from: its folder in tools/images and its program's version."""
    folder = machine.root / "tools/images" / RECIPES[image]
    total = hashlib.sha256((PROGRAMS[image].version(machine) if image in PROGRAMS else "").encode())
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return total.hexdigest()[:12]


def pull(machine: Machine, image: str) -> tuple[str, bool]:
    """Pulls an image. Returns the reason if that fails, and whether the registry was silent."""
    try:
        command = ["docker", "pull", podman.in_full(image)]
        machine.run(f"pulling {image} (about a minute)", command, silence=PULL_SILENCE)
    except CommandError as error:
        return error.last, not error.lines
    return "", False


def build(machine: Machine, image: str, reason: str) -> None:
    """Builds the stand-in of an image that cannot be pulled."""
    if not machine.has_apt():
        raise SetupError(
            f"{image} can be neither pulled ({reason}) nor built (that needs root on Debian or Ubuntu)",
            "Give Docker access to a registry or a mirror; on Debian, `sudo python3 tools/setup images` builds it.",
        )
    with readable_for_all():
        build_stand_in(machine, image)


@contextlib.contextmanager
def readable_for_all() -> Iterator[None]:
    """Sets a umask that lets other users than root read the files in an image."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def build_stand_in(machine: Machine, image: str) -> None:
    """Builds the stand-in, and the base of all of them when there is none."""
    if machine.ask(["docker", "image", "inspect", BASE]).returncode != 0:
        make_base(machine)
    folder = RECIPES[image]
    command = ["docker", "build", "--network", "host", "--build-arg", f"BASE={BASE}"]
    command += ["--label", f"{LABEL}={image}", "--label", f"{RECIPE_LABEL}={recipe(machine, image)}", "--tag", image]
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        command += ["--build-arg", name] if name in machine.environ else []
    with tempfile.TemporaryDirectory() as temporary:
        context = Path(temporary) / folder
        shutil.copytree(machine.root / "tools/images" / folder, context)
        for path in (context, *context.rglob("*")):
            mode = path.stat().st_mode
            path.chmod(mode | (0o055 if mode & 0o100 else 0o044))
        if image == S3:
            add_versitygw(machine, context)
        if image == MAIL:
            shutil.copy(mailpit.build(machine), context / "mailpit")
        try:
            machine.run(f"building a stand-in for {image} (up to a minute)", [*command, str(context)])
        except CommandError as error:
            raise SetupError(
                str(error), "Check that containers can reach a Debian mirror, too, then try again."
            ) from error
    # Removes intermediate images of multi-stage builds.
    machine.ask(["docker", "image", "prune", "--force", "--filter", "label=django-stack.build-stage=true"])


def make_base(machine: Machine) -> None:
    """Builds Debian trixie as a base image, with the certificate authorities that this machine trusts as well."""
    if not machine.which("debootstrap"):
        apt.install(machine, ["debootstrap", "debian-archive-keyring"], "to build images (seconds)")
    folder = Path(tempfile.mkdtemp(prefix="django-stack-", dir=SCRATCH))
    root, archive = folder / "root", folder / "root.tar"
    mirror = [machine.environ["DEBIAN_MIRROR"]] if machine.environ.get("DEBIAN_MIRROR") else []
    try:
        machine.run(
            "making a Debian trixie base from its packages (half a minute)",
            ["debootstrap", "--variant=minbase", "--include=ca-certificates", "trixie", str(root), *mirror],
        )
        sources = root / "etc/apt/sources.list"
        sources.write_text(with_updates(sources.read_text()))
        extra = root / "usr/local/share/ca-certificates"
        ours = Path(machine.environ.get("SSL_CERT_FILE") or BUNDLE)
        for number, certificate in enumerate(extra_certificates(ours, root / BUNDLE.relative_to("/"))):
            (extra / f"machine-{number}.crt").write_text(certificate)
        machine.run("adding this machine's certificate authorities", ["chroot", str(root), "update-ca-certificates"])
        shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)
        shutil.rmtree(root / "var/lib/apt/lists", ignore_errors=True)
        content = ["--exclude=./dev/*", "--exclude=./proc/*", "--exclude=./sys/*", "."]
        machine.run("packing it", ["tar", "--create", "--file", str(archive), "--directory", str(root), *content])
        changes = ["--change", f"LABEL {LABEL}={BASE}", "--change", 'CMD ["bash"]']
        machine.run("importing it", ["docker", "import", *changes, str(archive), BASE])
    except CommandError as error:
        raise SetupError(
            str(error), "Check that a Debian mirror can be reached; DEBIAN_MIRROR names another one."
        ) from error
    finally:
        # An interrupted debootstrap leaves /proc mounted there.
        machine.ask(["umount", "--quiet", str(root / "proc"), str(root / "sys")])
        machine.ask(["rm", "--recursive", "--force", "--one-file-system", str(folder)])


def with_updates(sources: str) -> str:
    """debootstrap's sources (`deb MIRROR/debian trixie main`), with trixie's updates and security fixes added."""
    line = re.search(r"^deb (\S+?)/? trixie main", sources, re.MULTILINE)
    if not line:
        return sources
    return "".join(
        f"deb {mirror} {suite} main\n"
        for mirror, suite in (
            (line[1], "trixie"),
            (line[1], "trixie-updates"),
            (f"{line[1]}-security", "trixie-security"),
        )
    )


def extra_certificates(ours: Path, known: Path) -> list[str]:
    """The certificates in one bundle that the other lacks, as PEM; for example that of a TLS-inspecting proxy."""

    def read(bundle: Path) -> dict[bytes, str]:
        text = bundle.read_text(errors="replace") if bundle.exists() else ""
        found = re.findall(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", text, re.DOTALL)
        pem = "-----BEGIN CERTIFICATE-----{}-----END CERTIFICATE-----\n"
        return {base64.b64decode(body): pem.format(body) for body in found}

    base = read(known)
    return [pem for certificate, pem in read(ours).items() if certificate not in base]


def add_versitygw(machine: Machine, context: Path) -> None:
    """Copies the program and upstream's own entrypoint, both from the Go module, into the build context."""
    shutil.copy(go.build(machine, VERSITYGW), context / "versitygw")
    entrypoint = context / "docker-entrypoint.sh"
    shutil.copyfile(go.source(machine, VERSITYGW) / entrypoint.name, entrypoint)
    entrypoint.chmod(0o755)
