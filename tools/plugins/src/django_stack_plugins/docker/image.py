"""docker.Image: builds when the context's content or the build's settings changed, pushes unless told not to.

The engine's classic builder is used (the official plugin uses BuildKit unless told otherwise), so a Dockerfile cannot
use `RUN --mount`. The context's digest is computed like the official plugin's: switching between the two builds nothing
anew.
"""

import hashlib
import os
import platform
import re
import stat
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

from django_stack_plugins.docker import dockerignore
from django_stack_plugins.docker.client import DockerResource, Line, as_they_come, docker_errors, find
from django_stack_plugins.docker.output import Lines, plain
from django_stack_plugins.docker.remote_image import ensure_image
from django_stack_plugins.resource import Failure, Operation, PluginError
from django_stack_plugins.values import UNKNOWN, Change, Properties, Secret, has_unknown

_BUILD = frozenset(
    "addHosts args builderVersion cacheFrom context contextDigest dockerfile network platform target".split()
)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # of the kernel, by Docker's name
_TAIL = 30  # lines of the build that a failure shows
_ATTEMPTS = 3
# The classic builder holds no lock on a layer between finding it in its cache and building upon it; removing another
# image that has the layer takes it away.
_CACHE_GONE = re.compile(
    r'(unable to find image "?|unknown parent image ID |No such image: )sha256:|layer does not exist'
)


class Image(DockerResource):
    """An image built here. Destroying leaves it to the engine's cache."""

    token = "docker:index/image:Image"
    inputs = frozenset({"build", "buildOnPreview", "imageName", "registry", "skipPush"})
    required = frozenset({"imageName"})
    defaults: ClassVar[Mapping[str, Any]] = {"buildOnPreview": False, "skipPush": False}
    in_place = inputs
    computed = frozenset({"baseImageName", "context", "dockerfile", "platform", "registryServer", "repoDigest"})
    notes_defaults = False

    def check(self, urn: str, olds: Properties, news: Properties, seed: bytes) -> tuple[Properties, list[Failure]]:
        checked, failures = super().check(urn, olds, news, seed)
        if failures or has_unknown(checked.get("build")):
            return checked, failures
        build = dict(checked.get("build", {}))
        build.setdefault("context", ".")
        build.setdefault("dockerfile", str(Path(build["context"], "Dockerfile")))
        build.setdefault("platform", f"linux/{_ARCHITECTURES.get(platform.machine(), platform.machine())}")
        failures = _build_failures(build)
        if not failures:
            try:
                build["contextDigest"] = context_digest(build["context"], build["dockerfile"])
            except PluginError as error:
                failures = [Failure("build.context", str(error))]
        return {**checked, "build": build}, failures

    def validate(self, inputs: Properties) -> list[Failure]:
        failures = []
        if inputs["buildOnPreview"] is True:
            failures.append(Failure("buildOnPreview", "django-stack's plugin does not build on preview"))
        server = inputs.get("registry", {}).get("server")
        name = inputs["imageName"]
        if inputs["skipPush"] is False and isinstance(name, str) and not server and not _registry_of(name):
            example = f"docker.io/{name}"
            failures.append(
                Failure(
                    "imageName", f"{name!r} must be fully qualified to be pushed (like {example!r}); else set skipPush"
                )
            )
        return failures

    def diff(self, old: Properties, new: Properties) -> list[Change]:
        # Credentials may change at every run and make no other image.
        return [change for change in super().diff(old, new) if change.path not in _CREDENTIALS]

    def preview(self, inputs: Properties, state: Properties | None) -> Properties:
        return {**dict.fromkeys(self.computed, UNKNOWN), "imageName": inputs["imageName"]}

    def create(self, operation: Operation, inputs: Properties) -> tuple[str, Properties]:
        return inputs["imageName"], self._make(operation, inputs)

    def update(self, operation: Operation, resource_id: str, old: Properties, inputs: Properties) -> Properties:
        return self._make(operation, inputs)

    def read(self, operation: Operation, resource_id: str, state: Properties, inputs: Properties) -> Properties | None:
        client = self.client
        if inputs.get("skipPush") and state.get("repoDigest"):
            with docker_errors("inspect image"):
                if find(client.inspect_image, state["repoDigest"]) is None:
                    return None
        return {**state, "__inputs": Secret(state.get("__inputs", {}))}

    def delete(self, operation: Operation, resource_id: str, state: Properties) -> None:
        pass

    def _make(self, operation: Operation, inputs: Properties) -> Properties:
        name, build = inputs["imageName"], inputs["build"]
        registry = inputs.get("registry", {})
        dockerfile = self._build(operation, name, build)
        client = self.client
        if inputs["skipPush"]:
            with docker_errors(f"inspect image {name}"):
                digest = str(client.inspect_image(name)["Id"])
        else:
            digest = self._push(operation, name, registry)
        return {
            "baseImageName": name,
            "context": build["context"],
            "dockerfile": dockerfile,
            "imageName": name,
            "platform": build["platform"],
            "registryServer": registry.get("server", ""),
            "repoDigest": digest,
            "__inputs": Secret(inputs),  # where the official plugin looks for them
        }

    def _build(self, operation: Operation, name: str, build: Properties) -> str:
        """Build the image; return the Dockerfile's path as seen from the context."""
        client = self.client
        from docker.api.build import process_dockerfile

        context = str(Path(build["context"]).absolute())
        dockerfile = str(Path(build["dockerfile"]).absolute())
        operation.log("Starting Docker build")
        for image in build.get("cacheFrom", {}).get("images", []):
            try:
                ensure_image(client, operation, image, build["platform"])
            except PluginError as error:
                operation.log(f"no build cache: {error}", ephemeral=False)
        archive_name = process_dockerfile(dockerfile, context)
        for attempt in range(1, _ATTEMPTS + 1):
            with (
                docker_errors(f"build image {name}"),
                closing(_archive(context, dockerfile, archive_name)) as archive,
            ):
                lines = client.build(
                    fileobj=archive,
                    custom_context=True,
                    dockerfile=archive_name[0],
                    tag=name,
                    rm=True,
                    forcerm=True,
                    decode=True,
                    buildargs=build.get("args"),
                    target=build.get("target"),
                    platform=build["platform"],
                    network_mode=build.get("network"),
                    extra_hosts=dict(host.split(":", 1) for host in build.get("addHosts", [])) or None,
                    cache_from=build.get("cacheFrom", {}).get("images"),
                )
                try:
                    follow(operation, lines, f"unable to build image {name}")
                except PluginError as error:
                    if attempt == _ATTEMPTS or not _CACHE_GONE.search(str(error).splitlines()[0]):
                        raise
                    operation.log("Somebody removed layers of the build cache that this build uses: building again")
                    continue
            break
        return os.path.relpath(dockerfile, context)

    def _push(self, operation: Operation, name: str, registry: Properties) -> str:
        credentials = None
        if registry.get("username") and registry.get("password"):
            credentials = {key: registry[key] for key in ("username", "password")}
            credentials["serveraddress"] = registry.get("server") or _registry_of(name)
        repository = name.rsplit(":", 1)[0] if ":" in name.rsplit("/", 1)[-1] else name
        client = self.client
        operation.log("Pushing Image to the registry")
        with docker_errors(f"push image {name}"):
            lines = client.push(name, stream=True, decode=True, auth_config=credentials)
            pushed = follow(operation, lines, f"unable to push image {name}").get("Digest")
            if pushed:
                return f"{repository}@{pushed}"
            digests: list[str] = client.inspect_image(name)["RepoDigests"]
        for digest in digests:
            if digest.startswith(f"{repository}@"):
                return digest
        raise PluginError(f"the registry reported no digest for {name}")


