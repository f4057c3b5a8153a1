"""A pipe with a name, as a shell makes one for `<(…)`."""

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def named_pipe(content: bytes) -> Iterator[Path]:
    """One from which this content can be read once."""
    with tempfile.TemporaryDirectory() as folder:
        pipe = Path(folder) / "pipe"
        os.mkfifo(pipe)

        def write() -> None:
            with suppress(BrokenPipeError):
                pipe.write_bytes(content)

        threading.Thread(target=write, daemon=True).start()  # it waits for a reader
        yield pipe
