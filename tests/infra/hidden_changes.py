"""Changes of a build context that hide behind an old mtime."""

import os
from collections.abc import Callable
from pathlib import Path


def with_times_of(path: Path, change: Callable[[], object]) -> None:
    """Changes something and sets the mtime back, as `cp -p`, `rsync -t` and `tar` do."""
    before = path.lstat()
    change()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns), follow_symlinks=False)


def replace(context: Path) -> None:
    """As editors and `git checkout` do."""
    (context / "new").write_text("print(3)\n")
    os.utime(context / "new", ns=(0, (context / "code.py").stat().st_mtime_ns))
    (context / "new").rename(context / "code.py")


def swap(context: Path) -> None:
    (context / "a.py").rename(context / "b.py")
    (context / "code.py").rename(context / "a.py")
    (context / "b.py").rename(context / "code.py")


def write_by_another_name(context: Path) -> None:
    other = context.parent / "other-name"
    os.link(context / "code.py", other)
    with_times_of(other, lambda: other.write_text("print(3)\n"))


def become_a_link(context: Path) -> None:
    (context / "code.py").rename(context.parent / "code.py")
    (context / "code.py").symlink_to("../code.py")


def lead_elsewhere(context: Path) -> None:
    (context / "link").unlink()
    (context / "link").symlink_to("b.py")


def folder_becomes_a_link(context: Path) -> None:
    (context / "folder").rename(context.parent / "folder")
    (context / "folder").symlink_to("../folder")


# What is changed, the file or folder whose mtime is set back, how.
HIDDEN: dict[str, tuple[str, Callable[[Path], object]]] = {
    "content of the same size": ("code.py", lambda at: (at / "code.py").write_text("print(3)\n")),
    "another size": ("code.py", lambda at: (at / "code.py").write_text("print(34)\n")),
    "another file in its place": (".", replace),
    "two files swapped": (".", swap),
    "written by another name": (".", write_by_another_name),
    "a link in its place": (".", become_a_link),
    "a link that leads elsewhere": ("link", lead_elsewhere),
    "a folder's link in its place": (".", folder_becomes_a_link),
    "its mode": ("code.py", lambda at: (at / "code.py").chmod(0o755)),
    "a folder's mode": ("folder", lambda at: (at / "folder").chmod(0o700)),
    "a new file": ("folder", lambda at: (at / "folder" / "new").write_text("")),
    "a new empty folder": (".", lambda at: (at / "new").mkdir()),
    "a file that is gone": (".", lambda at: (at / "a.py").unlink()),
    "a new file in a folder that is left out": ("left-out", lambda at: (at / "left-out" / "kept.py").write_text("")),
    "a new file where something is mounted": ("mounted/here", lambda at: (at / "mounted/here/x").write_text("")),
    "the Dockerfile": ("Dockerfile", lambda at: (at / "Dockerfile").write_text("FROM scratch\nCOPY . /\nUSER 10001\n")),
    "the ignore file": (".dockerignore", lambda at: (at / ".dockerignore").write_text("folder\n")),
}
