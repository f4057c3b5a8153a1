"""Where images come from: present, pulled or built; and what a stand-in is built from."""

import base64
import json
import re
from pathlib import Path

import pytest
import yaml

from tests import ROOT
from tests.tools.setup.conftest import FakeMachine
from tools.setup import go, images, mailpit
from tools.setup.machine import SetupError

LIST = "docker image ls"
NO_SUCH_HOST = ["Error response from daemon: dial tcp: lookup registry: no such host"]


@pytest.fixture
def debian(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeMachine:
    """Root on Debian, an engine without images, a registry that is not reached."""
    machine.is_root = True
    machine.programs.update({"apt-get": "/usr/bin/apt-get", "debootstrap": "/usr/sbin/debootstrap"})
    machine.answers[LIST] = (0, "", "")
    machine.answers["docker image inspect"] = (1, "", "No such image")
    machine.errors["docker pull"] = NO_SUCH_HOST
    machine.effects["docker import"] = lambda _: machine.answers.update({"docker image inspect": (0, "", "")})
    monkeypatch.setattr(images, "SCRATCH", tmp_path)
    for folder in images.RECIPES.values():
        (machine.root / "tools/images" / folder).mkdir(parents=True)
    program = tmp_path / "versitygw"
    program.write_text("the program")
    (tmp_path / "docker-entrypoint.sh").write_text("the entrypoint")
    monkeypatch.setattr(go, "build", lambda _machine, _tool: program)
    monkeypatch.setattr(go, "source", lambda _machine, _tool: tmp_path)
    monkeypatch.setattr(mailpit, "build", lambda _machine: program)

    def debootstrap(command: list[str]) -> None:
        root = Path(next(word for word in command if word.endswith("/root")))
        for folder in ("etc/apt", "etc/ssl/certs", "usr/local/share/ca-certificates", "var/cache/apt/archives"):
            (root / folder).mkdir(parents=True)
        (root / "etc/apt/sources.list").write_text("deb http://mirror.example/debian trixie main\n")

    machine.effects["debootstrap"] = debootstrap
    return machine


def commands(machine: FakeMachine, start: str) -> list[str]:
    return [command for command in machine.did if command.startswith(start)]


def test_images_that_are_there_are_used(machine: FakeMachine) -> None:
    machine.answers[LIST] = (0, "\n".join((*images.IMAGES, "other:1")), "")
    images.ensure(machine)
    assert machine.did == []


def test_images_that_are_there_by_podmans_full_names_are_used(machine: FakeMachine) -> None:
    pulled = {images.S3, images.CACHE, images.MAIL}
    full = [
        f"localhost/{image}" if image == images.PYTHON
        else f"docker.io/{image}" if image in pulled
        else f"docker.io/library/{image}"
        for image in images.IMAGES
    ]  # fmt: skip
    machine.answers[LIST] = (0, "\n".join(full), "")
    images.ensure_all(machine)
    assert machine.did == []


def test_a_stand_in_is_built_again_when_its_recipe_is_another_one(debian: FakeMachine) -> None:
    debian.answers[LIST] = (0, "\n".join(images.IMAGES), "")
    (debian.root / "tools/images/postgres/Dockerfile").write_text("FROM scratch\n")
    before = images.recipe(debian, images.POSTGRES)

    def labels(image: str, recipe: str) -> str:
        return json.dumps({images.LABEL: image, images.RECIPE_LABEL: recipe})

    inspect = "docker image inspect --format {{json .Config.Labels}}"
    debian.answers = {
        f"{inspect} {images.PYTHON}": (0, labels(images.PYTHON, images.recipe(debian, images.PYTHON)), ""),
        f"{inspect} {images.POSTGRES}": (0, labels(images.POSTGRES, before), ""),
        f"{inspect} {images.S3}": (0, "null", ""),  # the official one
        "docker image inspect": (0, "", ""),
        LIST: debian.answers[LIST],
    }
    images.ensure(debian)
    assert commands(debian, "docker build") == []

    (debian.root / "tools/images/postgres/Dockerfile").write_text("FROM scratch\nUSER 1\n")
    images.ensure(debian)
    (build,) = commands(debian, "docker build")
    assert f"--tag {images.POSTGRES} " in build
    assert f"--label {images.RECIPE_LABEL}={images.recipe(debian, images.POSTGRES)}" in build
    assert images.recipe(debian, images.POSTGRES) != before


def test_missing_ones_are_pulled_by_names_that_podman_takes(machine: FakeMachine) -> None:
    machine.answers[LIST] = (0, images.PYTHON, "")
    images.ensure(machine)
    assert machine.did == [f"docker pull docker.io/{images.POSTGRES}", f"docker pull docker.io/{images.S3}"]


@pytest.mark.parametrize(
    ("file", "more"),
    [
        ("config:\n  django-stack:cache: valkey\n", [images.CACHE]),
        ("config:\n  shop:cache: 'valkey'   # for the page\n  shop:mail: mailpit\n", [images.CACHE, images.MAIL]),
        ("config:\n  django-stack:cache: none\n  # django-stack:mail: mailpit\n  django-stack:mail: ses\n", []),
    ],
)
def test_those_of_services_are_there_where_a_stack_asks_for_them(
    machine: FakeMachine, file: str, more: list[str]
) -> None:
    machine.answers[LIST] = (0, "\n".join((images.PYTHON, images.POSTGRES, images.S3)), "")
    (machine.root / "Pulumi.one.yaml").write_text("config: {}\n")
    (machine.root / "Pulumi.two.yaml").write_text(file)
    images.ensure(machine)
    assert machine.did == [f"docker pull docker.io/{image}" for image in more]


def test_the_tests_have_them_all(machine: FakeMachine) -> None:
    machine.answers[LIST] = (0, "", "")
    images.ensure_all(machine)
    assert machine.did == [f"docker pull docker.io/{image}" for image in images.IMAGES]


def test_where_no_registry_is_reached_stand_ins_are_built_on_one_base(debian: FakeMachine) -> None:
    images.ensure_all(debian)
    assert len(commands(debian, "debootstrap --variant=minbase")) == 1
    assert f"LABEL {images.LABEL}={images.BASE}" in commands(debian, "docker import")[0]
    built = [re.search(r"--tag (\S+)", command) for command in commands(debian, "docker build")]
    assert [match[1] for match in built if match] == list(images.IMAGES)
    labelled = [re.search(rf"--label {images.LABEL}=(\S+)", command) for command in commands(debian, "docker build")]
    assert [match[1] for match in labelled if match] == list(images.IMAGES)
    assert f"it cannot be pulled: {NO_SUCH_HOST[0]}" in debian.printed


def test_a_registry_that_was_silent_once_is_not_waited_for_again(debian: FakeMachine) -> None:
    debian.errors["docker pull"] = []
    images.ensure_all(debian)
    assert len(commands(debian, "docker pull")) == 1
    assert len(commands(debian, "docker build")) == 5


def test_one_image_that_is_refused_does_not_keep_the_others_from_being_pulled(debian: FakeMachine) -> None:
    debian.errors = {f"docker pull docker.io/{images.S3}": ["toomanyrequests: You have reached your pull rate limit"]}
    images.ensure_all(debian)
    assert len(commands(debian, "docker pull")) == 5
    assert len(commands(debian, "docker build")) == 1


def test_where_nothing_can_be_built_the_error_says_why_and_what_to_do(machine: FakeMachine) -> None:
    machine.errors["docker pull"] = NO_SUCH_HOST
    with pytest.raises(SetupError, match=f"{images.PYTHON} can be neither pulled .*no such host.* nor built") as error:
        images.ensure(machine)
    assert "sudo python3 tools/setup images" in error.value.remedy


def test_proxies_and_the_mirror_of_this_machine_are_used(debian: FakeMachine) -> None:
    debian.environ.update(https_proxy="http://proxy.example:3128", DEBIAN_MIRROR="http://own.example/debian")
    images.ensure(debian)
    assert commands(debian, "debootstrap")[0].endswith("/root http://own.example/debian")
    assert all("--build-arg https_proxy " in command for command in commands(debian, "docker build"))
    assert not any("proxy.example" in command for command in debian.did), "it may hold a password"


def test_a_base_that_failed_leaves_no_folder(debian: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    answer = debian.ask
    monkeypatch.setattr(debian, "ask", lambda command, **more: asked.append(command) or answer(command, **more))
    debian.errors["debootstrap"] = ["E: Failed getting release file"]
    with pytest.raises(SetupError, match="Failed getting release file") as error:
        images.ensure(debian)
    assert "DEBIAN_MIRROR" in error.value.remedy
    assert asked[-1][:-1] == ["rm", "--recursive", "--force", "--one-file-system"]
    Path(asked[-1][-1]).rmdir()


def test_the_base_gets_security_fixes_of_the_same_mirror() -> None:
    assert images.with_updates("deb http://mirror.example/debian trixie main\n") == (
        "deb http://mirror.example/debian trixie main\n"
        "deb http://mirror.example/debian trixie-updates main\n"
        "deb http://mirror.example/debian-security trixie-security main\n"
    )
    assert images.with_updates("Types: deb\n") == "Types: deb\n"


def test_only_authorities_that_debian_lacks_are_added(tmp_path: Path) -> None:
    def pem(name: bytes) -> str:
        return f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(name).decode()}\n-----END CERTIFICATE-----\n"

    ours, known = tmp_path / "ours", tmp_path / "known"
    ours.write_text(pem(b"both") + "# the proxy's\n" + pem(b"proxy"))
    known.write_text(pem(b"both") + pem(b"debian"))
    assert images.extra_certificates(ours, known) == [pem(b"proxy")]
    assert images.extra_certificates(tmp_path / "absent", known) == []


def test_the_images_are_the_defaults_of_the_project() -> None:
    config = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    keys = ("python-image", "postgres-image", "s3-image", "cache-image", "mail-image")
    version = config["postgres-version"]["default"]
    defaults = [config[key]["default"].replace("{postgres-version}", str(version)) for key in keys]
    assert defaults == list(images.IMAGES)
    assert f"ENV PG_MAJOR={version}" in (ROOT / "tools/images/postgres/Dockerfile").read_text().replace(
        "    PG_MAJOR", "ENV PG_MAJOR"
    )


def test_images_and_go_modules_are_of_one_version(machine: FakeMachine) -> None:
    assert f"versity/versitygw:{images.VERSITYGW.version(machine)}" == images.S3
    assert f"axllent/mailpit:{mailpit.MAILPIT.version(machine)}" == images.MAIL