_CREDENTIALS = ("registry.username", "registry.password")


def _build_failures(build: Properties) -> list[Failure]:
    failures = [
        Failure(f"build.{key}", f"docker.Image does not support the input {key!r} with django-stack's plugin")
        for key in sorted(build.keys() - _BUILD)
    ]
    if build.get("builderVersion", "BuilderV1") != "BuilderV1":
        failures.append(
            Failure("build.builderVersion", "django-stack's plugin has the classic builder (BuilderV1) only")
        )
    if not Path(build["context"]).is_dir():
        failures.append(Failure("build.context", f"there is no folder {build['context']}"))
    elif not Path(build["dockerfile"]).is_file():
        hint = Path(build["context"], build["dockerfile"])
        meant = f"; did you mean {hint}?" if hint.is_file() else ""
        failures.append(Failure("build.dockerfile", f"there is no Dockerfile {build['dockerfile']}{meant}"))
    return failures


def _registry_of(name: str) -> str | None:
    """The registry's host in a fully qualified name."""
    host, slash, _ = name.partition("/")
    return host if slash and ("." in host or ":" in host or host == "localhost") else None


def _ignore_file(context: str, dockerfile: str) -> Path | None:
    """The Dockerfile's own ignore file, else the context's."""
    candidates = (Path(f"{dockerfile}.dockerignore"), Path(context, ".dockerignore"))
    return next((path for path in candidates if path.is_file()), None)


def _entries(context: str, dockerfile: str) -> list[dockerignore.Entry]:
    """What of the context is sent to the builder. Raises PluginError that names what is in the way."""
    file = _ignore_file(context, dockerfile)
    try:
        patterns = dockerignore.read_patterns(file.read_bytes()) if file else []
        return list(dockerignore.Context(Path(context), patterns).entries())
    except dockerignore.IgnoreError as error:
        raise PluginError(f"unable to read {file}: {error}") from error
    except OSError as error:
        raise _unreadable(error) from error


