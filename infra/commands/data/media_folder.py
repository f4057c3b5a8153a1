"""Media in a folder of the app's container (`media: filesystem`), reached by a small program that runs in there."""

import json
import mimetypes
import queue
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from infra.commands.data.ends import DataError
from infra.commands.data.media import Body, GoneError, Headers, MediaEnd, Object, ObjectError
from infra.commands.data.media_clients import THREADS

BLOCK = 2**18  # bytes
END_SECONDS = 10.0
INLINE = ("image/", "audio/", "video/", "text/plain", "application/pdf")  # types that a browser may show
# For machines without /etc/mime.types; the package has these, too.
TYPES = {
    ".avif": "image/avif",
    ".flac": "audio/flac",
    ".m4a": "audio/x-m4a",
    ".m4v": "video/x-m4v",
    ".mkv": "video/x-matroska",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".webp": "image/webp",
}
PROGRAM = Path(__file__).with_name("folder_program.py").read_text()


class FolderMedia:
    """The files below a folder of a container that runs. S3's headers aren't kept there; a type goes by the name."""

    production = False
    is_near = True

    def __init__(self, name: str, line: Sequence[str], folder: str) -> None:
        """`line` is the command line that runs another one in the container, with its input."""
        self.name, self.place = name, f"the folder {folder} in its container"
        self._line = [*line, "python", "-c", PROGRAM, folder]
        self._idle: queue.SimpleQueue[_Program] = queue.SimpleQueue()

    def objects(self) -> Iterator[Object]:
        try:
            with self._program() as program:
                program.ask({"do": "list"})
                while (one := program.answer()) is not None:
                    yield Object(one["key"], one["size"], one["md5"])
        except ObjectError as error:
            raise DataError(f"The media of {self.name}, {self.place}, can't be listed: {error}") from None

    @contextmanager
    def open(self, found: Object) -> Iterator[Body]:
        with self._program() as program:
            program.ask({"do": "read", "key": found.key})
            answer = program.answer()
            body = FolderBody(Object(found.key, answer["size"], found.tag), program)
            yield body
            body.rest()

    def write(self, key: str, file: IO[bytes], size: int, headers: Headers, part_size: int) -> None:
        del headers, part_size  # a file has none
        file.seek(0)
        with self._program() as program:
            program.ask({"do": "write", "key": key, "size": size})
            while block := file.read(BLOCK):
                program.send(block)
            program.answer()

    def copies_from(self, source: MediaEnd) -> bool:
        del source
        return False

    def copy(self, source: MediaEnd, found: Object) -> None:
        del source, found
        raise ObjectError("a folder has no server that copies")

    def part_size(self, found: Object) -> int:
        del found
        return 0

    def remove(self, keys: Sequence[str]) -> None:
        with self._program() as program:
            program.ask({"do": "remove", "keys": list(keys)})
            program.answer()

    @contextmanager
    def _program(self) -> "Iterator[_Program]":
        """A program that nobody else uses meanwhile; one that failed isn't used again."""
        try:
            program = self._idle.get_nowait()
        except queue.Empty:
            program = _Program(self._line)
        try:
            yield program
        except _RefusedError as error:  # it said no to one file, and goes on
            self._idle.put(program)
            raise (GoneError if error.gone else ObjectError)(str(error)) from None
        except BaseException:
            program.end()
            raise
        if self._idle.qsize() < THREADS:
            self._idle.put(program)
        else:
            program.end()


class FolderBody:
    """The content of a file."""

    headers: Headers
    part_size = 0
    is_md5 = False  # it may have changed since it was listed

    def __init__(self, found: Object, program: "_Program") -> None:
        self.found, self._program, self._left = found, program, found.size
        self.headers = headers_of(found.key)

    def read(self, size: int) -> bytes:
        content = self._program.receive(min(size, self._left))
        self._left -= len(content)
        return content

    def rest(self) -> None:
        """Reads what nobody wanted, so that the program can be asked again."""
        while self.read(BLOCK):
            pass


def headers_of(key: str) -> Headers:
    """Those of an upload of that name, as the package gives them to S3 (django_stack.media_types): what could run
    scripts in a browser is a download."""
    kind, packing = mimetypes.guess_type(key, strict=False)
    kind = kind or TYPES.get(PurePosixPath(key).suffix.lower())
    if not kind or packing:
        return Headers({"ContentDisposition": "attachment"})
    shown = kind.startswith(INLINE) and "svg" not in kind
    return Headers({"ContentType": kind, **({} if shown else {"ContentDisposition": "attachment"})})


class _RefusedError(Exception):
    def __init__(self, message: str, *, gone: bool) -> None:
        super().__init__(message)
        self.gone = gone


class _Program:
    """folder_program.py in the container; it ends when its input does, also when this process is killed."""

    def __init__(self, line: list[str]) -> None:
        self._process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0)
        assert self._process.stdin  # noqa: S101  # both are pipes
        assert self._process.stdout  # noqa: S101
        self._input, self._output = self._process.stdin, cast("BufferedReader", self._process.stdout)

    def ask(self, question: dict[str, Any]) -> None:
        self.send(json.dumps(question).encode() + b"\n")

    def send(self, content: bytes) -> None:
        try:
            self._input.write(content)
            self._input.flush()
        except OSError:
            raise ObjectError("the container broke off") from None

    def answer(self) -> Any:
        """What the program answers; None at the end of a list. Raises _RefusedError, ObjectError."""
        line = self._output.readline()
        if not line.endswith(b"\n"):
            raise ObjectError("the container broke off")
        answer = json.loads(line)
        if answer and "error" in answer:
            raise _RefusedError(answer["error"], gone=answer["gone"])
        return answer

    def receive(self, size: int) -> bytes:
        """At most so many bytes; none only if none are wanted."""
        content = self._output.read1(size) if size else b""
        if size and not content:
            raise ObjectError("the container broke off")
        return content

    def end(self) -> None:
        """Takes its input and output away, at which it removes what isn't whole."""
        for pipe in (self._input, self._output):
            with suppress(OSError):
                pipe.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __del__(self) -> None:
        self.end()
