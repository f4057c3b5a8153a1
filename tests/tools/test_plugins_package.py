"""The stand-in plugins are a package that could be cut out: it has all that it needs, copies of some modules included.

The plugins are installed without the program, so what both have to do alike is there twice.
"""

from pathlib import Path

import pytest

from tests import ROOT

PACKAGE = ROOT / "tools/plugins"
# Mended in infra/ and copied from there.
COPIES = ["loopback.py", "docker/endpoint.py", "docker/dockerignore.py"]


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_is_what_the_program_has(copy: str) -> None:
    original, place = f"infra/{Path(copy).name}", f"tools/plugins/src/django_stack_plugins/{copy}"
    same = (ROOT / original).read_text() == (ROOT / place).read_text()
    assert same, f"Fix: cp {original} {place}"


def test_nothing_of_the_package_lies_outside_of_its_folder() -> None:
    def leads_out(path: Path) -> bool:
        return path.is_symlink() and not path.resolve().is_relative_to(PACKAGE)

    files = [*(PACKAGE / "src").rglob("*"), *(PACKAGE / "tests").rglob("*")]
    assert [file for file in files if leads_out(file)] == []