def _unreadable(error: OSError) -> PluginError:
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error  # the `docker` package hides the reason
    return PluginError(f"unable to read {cause.filename} of the build context: {cause.strerror}")


def _archive(context: str, dockerfile: str, archive_name: tuple[str | None, str | None]) -> Any:
    """The context as a tar file; the Dockerfile and the ignore file are in it whatever the patterns say."""
    from docker.utils.build import create_archive

    name, text = str(archive_name[0]), archive_name[1]
    names = [entry.name for entry in _entries(context, dockerfile)]
    more = []
    try:
        if text is not None:  # from elsewhere, under a name of its own, which the builder is told to take away again
            ignore_file = _ignore_file(context, dockerfile)
            ignored = ignore_file.read_text(errors="surrogateescape") if ignore_file else ".dockerignore"
            more = [(".dockerignore", f"{ignored}\n{name}\n"), (name, text)]
        elif Path(dockerfile).is_symlink():  # the builder follows none out of the context
            more = [(name, Path(dockerfile).read_text())]
        also = [extra for extra in (name, ".dockerignore") if Path(context, extra).is_file() and extra not in names]
        return create_archive(context, files=names + also, extra_files=more)
    except OSError as error:
        raise _unreadable(error) from error


def context_digest(context: str, dockerfile: str) -> str:
    """The SHA-256 (hex) of everything that a build can see: each file's name, mode and content, and the Dockerfile."""
    digest = hashlib.sha256()

    def add(name: str, mode: str, content: bytes) -> None:
        digest.update(name.encode(errors="surrogateescape") + mode.encode() + content + b"\0")

    try:
        # Docker cares for the Dockerfile's content only, wherever it lies.
        add("Dockerfile", "-" * 10, _file_digest(Path(dockerfile)))
        left_out: str | None = None
        for entry in sorted(_entries(context, dockerfile), key=lambda entry: entry.name.split("/")):
            mode = entry.status.st_mode
            if left_out is not None and entry.name.startswith(left_out):
                continue
            if stat.S_ISLNK(mode):
                try:
                    target = _followed(entry.path)
                except FileNotFoundError:
                    # The official plugin passes over such a link, and over what comes after it in the link's folder.
                    left_out = entry.name[: entry.name.rfind("/") + 1]
                    continue
                add(entry.name, _go_mode(mode), hashlib.sha256(os.fsencode(target)).digest())
            elif stat.S_ISREG(mode):
                add(entry.name, _go_mode(mode), _file_digest(Path(entry.path)))
            elif not stat.S_ISDIR(mode):
                add(entry.name, _go_mode(mode), hashlib.sha256().digest())
    except OSError as error:
        raise _unreadable(error) from error
    return digest.hexdigest()


def _followed(path: str) -> str:
    """Where a link leads, like Go's filepath.EvalSymlinks: a relative path stays one unless a link is absolute."""
    full = os.path.realpath(path, strict=True)
    link = Path(path)
    while link.is_symlink():
        link = link.parent / link.readlink()
    return full if link.is_absolute() else os.path.relpath(full, Path.cwd())


def _go_mode(mode: int) -> str:
    """A mode as the official plugin writes it (fs.FileMode.String): a letter for each thing that is special, then nine.

    A symbolic link's is `Lrwxrwxrwx`, a program's that runs as its owner `urwxr-xr-x`.
    """
    kinds = {stat.S_IFLNK: "L", stat.S_IFBLK: "D", stat.S_IFIFO: "p", stat.S_IFCHR: "Dc"}
    special = kinds.get(stat.S_IFMT(mode), "")
    kind, device = special[:1], special[1:]
    bits = [(stat.S_ISUID, "u"), (stat.S_ISGID, "g")]
    letters = kind + "".join(letter for bit, letter in bits if mode & bit) + device
    letters += "t" if mode & stat.S_ISVTX else ""
    return (letters or "-") + stat.filemode(stat.S_IMODE(mode) & 0o777)[1:]


def _file_digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def follow(operation: Operation, lines: Iterable[Line], failure: str) -> dict[str, Any]:
    """Show a build's or push's lines; return what its `aux` messages said. Raises PluginError with the last lines."""
    tail: deque[str] = deque(maxlen=_TAIL)
    result: dict[str, Any] = {}
    output = Lines()

    def show(texts: Iterable[str]) -> None:
        for text in texts:
            tail.append(text)
            operation.log(text)

    for line in as_they_come(operation, lines):
        result.update(line.get("aux") or {})
        if "error" in line:
            show(output.end())
            raise PluginError("\n".join([f"{failure}: {plain(line['error'].strip())}", *tail]))
        if line.get("progressDetail"):
            continue
        if "stream" in line:
            show(output.add(line["stream"]))
        elif status := " ".join(filter(None, (line.get("id"), line.get("status")))):
            show([*output.end(), plain(status)])
    show(output.end())
    return result
