"""The hash of an image's content: the same content gives the same hash, whichever platform builds it."""

import hashlib
import os
import platform
import re
import shlex
import stat
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pulumi

from infra import dockerignore
from infra.content_cache import ContentCache, Seen
from infra.dockerignore import Entry

# Docker's name for the architecture of this machine.
PLATFORM = {"x86_64": "linux/amd64", "amd64": "linux/amd64", "arm64": "linux/arm64", "aarch64": "linux/arm64"}.get(
    platform.machine().lower(), "linux/amd64"
)
LARGE = 100_000_000  # bytes
BATCH, SMALL = 64, 65_536  # files that a thread reads, bytes
# What a project's folder often holds and its image doesn't need. With .git in it, every commit would be a new image.
NEEDLESS = {".git", ".hg", ".svn", "node_modules", ".venv", "venv", "__pycache__", ".tox", ".mypy_cache", ".ruff_cache"}
SECRET = re.compile(r"\.env(\.(?!example$|sample$|template$|dist$)\w+)?")
# Commands by which a Dockerfile gives all copied files the same modes, so that only the context's execute bits count.
SAME_MODES = re.compile(r"chmod -R u=rwX,go=rX \.(?![^\s;])|find \. .*-exec chmod u=rwX,go=rX \{\}")
# Such a command, which leaves alone what has these modes already: a changed mode would copy the file into a layer.
ONE_FOR_ALL = "RUN find . ! -type l ! -perm 755 ! -perm 644 -exec chmod u=rwX,go=rX {} +"
SHOWN = 3  # names in a warning


@dataclass
class Content:
    """A context's hash, and what there is to warn about in it."""

    digest: str = ""
    size: int = 0  # bytes
    needless: list[str] = field(default_factory=list)
    secret: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)  # symbolic links, but for those in needless folders
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
    """Reads the context once, but for what is known of it. Raises `pulumi.RunError` that names what can't be read."""
    try:
        ignore_file = dockerignore.ignore_file(context, recipe.dockerfile)
        ignored = ignore_file.read_bytes() if ignore_file.exists() else b""
        dockerfile = (context / recipe.dockerfile).read_bytes()
        # These two count even when they are excluded themselves, since the builder reads them.
        texts = "".join(
            f"{name} {hashlib.sha256(text).hexdigest()}\n"
            for name, text in ((recipe.dockerfile, dockerfile), (ignore_file.name, ignored))
        )
        arguments = "".join(f"arg {key}={value}\n" for key, value in sorted(build_args.items()))
        arguments += f"stage {recipe.stage}\n" if recipe.stage else ""
        arguments += f"platform {target}\n"
        known = ContentCache(context, (recipe.dockerfile, recipe.stage, target))
        key = hashlib.sha256(repr((texts, arguments, sorted(recipe.mount_points))).encode()).hexdigest()
        if (answer := known.answer(key)) is not None:
            return Content(**answer)
        content, seen = Content(), [Seen(".", os.stat(context))]  # noqa: PTH116
        total = hashlib.sha256(texts.encode())
        final = _BuiltStage(dockerfile.decode(errors="replace"), recipe.stage)
        folder = dockerignore.Context(context, dockerignore.read_patterns(ignored))
        entries = [one for one in folder.entries() if not _is_for_mounts(one.name, one.path, recipe.mount_points, seen)]
        digests = _digests([one for one in entries if stat.S_ISREG(one.status.st_mode)], known)
        for entry in entries:
            try:
                described = _described(entry, final, digests.get(entry.name))
            except FileNotFoundError:  # removed since its folder was listed, such as an editor's temporary file
                continue
            # A path may contain any byte except null, even a line feed.
            total.update(os.fsencode(entry.name) + b"\0" + described.encode(errors="surrogateescape") + b"\0")
            _note(content, entry, final)
            seen.append(Seen(entry.name, entry.status, digests.get(entry.name, b"")))
        total.update(arguments.encode())
        content.digest, content.sockets = total.hexdigest(), folder.sockets
        known.keep(key, asdict(content), [*seen, *(Seen(one.name, one.status) for one in folder.entered)])
    except OSError as error:
        raise pulumi.RunError(_unreadable(context, error, recipe.dockerfile)) from None
    except dockerignore.IgnoreError as error:
        raise pulumi.RunError(
            f"app-path is {context}, and in its {ignore_file.name} {error}, nothing was changed. "
            f"Fix: correct that line of {ignore_file}"
        ) from None
    return content


def _is_for_mounts(name: str, path: str, mount_points: Collection[str], seen: list[Seen]) -> bool:
    """Whether it is a mount point or a folder around one, with nothing else in it. What it looks into joins `seen`."""
    if not any(f"{point}/".startswith(f"{name}/") for point in mount_points):
        return False
    with suppress(OSError):
        status = os.lstat(path)
        if stat.S_ISDIR(status.st_mode):
            seen.append(Seen(name, status))
            inside = os.listdir(path)  # noqa: PTH208  # a str is at hand
            return all(_is_for_mounts(f"{name}/{one}", f"{path}/{one}", mount_points, seen) for one in inside)
    return False


