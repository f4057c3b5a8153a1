"""The hash of an image's content: the same content gives the same hash, whichever platform builds it."""

import hashlib
import os
import platform
import re
import shlex
import stat
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pulumi

from infra import dockerignore
from infra.dockerignore import Entry

# Docker's name for the architecture of this machine.
PLATFORM = {"x86_64": "linux/amd64", "amd64": "linux/amd64", "arm64": "linux/arm64", "aarch64": "linux/arm64"}.get(
    platform.machine().lower(), "linux/amd64"
)
LARGE = 100_000_000  # bytes
# What a project's folder often holds and its image doesn't need. With .git in it, every commit would be a new image.
NEEDLESS = {".git", ".hg", ".svn", "node_modules", ".venv", "venv", "__pycache__", ".tox", ".mypy_cache", ".ruff_cache"}
SECRET = re.compile(r"\.env(\.(?!example$|sample$|template$|dist$)\w+)?")
# Commands by which a Dockerfile gives all copied files the same modes, so that only the context's execute bits count.
SAME_MODES = re.compile(r"chmod -R u=rwX,go=rX \.(?![^\s;])|find \. .*-exec chmod u=rwX,go=rX \{\}")


@dataclass
class Content:
    """A context's hash, and what there is to warn about in it."""

    digest: str = ""
    size: int = 0  # bytes
    needless: list[str] = field(default_factory=list)
    secret: list[str] = field(default_factory=list)
    dangling: list[str] = field(default_factory=list)  # broken symbolic links
    sockets: list[str] = field(default_factory=list)  # never in an image
    unreadable: list[str] = field(default_factory=list)  # by the image's user


@dataclass(frozen=True)
class Recipe:
    """What else makes an image: the Dockerfile, as a path within the context, and the stage of it (the last if empty).

    `mount_points` are folders that count only with something in them, like the folders around them: where something is
    mounted, they are made, empty.
    """

    dockerfile: str = "Dockerfile"
    stage: str = ""
    mount_points: Collection[str] = ()


USUAL = Recipe()


def content_hash(context: Path, build_args: Mapping[str, str], target: str = PLATFORM, recipe: Recipe = USUAL) -> str:
    """64 hex digits over what a builder sees: the context after its ignore file, the build arguments, the platform.

    Of a file its path, content and mode count, of a folder its path and mode, of a symbolic link its path and target;
    times and owners don't, since every builder makes root the owner. Where the Dockerfile itself gives all files the
    same modes (`chmod u=rwX,go=rX`), the umask of a checkout makes no difference, and only execute bits count.

    `context` is a folder with a Dockerfile; base images count as the build arguments that name them. Raises
    `pulumi.RunError` that names what can't be read.
    """
    return read_content(context, build_args, target, recipe).digest


def image_tag(context: Path, build_args: Mapping[str, str], target: str = PLATFORM, recipe: Recipe = USUAL) -> str:
    """The first 12 digits of the hash. Warns about what doesn't belong in an image."""
    content = read_content(context, build_args, target, recipe)
    for warning in warnings(context, content, recipe.dockerfile):
        pulumi.log.warn(warning)
    return content.digest[:12]


