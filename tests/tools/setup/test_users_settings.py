"""A user's settings of pip, Python and Go: how packages are reached is respected, where they would go isn't."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.setup.conftest import FakeMachine
from tools.setup import go, images, pip, virtualenv
from tools.setup.machine import Machine, SetupError, UnreachableError


@pytest.fixture
def real(tmp_path: Path) -> Machine:
    """This machine, with this Python as .venv's, and nothing set."""
    machine = Machine(environ={"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
    machine.root = tmp_path
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    return machine


def settings(machine: Machine) -> dict[str, str]:
    """What pip is told by its environment."""
    return {name: value for name, value in pip.environ(machine).items() if name.startswith("PIP_")}


def test_habits_of_pip_are_left_out_and_the_way_to_packages_stays(real: Machine) -> None:
    real.environ |= {
        "PIP_USER": "1",
        "PIP_TARGET": "/somewhere",
        "PIP_PREFIX": "/somewhere",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_CONSTRAINT": "/constraints.txt",
        "PIP_INDEX_URL": "https://mirror.example.com/simple",
        "PIP_CERT": "/company.pem",
    }
    told = settings(real)
    assert told["PIP_INDEX_URL"] == "https://mirror.example.com/simple"
    assert told["PIP_CERT"] == "/company.pem"
    assert told.keys() & {"PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV", "PIP_CONSTRAINT"} == set()


def test_settings_in_pips_own_files_count_alike(real: Machine, tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://mirror.example.com/simple\ntarget = /somewhere\n"
        "find-links =\n    /one\n    /two\n"
        "[install]\nuser = true\ntrusted-host = mirror.example.com\n"
    )
    real.environ["PIP_CONFIG_FILE"] = str(file)
    told = settings(real)
    assert told["PIP_INDEX_URL"] == "https://mirror.example.com/simple"
    assert told["PIP_TRUSTED_HOST"] == "mirror.example.com"
    assert told["PIP_FIND_LINKS"].split() == ["/one", "/two"]
    assert told["PIP_CONFIG_FILE"] == os.devnull
    assert told.keys() & {"PIP_USER", "PIP_TARGET"} == set()


def test_pip_itself_takes_it_so(real: Machine, tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = https://mirror.example.com/simple\n[install]\nuser = true\n")
    real.environ |= {"PIP_CONFIG_FILE": str(file), "PIP_TARGET": "/somewhere", "PIP_RETRIES": "0"}
    command = [sys.executable, "-m", "pip", "config", "list"]
    seen = subprocess.run(command, env=pip.environ(real), capture_output=True, text=True, check=True).stdout
    assert ":env:.index-url='https://mirror.example.com/simple'" in seen
    assert "user" not in seen
    assert "target" not in seen


def test_a_file_that_pip_can_not_read_is_one_line(real: Machine, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("no section\n")
    real.environ["PIP_CONFIG_FILE"] = str(tmp_path / "pip.conf")
    with pytest.raises(SetupError, match="pip can't read its own settings: ") as error:
        pip.environ(real)
    assert "\n" not in str(error.value)


def test_another_pythons_settings_do_not_reach_ours() -> None:
    foreign = {"PYTHONHOME": "/other", "PYTHONPATH": "/other", "PYTHONUSERBASE": "/other", "PATH": "/bin"}
    assert not {name for name in Machine(environ=foreign).environ if name.startswith("PYTHON")}


def test_settings_of_other_go_projects_do_not_reach_the_build(machine: FakeMachine) -> None:
    machine.environ |= {"GOFLAGS": "-mod=vendor", "GO111MODULE": "off", "GOOS": "plan9", "GOTOOLCHAIN": "local"}
    machine.environ |= {"GOPROXY": "https://goproxy.example.com", "GONOSUMDB": "*"}
    environ = go.environ(machine)
    assert (environ["GOFLAGS"], environ["GO111MODULE"], environ["GOTOOLCHAIN"]) == ("", "on", "auto")
    assert "GOOS" not in environ
    assert (environ["GOPROXY"], environ["GONOSUMDB"]) == ("https://goproxy.example.com", "*")


def test_a_go_that_may_not_fetch_is_named(machine: FakeMachine) -> None:
    machine.environ["GOPROXY"] = "off"
    machine.answers["go env"] = (0, "go1.26.0", "")
    machine.errors["go build"] = ["module lookup disabled by GOPROXY=off"]
    with pytest.raises(SetupError) as error:
        go.build(machine, images.VERSITYGW)
    assert "unset GOPROXY" in error.value.remedy


def test_a_home_that_is_not_set_is_the_users(tmp_path: Path) -> None:
    machine = Machine(environ={"PATH": "/bin", "XDG_CACHE_HOME": "relative"})
    assert machine.environ["HOME"] == str(Path.home())
    assert machine.cache == Path.home() / ".cache/django-stack"


def test_a_cache_that_can_not_be_written_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    machine = Machine(environ={"PATH": "/bin", "XDG_CACHE_HOME": str(tmp_path / "file")})
    with pytest.raises(SetupError, match="can't be written") as error, machine.lock():
        pass
    assert "XDG_CACHE_HOME" in error.value.remedy


def test_a_checkout_below_a_folder_with_a_colon_is_refused_before_anything_is_made(machine: FakeMachine) -> None:
    machine.root = machine.root / "a:b"
    with pytest.raises(SetupError, match="has a colon"):
        virtualenv.create(machine)
    assert machine.did == []


def test_files_of_an_image_are_readable_whatever_the_umask() -> None:
    before = os.umask(0o077)
    try:
        with images.readable_for_all():
            assert os.umask(0o022) == 0o022
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)


def test_a_name_that_no_server_knows_is_said_in_words(real: Machine, tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"^no name server here knows no-such-site.invalid$"):
        real.fetch("https://no-such-site.invalid/file", tmp_path / "file")
