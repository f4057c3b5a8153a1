"""A scripted Docker engine for the local steps: containers whose programs answer as a test says."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from docker.errors import ImageNotFound, NotFound

Program = Callable[[list[str], dict[str, str]], tuple[int, bytes]]


class Container:
    """A container with the given log lines; `program` answers exec_run with an exit status and output."""

    def __init__(self, name: str = "one", lines: tuple[str, ...] = (), program: Program | None = None) -> None:
        self.name, self.id, self.status = name, f"{name}-id", "running"
        self.labels: dict[str, str] = {}
        self.lines = lines
        self.attrs: dict[str, Any] = {"RestartCount": 0, "Mounts": [], "State": {}, "Config": {"Env": []}, "Image": "i"}
        self.program = program or (lambda command, environment: (0, b""))
        self.code = 0
        self.processes = ["postgres"]
        self.reloaded = 0
        self.waited: list[int] = []
        self.started = False
        self.removed: list[dict[str, bool]] = []
        self.executed: list[tuple[list[str], dict[str, str]]] = []

    def reload(self) -> None:
        self.reloaded += 1

    def start(self) -> None:
        self.started = True

    def top(self, ps_args: str) -> dict[str, list[list[str]]]:
        assert ps_args == "-eo pid,comm"
        return {"Processes": [[str(pid), name] for pid, name in enumerate(self.processes, 1)]}

    def wait(self, timeout: int = 0) -> dict[str, int]:
        self.waited.append(timeout)
        return {"StatusCode": self.code}

    def remove(self, **options: bool) -> None:
        self.removed.append(options)

    def logs(self, tail: int | None = None, stream: bool = False, follow: bool = False) -> Any:
        lines = self.lines if tail is None else self.lines[-tail:]
        text = "".join(f"{line}\n" for line in lines).encode()
        return iter([text]) if stream and follow else text

    def exec_run(self, command: list[str], environment: dict[str, str] | None = None, demux: bool = False) -> Any:
        self.executed.append((command, environment or {}))
        status, output = self.program(command, environment or {})
        streams = (None, output) if status else (output, None)
        return Result(status, streams if demux else output)


class Result(tuple[int, Any]):
    """What exec_run returns: a pair whose first part is also called exit_code."""

    __slots__ = ()

    def __new__(cls, status: int, output: Any) -> "Result":
        return super().__new__(cls, (status, output))

    @property
    def exit_code(self) -> int:
        return self[0]


class Engine:
    """An engine that has the given containers, images by name, and volumes; it keeps what it was asked to make."""

    def __init__(
        self, *containers: Container, images: dict[str, Any] | None = None, volumes: tuple[str, ...] = ()
    ) -> None:
        self.there = list(containers)
        self.made: list[dict[str, Any]] = []
        self.ran: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.printed = b""
        self.next = Container("release")
        self._images, self._volumes = images or {}, volumes
        self.containers = SimpleNamespace(get=self._get, list=self._list, create=self._create, run=self._run)
        self.images = SimpleNamespace(get=self._image)
        self.volumes = SimpleNamespace(get=self._volume)

    def version(self) -> dict[str, str]:
        return {"Arch": "amd64"}

    def _get(self, name: str) -> Container:
        return next(container for container in self.there if name in {container.name, container.id})

    def _list(self, **asked: Any) -> list[Container]:
        self.asked.append(asked)
        name = asked["filters"].get("name", "")
        return [container for container in self.there if not name or name == f"^/{container.name}$"]

    def _create(self, image: str, command: list[str], **options: Any) -> Container:
        self.made.append({"image": image, "command": command, **options})
        return self.next

    def _run(self, image: str, command: list[str], **options: Any) -> bytes:
        self.ran.append({"image": image, "command": command, **options})
        return self.printed

    def _image(self, name: str) -> Any:
        if name not in self._images:
            raise ImageNotFound(name)
        return self._images[name]

    def _volume(self, name: str) -> SimpleNamespace:
        if name not in self._volumes:
            raise NotFound(name)
        return SimpleNamespace(name=name)
