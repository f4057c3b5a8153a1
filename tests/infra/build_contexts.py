"""Contexts of image builds."""

from pathlib import Path

# It gives the files no modes of its own, so that theirs count, and its user isn't their owner.
CARELESS = "FROM scratch\nCOPY . .\nUSER 10001\n"


def build_context(parent: Path) -> Path:
    """Makes a small context in a folder; every file and folder in it may be read by everybody."""
    folder = parent / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(CARELESS)
    (folder / ".dockerignore").write_text("# comment\n__pycache__\n*.log\n!keep.log\n")
    (folder / "code.py").write_text("print(1)\n")
    (folder / "folder").mkdir()
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder
