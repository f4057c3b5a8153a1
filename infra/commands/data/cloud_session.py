"""A task of a stack that works for one command: it holds the lock of a copy, does what is asked, and removes what isn't
finished when the command is gone.

The command's side of `in_task.Server`. What is between them are objects in the bucket of the copy.
"""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.commands.data.cloud_bucket import CopyBucket
from infra.commands.data.ends import DataError, refusal
from infra.commands.operations.cloud_stack import explained
from infra.together import repeating

BEAT = 5.0  # seconds between two signs of life, each of which is an object of S3 that is written
SILENCE = 60.0  # seconds without one, after which the task takes the command for killed


class CloudSession:
    """What is asked of the task.

    `name` is the stack. `failure` says why the task ended, and nothing as long as it runs. `pause` is in seconds,
    between two looks at the task and its answer.
    """

    def __init__(self, name: str, bucket: CopyBucket, failure: Callable[[], DataError | None], pause: float) -> None:
        self._name, self.bucket = name, bucket
        self._failure, self._pause = failure, pause
        self._order: dict[str, Any] = {"number": 0, "first": "", "undo": "", "work": {}}
        self._beats = 0
        self._writing = threading.Lock()

    @explained
    def do(self, action: str, *, first: str = "", undo: str = "", **work: Any) -> Any:
        """What a work of `in_task` finds; one that is under way is ended for it.

        `first` are statements for the session that holds the lock, `undo` those that it does in its end, whatever
        happens until then. Raises DataError with the reason when it fails.
        """
        with self._writing:
            number = self._order["number"] + 1
            self._order = {"number": number, "first": first, "undo": undo, "work": {"action": action, **work}}
            self._write()
        answer = self._answer(number)
        if "error" in answer:
            raise refusal(f"The database of {self._name}: {answer['error']}", answer["error"])
        return answer["found"]

    def is_open(self) -> bool:
        return self._failure() is None

    def kept(self) -> AbstractContextManager[None]:
        """Says again and again that the command is there."""

        def beat() -> None:
            with suppress(ClientError, BotoCoreError), self._writing:  # the next one comes in time
                self._write()

        return repeating(beat, BEAT)

    @explained
    def wait(self) -> None:
        """Until the task has what it is to hold. Raises DataError, BusyError if another command holds it."""
        self._answer(0)

    @explained
    def write(self) -> None:
        """Writes the first order, before the task begins to look for one."""
        self._write()

    def _write(self) -> None:
        self._beats += 1
        self.bucket.order({"beat": self._beats, **self._order})

    @explained
    def _answer(self, number: int) -> dict[str, Any]:
        while True:
            answer: dict[str, Any] | None = self.bucket.answer(number)
            if answer is not None:
                return answer
            if failure := self._failure():
                raise failure
            time.sleep(self._pause)