def read_content(
    context: Path, build_args: Mapping[str, str], target: str = PLATFORM, recipe: Recipe = USUAL
) -> Content:
    """Reads the context once. Raises `pulumi.RunError` that names what can't be read."""
    content = Content()
    total = hashlib.sha256()
    try:
        ignore_file = dockerignore.ignore_file(context, recipe.dockerfile)
        ignored = ignore_file.read_bytes() if ignore_file.exists() else b""
        dockerfile = (context / recipe.dockerfile).read_bytes()
        # These two count even when they are excluded themselves, since the builder reads them.
        for name, text in ((recipe.dockerfile, dockerfile), (ignore_file.name, ignored)):
            total.update(f"{name} {hashlib.sha256(text).hexdigest()}\n".encode())
        final = _FinalStage(dockerfile.decode(errors="replace"))
        seen = dockerignore.Context(context, dockerignore.read_patterns(ignored))
        for entry in seen.entries():
            if _is_for_mounts(entry.name, entry.path, recipe.mount_points):
                continue
            try:
                described = _described(entry, final)
            except FileNotFoundError:  # removed since its folder was listed, such as an editor's temporary file
                continue
            # A path may contain any byte except null, even a line feed.
            total.update(os.fsencode(entry.name) + b"\0" + described.encode(errors="surrogateescape") + b"\0")
            _note(content, entry, final)
        content.sockets = seen.sockets
    except OSError as error:
        raise pulumi.RunError(_unreadable(context, error, recipe.dockerfile)) from None
    except dockerignore.IgnoreError as error:
        raise pulumi.RunError(
            f"app-path is {context}, and in its {ignore_file.name} {error}, nothing was changed. "
            f"Fix: correct that line of {ignore_file}"
        ) from None
    for key, value in sorted(build_args.items()):
        total.update(f"arg {key}={value}\n".encode())
    if recipe.stage:
        total.update(f"stage {recipe.stage}\n".encode())
    total.update(f"platform {target}\n".encode())
    content.digest = total.hexdigest()
    return content


def _is_for_mounts(name: str, path: str, mount_points: Collection[str]) -> bool:
    """Whether it is a mount point or a folder around one, with nothing else in it."""
    if not any(f"{point}/".startswith(f"{name}/") for point in mount_points) or os.path.islink(path):  # noqa: PTH114
        return False
    with suppress(OSError):
        inside = os.listdir(path)  # noqa: PTH208  # a str is at hand
        return all(_is_for_mounts(f"{name}/{one}", f"{path}/{one}", mount_points) for one in inside)
    return False


class _FinalStage:
    """What a Dockerfile's last stage does to the modes of what it copies."""

    def __init__(self, dockerfile: str) -> None:
        self.same_modes = self.has_user = False
        copied: set[bool] = set()  # whether owner or modes are given
        without_comments = re.sub(r"^\s*#.*\n?", "", dockerfile, flags=re.MULTILINE)
        for line in re.sub(r"\\\s*\n", " ", without_comments).splitlines():
            instruction, rest = [*line.split(maxsplit=1), "", ""][:2]
            match instruction.upper():
                case "FROM":
                    self.same_modes = self.has_user = False
                    copied.clear()
                case "COPY" | "ADD" if "--from=" not in rest:
                    self.same_modes = False
                    copied.add("--chown=" in rest or "--chmod=" in rest)
                case "RUN":
                    self.same_modes |= bool(SAME_MODES.search(rest))
                case "USER":
                    self.has_user = rest.strip().partition(":")[0] not in {"0", "root"}
        # As far as can be told, everything that is copied becomes readable for that user.
        self.gives_access = self.same_modes or copied == {True}


def _described(entry: Entry, final: _FinalStage) -> str:
    """What counts of an entry besides its path. Raises OSError when it can't be read."""
    mode = entry.status.st_mode
    permissions = stat.S_IMODE(mode)
    if stat.S_ISLNK(mode):
        return f"link {Path(entry.path).readlink()}"
    if stat.S_ISDIR(mode):
        return f"folder {permissions & 0o7000 if final.same_modes else permissions:o}"
    if stat.S_ISREG(mode):
        with open(entry.path, "rb", buffering=0) as file:  # noqa: PTH123  # tens of thousands of Path objects are slow
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return f"file {bool(permissions & 0o111) if final.same_modes else f'{permissions:o}'} {digest}"
    return f"special {mode:o} {entry.status.st_rdev}"  # not opened, since a FIFO would wait for a writer


def _note(content: Content, entry: Entry, final: _FinalStage) -> None:
    """Adds to `content` what there is to warn about in this entry."""
    mode = entry.status.st_mode
    *folders, name = entry.name.split("/")
    if stat.S_ISREG(mode):
        content.size += entry.status.st_size
    if not NEEDLESS.isdisjoint(folders):
        return
    if stat.S_ISDIR(mode) and name in NEEDLESS:
        content.needless.append(entry.name)
    elif stat.S_ISREG(mode) and SECRET.fullmatch(name):
        content.secret.append(entry.name)
    elif stat.S_ISLNK(mode) and not os.path.exists(entry.path):  # noqa: PTH110  # pathlib's raises for a loop
        content.dangling.append(entry.name)
    needed = 0o005 if stat.S_ISDIR(mode) else 0o004
    if final.has_user and not final.gives_access and not stat.S_ISLNK(mode) and mode & needed != needed:
        content.unreadable.append(entry.name)


