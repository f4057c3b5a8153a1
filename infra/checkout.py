"""Where this checkout is, and its paths as plugins see them: from the program's folder, in which plugins run.

Absolute ones would be other inputs in every other checkout, and two people would take turns in updating the stack.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VIRTUALENV = ROOT / ".venv"  # as Pulumi.yaml has it


def seen_from_program(path: Path) -> str:
    """A path in the project, or beside it (`../site`), relative to the folder infra; any other path as it is."""
    return str(Path("..", path.relative_to(ROOT))) if path.is_relative_to(ROOT) else str(path)


def python() -> str:
    """The Python that runs this program; the one of the project's virtual environment is relative to infra, too."""
    if VIRTUALENV.is_dir() and VIRTUALENV.samefile(sys.prefix):
        return seen_from_program(VIRTUALENV / "bin" / "python")
    return sys.executable
