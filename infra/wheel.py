"""The wheel of the package that projects install, made of app/contract without a network."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from infra.checkout import ROOT

SOURCE = ROOT / "app" / "contract"
DISTRIBUTION = "django-stack-contract"
TIME = "1577836800"  # of every file in it: 2020-01-01 in seconds since 1970, so that the same source is the same wheel


class WheelError(Exception):
    """The wheel can't be made on this machine; the message says what to do."""


def wheel(source: Path = SOURCE) -> tuple[str, bytes]:
    """The wheel's file name and content; the same source gives the same bytes, whenever and wherever it is checked out.

    Raises WheelError where .venv is older than this checkout and lacks the builder, flit-core.
    """
    try:
        from flit_core.wheel import make_wheel_in  # noqa: PLC0415  # the program and the other commands do without it
    except ImportError:
        raise WheelError(".venv lacks flit-core, with which the package is built. Fix: make setup") from None

    with TemporaryDirectory() as folder, patch.dict(os.environ, {"SOURCE_DATE_EPOCH": TIME}):
        made: Path = make_wheel_in(source / "pyproject.toml", Path(folder)).file
        return made.name, made.read_bytes()


def requirement(name: str) -> str:
    """The line for a requirements.in beside the wheel of that file name, with what most projects need on a stack.

    pip and uv take it; pip refuses a relative path after `NAME @`.
    """
    return f"./{name}[standard]"