def warnings(context: Path, content: Content, dockerfile: str = USUAL.dockerfile) -> list[str]:
    """Warnings about what will be in the image, each with a command that fixes it."""
    found = []
    reasons = []
    if content.needless:
        reasons.append("each change in it, such as a commit, makes a new image")
    if content.secret:
        reasons.append(f"whoever has the image can read the secrets in {_some(content.secret)}")
    if content.size > LARGE:
        reasons.append(f"{content.size / 1e6:.0f} MB are read at each `pulumi up`")
    if content.needless or content.secret:
        names = {name.rpartition("/")[2]: name for name in content.needless}
        patterns = [name if name in content.needless else f"**/{name}" for name in sorted(names)]
        command = leave_out(context, [*patterns, *map(dockerignore.literal, content.secret)], dockerfile)
        what = _some([*sorted(content.needless), *content.secret])
        found.append(f"{what} of {context} will be in the image: {'; '.join(reasons)}. Leave it out: {command}")
    elif reasons:
        command = leave_out(context, ["FOLDER"], dockerfile)
        found.append(
            f"The image contains all of {context}: {reasons[0]}. See what is large, and leave out what the app "
            f"doesn't need: du -ah {shlex.quote(str(context))} | sort -rh | head -20; {command}"
        )
    if content.dangling:
        found.append(
            f"{_some(content.dangling)} of {context} is a broken symbolic link, with which Pulumi's Docker plugin "
            f"can't build. Leave it out: {leave_out(context, map(dockerignore.literal, content.dangling), dockerfile)}"
        )
    if content.sockets:
        found.append(
            f"{_some(content.sockets)} of {context} is a socket, which Pulumi's Docker plugin can't copy. "
            f"Leave it out: {leave_out(context, map(dockerignore.literal, content.sockets), dockerfile)}"
        )
    if content.unreadable:
        found.append(
            f"{_some(content.unreadable)} of {context} can't be read by other users, such as the image's. "
            f"Make it readable: chmod -R go+rX {shlex.quote(str(context))}"
        )
    return found


def leave_out(context: Path, patterns: Iterable[str], dockerfile: str = USUAL.dockerfile) -> str:
    """A shell command that adds patterns to the context's ignore file."""
    file = dockerignore.ignore_file(context, dockerfile)
    try:
        ends_in_a_line = file.read_bytes()[-1:] in (b"", b"\n")
    except OSError:
        ends_in_a_line = True
    lines = [*patterns] if ends_in_a_line else ["", *patterns]
    return f"printf '%s\\n' {shlex.join(lines)} >> {shlex.quote(str(file))}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(_shown(name) for name in names[:3]) + more


def _shown(name: str) -> str:
    """A name as it stands, or with escapes when it isn't plain text."""
    return name if name.isprintable() else ascii(name)


def _unreadable(context: Path, error: OSError, dockerfile: str) -> str:
    path = str(error.filename or context)
    if not os.access(context, os.R_OK | os.X_OK):
        fix = f"chmod u+rX {shlex.quote(str(context))}"
        return f"app-path is {context}, which can't be read ({error.strerror}), nothing was changed. Fix: {fix}"
    name = os.path.relpath(path, context)
    beginning = (
        f"app-path is {context}, and {_shown(name)} in it can't be read ({error.strerror}), nothing was changed. Fix: "
    )
    readable = f"chmod u+rX {shlex.quote(path)}"
    if isinstance(error, IsADirectoryError):  # docker creates a folder where a file to be mounted is missing
        return f"{beginning}mv {shlex.quote(path)} {shlex.quote(f'{path}.folder')}"
    if name in {".", dockerfile, f"{dockerfile}.dockerignore", ".dockerignore"}:
        return beginning + readable
    command = leave_out(context, [dockerignore.literal(name)], dockerfile)
    return f"{beginning}leave it out of the image, {command}, or make it readable, {readable}"