def _digests(files: list[Entry], known: ContentCache) -> dict[str, bytes]:
    """The SHA-256 of files by their names, without those that vanished. Reads several at a time."""
    found, unknown = {}, []
    for entry in files:
        if digest := known.digest(entry.name, entry.status):
            found[entry.name] = digest
        else:
            unknown.append(entry)
    batches = [unknown[begin : begin + BATCH] for begin in range(0, len(unknown), BATCH)]
    if len(batches) > 1:
        with ThreadPoolExecutor(min(len(batches), 2 + (os.cpu_count() or 1))) as pool:
            read = list(pool.map(_read_digests, batches))
    else:
        read = [_read_digests(batch) for batch in batches]
    for batch in read:
        found.update(batch)
    return found


def _read_digests(files: list[Entry]) -> dict[str, bytes]:
    found = {}
    for entry in files:
        with suppress(FileNotFoundError), open(entry.path, "rb", buffering=0) as file:  # noqa: PTH123  # Path is slow
            if entry.status.st_size < SMALL:  # file_digest makes a buffer of 256 KiB for each file
                digest = hashlib.sha256()
                while block := file.read(SMALL):
                    digest.update(block)
            else:
                digest = hashlib.file_digest(file, "sha256")
            found[entry.name] = digest.digest()
    return found


class _BuiltStage:
    """What the stage of a Dockerfile that is built does to the modes of what it copies."""

    def __init__(self, dockerfile: str, stage: str) -> None:
        self.same_modes = self.has_user = False
        copied: set[bool] = set()  # whether owner or modes are given
        without_comments = re.sub(r"^\s*#.*\n?", "", dockerfile, flags=re.MULTILINE)
        for line in _lines_of(stage, re.sub(r"\\\s*\n", " ", without_comments)):
            instruction, rest = [*line.split(maxsplit=1), "", ""][:2]
            match instruction.upper():
                case "COPY" | "ADD" if "--from=" not in rest:
                    self.same_modes = False
                    copied.add("--chown=" in rest or "--chmod=" in rest)
                case "RUN":
                    self.same_modes |= bool(SAME_MODES.search(rest))
                case "USER":
                    self.has_user = rest.strip().partition(":")[0] not in {"0", "root"}
        # As far as can be told, everything that is copied becomes readable for that user.
        self.gives_access = self.same_modes or copied == {True}


def _lines_of(stage: str, dockerfile: str) -> list[str]:
    """The lines of a stage, by its name in any case or its number; else those of the last one."""
    stages: list[list[str]] = [[]]  # first what comes before every stage
    named: dict[str, list[str]] = {}
    for line in dockerfile.splitlines():
        words = line.lower().split()
        if words[:1] == ["from"]:
            stages.append([])
            named[str(len(stages) - 2)] = stages[-1]
            if words[-2:-1] == ["as"]:
                named[words[-1]] = stages[-1]
        stages[-1].append(line)
    return named.get(stage.lower(), stages[-1])


def _described(entry: Entry, final: _BuiltStage, digest: bytes | None) -> str:
    """What counts of an entry besides its path. Raises OSError when it can't be read, or is a file without a digest."""
    mode = entry.status.st_mode
    permissions = stat.S_IMODE(mode)
    if stat.S_ISLNK(mode):
        return f"link {Path(entry.path).readlink()}"
    if stat.S_ISDIR(mode):
        return f"folder {permissions & 0o7000 if final.same_modes else permissions:o}"
    if stat.S_ISREG(mode):
        if digest is None:
            raise FileNotFoundError(entry.path)
        return f"file {bool(permissions & 0o111) if final.same_modes else f'{permissions:o}'} {digest.hex()}"
    return f"special {mode:o} {entry.status.st_rdev}"  # not opened, since a FIFO would wait for a writer


def _note(content: Content, entry: Entry, final: _BuiltStage) -> None:
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
    elif stat.S_ISLNK(mode):
        content.links.append(entry.name)
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
    # Asked anew each time, since a link may lead out of the context; pathlib's exists raises for a loop.
    if dangling := [link for link in content.links if not os.path.exists(f"{context}/{link}")]:  # noqa: PTH110
        found.append(
            f"{_some(dangling)} of {context} is a broken symbolic link, with which Pulumi's Docker plugin "
            f"can't build. Leave it out: {leave_out(context, map(dockerignore.literal, dangling), dockerfile)}"
        )
    if content.sockets:
        found.append(
            f"{_some(content.sockets)} of {context} is a socket, which Pulumi's Docker plugin can't copy. "
            f"Leave it out: {leave_out(context, map(dockerignore.literal, content.sockets), dockerfile)}"
        )
    # Secrets were named before, to be left out.
    if unreadable := [name for name in content.unreadable if name not in content.secret]:
        found.append(
            f"{_some(unreadable)} of {context} can't be read by other users, such as the image's. "
            f"Make it readable: {_make_readable(context, unreadable, dockerfile)}"
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


def _make_readable(context: Path, names: list[str], dockerfile: str) -> str:
    """Never of the whole folder, which would show everybody on this machine what the image leaves out, such as keys."""
    if len(names) > SHOWN or not all(name.isprintable() for name in names):
        return f"add to {context / dockerfile}, after the last COPY and before USER, the line {ONE_FOR_ALL}"
    return f"chmod go+rX {shlex.join(f'{context}/{name}' for name in names)}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(_shown(name) for name in names[:SHOWN]) + more


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
