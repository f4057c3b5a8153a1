"""The digest of a build context is the official plugin's: a stack that changes from one to the other builds nothing.

The values are what pulumi-docker's own program (provider/provider.go, hashContext) gave for these very folders.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from django_stack_plugins.docker.image import context_digest

FILES = {
    "Dockerfile": "FROM scratch\nCOPY . .\n",
    "README.md": "r",
    "a.py": "a",
    "sub/b.txt": "b",
    "sub/deep/c.md": "c",
}
ONLY_DOCKERFILE = "b33e93a67f7f77d8ecb6ab017a8cb10d610db8e3258844296dc41332b9a390a1"


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o644)
    return folder


@pytest.mark.parametrize(
    ("change", "digest"),
    [
        (lambda folder: None, "b623a5fdababd22be8a19c537cda594256e5f887cacea79cd2b4a68e35d4a367"),
        (
            lambda folder: (folder / "a.py").chmod(0o6755),
            "14ed71f6c652cdfba925ab00b75212c01f0be1309c245af103ffb9089160137b",
        ),
        (
            lambda folder: (folder / "l").symlink_to("nowhere"),
            "00c3dd05ad88f4e01deeab0ab1163d2538ec89373441da97de5ce46e24f26aeb",
        ),
        (lambda folder: (folder / ".dockerignore").symlink_to("nowhere"), ONLY_DOCKERFILE),
    ],
    ids=["plain", "setuid", "a link that leads nowhere", "an ignore file that leads nowhere"],
)
def test_the_digest_is_the_official_plugins(context: Path, change: Callable[[Path], object], digest: str) -> None:
    change(context)
    assert context_digest(str(context), str(context / "Dockerfile")) == digest


@pytest.mark.parametrize("seen", ["in full", "from beside it"])
@pytest.mark.parametrize("target", ["../elsewhere", "elsewhere", "/etc/hostname", "through", "out"])
def test_a_link_counts_by_where_it_leads_as_the_context_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, seen: str
) -> None:
    """Go's filepath.EvalSymlinks: a relative path stays one, so that it's the same wherever the project is."""
    (tmp_path / "context").mkdir()
    (tmp_path / "elsewhere").touch()
    (tmp_path / "context" / "elsewhere").mkdir()
    (tmp_path / "context" / "link").symlink_to(target)
    (tmp_path / "context" / ".dockerignore").write_text("through\nout\n.dockerignore\n")
    (tmp_path / "context" / "through").symlink_to("elsewhere")
    (tmp_path / "context" / "out").symlink_to("/etc/hostname")
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM scratch\n")
    (tmp_path / "infra").mkdir()
    monkeypatch.chdir(tmp_path / "infra")
    context = tmp_path.resolve() / "context" if seen == "in full" else Path("../context")
    expected = hashlib.sha256()
    leads = os.path.normpath(context / {"through": "elsewhere", "out": "/etc/hostname"}.get(target, target))
    for name, mode, content in (("Dockerfile", "-" * 10, "FROM scratch\n"), ("link", "Lrwxrwxrwx", leads)):
        expected.update(name.encode() + mode.encode() + hashlib.sha256(content.encode()).digest() + b"\0")
    assert context_digest(str(context), str(dockerfile)) == expected.hexdigest()
