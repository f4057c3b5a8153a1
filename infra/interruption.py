"""Signals to end, for a step that puts away what it has started elsewhere."""

import signal
from types import FrameType

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_came: list["Interrupted"] = []


class Interrupted(BaseException):
    """A signal to end. It is no Exception, which a client might take for a failed connection, and try again."""


def raise_on_signals(what: str) -> None:
    """From now on such a signal raises Interrupted, whose text says that `what` was interrupted, and by which.

    Under nohup, SIGHUP goes on being ignored. SIGINT doesn't, since a shell ignores it for each background job, and
    that is how pulumi ends a step.
    """
    _came.clear()

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        _came.append(Interrupted(f"{what} was interrupted ({signal.Signals(number).name})."))
        raise _came[-1]

    for ending in _ENDINGS:
        if ending != signal.SIGHUP or signal.getsignal(ending) != signal.SIG_IGN:
            signal.signal(ending, end)


def raise_what_was_lost() -> None:
    """Raises Interrupted if a signal has come. Python drops what is raised while it takes an object away, so a step
    asks at each of its looks: https://docs.python.org/3/reference/datamodel.html#object.__del__
    """
    if _came:
        raise _came[-1]


def ignore_signals() -> None:
    """From now on such a signal does nothing."""
    for ending in _ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
