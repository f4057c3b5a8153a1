"""`django-stack adopt` and `django-stack new`, without bringing anything up."""

import ast
import hashlib
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from importlib.metadata import packages_distributions, requires
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from click.testing import CliRunner, Result
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.adoption.choices import Choices, defaults
from infra.adoption.project import Project
from infra.adoption.proof import ProofError
from infra.checkout import ROOT
from infra.commands.main import cli
from infra.commands.new import BROUGHT
from tests.joining import projects
from tests.joining.projects import make


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, a checkout with a Pulumi.yaml; there is no Docker engine."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: django-stack\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    return folder


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The stacks that Pulumi has; none unless a test adds one."""
    names: set[str] = set()
    monkeypatch.setattr("infra.commands.adopt.is_made", lambda name, _: name in names)
    return names


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_dry_run_shows_every_file_and_writes_none(tmp_path: Path) -> None:
    folder = make(tmp_path / "shop", projects.celery)
    projects.write(folder, "Procfile", "release: ./release.sh\n")
    before = files(tmp_path)
    done = run("adopt", str(folder), "--dry-run")
    assert done.exit_code == 0, done.output
    for name in ("settings_stack.py", "Dockerfile.stack", "requirements.txt", "Pulumi.shop.yaml"):
        assert f"{name}\n" in done.output
    assert "7 files would be written; nothing was." in done.output
    left = done.output.partition("What stays behind:\n")[2]
    assert "search (opensearchproject/opensearch:2) of compose isn't run" in left
    assert "`./release.sh` (Procfile)" in left
    assert files(tmp_path) == before


def test_the_files_are_written_once_and_found_unchanged_again(tmp_path: Path, checkout: Path) -> None:
    folder = make(tmp_path / "shop", projects.settings_package, projects.build_env)
    first = run("adopt", str(folder), "--yes", "--no-prove")
    assert first.exit_code == 0, first.output
    assert first.output.count("new  ") == 7
    assert "PAYMENT_KEY is 'unset' in Pulumi.shop.yaml" in first.output
    before = files(tmp_path)
    second = run("adopt", str(folder), "--yes", "--no-prove")
    assert second.output.count("unchanged  ") == 7
    assert files(tmp_path) == before
    assert yaml.safe_load((checkout / "Pulumi.shop.yaml").read_text())["config"]["django-stack:app-path"] == str(folder)


def test_a_file_of_somebody_else_s_stops_it_before_anything_is_written(tmp_path: Path) -> None:
    folder = make(tmp_path / "shop")
    projects.write(folder, "Dockerfile.stack", "FROM scratch\n")
    before = files(tmp_path)
    done = run("adopt", str(folder), "--yes", "--no-prove")
    assert done.exit_code == 1
    assert f"Not written by adopt, so nothing was written: {folder}/Dockerfile.stack." in done.output
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("platform", "stack", "first"),
    [
        ("local", "shop", "pulumi stack init --no-select shop"),
        ("cloud", "shop-cloud", "make the stack shop-cloud, as in docs/cloud.md, step 3"),
    ],
)
def test_a_stack_is_made_before_what_needs_it_and_only_once(
    platform: str, stack: str, first: str, tmp_path: Path, made: set[str]
) -> None:
    folder = make(tmp_path / "shop", projects.settings_package, projects.build_env)
    arguments = ("adopt", str(folder), "--no-prove", "--platform", platform)
    done = run(*arguments, "--dry-run")
    assert "First: the same without --dry-run\nWhat stays behind:\n" in done.output
    done = run(*arguments, "--yes")
    assert f"\nFirst: {first}\nWhat stays behind:\n" in done.output
    assert f"Fix: pulumi config set -s {stack} " in done.output.partition("What stays behind:\n")[2]
    assert f"\nFirst: {first}\n" in run(*arguments, "--dry-run").output
    made.add(stack)
    for how in ("--yes", "--dry-run"):
        done = run(*arguments, how)
        assert "First: " not in done.output
        assert "stack init" not in done.output


def test_what_fails_before_the_stack_is_made_is_followed_by_what_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ProofError("there is no engine")

    monkeypatch.setattr("infra.commands.adopt.prove", fails)
    done = run("adopt", str(make(tmp_path / "shop")), "--yes")
    assert "Not proved: there is no engine\nFirst: pulumi stack init --no-select shop\n" in done.output
    assert done.output.endswith("Next: pulumi up -s shop; django-stack manage -s shop createsuperuser\n")


def test_a_stack_s_file_that_is_in_the_way_stays_and_another_name_is_proposed(tmp_path: Path, checkout: Path) -> None:
    """A stack that is up may run with it."""
    folder = make(tmp_path / "shop", projects.settings_package)
    for name in ("shop", "shop-2"):
        (checkout / f"Pulumi.{name}.yaml").write_text("config:\n  django-stack:web-port: 8001\n")
    before = files(tmp_path)
    done = run("adopt", str(folder), "--yes", "--no-prove", "--settings", "shop.settings.local")
    assert done.exit_code == 1
    fix = f"django-stack adopt {folder} --settings shop.settings.local --yes --no-prove --stack shop-3"
    assert done.output.endswith(f"nothing was written: {checkout}/Pulumi.shop.yaml. Fix: {fix}\n")
    assert files(tmp_path) == before
    assert run(*fix.split()[1:]).exit_code == 0
    projects.write(folder, "Dockerfile.stack", "FROM scratch\n")
    done = run("adopt", str(folder), "--yes", "--stack", "shop")
    again = f"django-stack adopt {folder} --yes --stack shop-4"
    assert f"Fix: rename or remove {folder}/Dockerfile.stack, then: {again}\n" in done.output


def test_a_stack_of_another_project_in_a_folder_of_this_name_is_left_alone(tmp_path: Path) -> None:
    """Or else the next update would serve one project with the other one's data."""
    mine, theirs = make(tmp_path / "mine/shop"), make(tmp_path / "theirs/shop")
    assert run("adopt", str(theirs), "--yes", "--no-prove").exit_code == 0
    before = files(tmp_path)
    done = run("adopt", str(mine), "--yes", "--no-prove")
    assert done.exit_code == 1
    assert f"The stack shop serves {theirs} already. Fix: --stack shop-2; or, if " in done.output
    assert f"pulumi config set -s shop app-path {mine}" in done.output
    assert files(tmp_path) == before
    theirs.rename(tmp_path / "moved")
    assert run("adopt", str(tmp_path / "moved"), "--yes", "--no-prove", "--stack", "shop").exit_code == 0


def test_the_stack_and_the_settings_can_be_named(tmp_path: Path, checkout: Path) -> None:
    folder = make(tmp_path / "shop", projects.settings_package)
    done = run("adopt", str(folder), "--yes", "--no-prove", "--stack", "pr-7", "--settings", "shop.settings.local")
    assert done.exit_code == 0, done.output
    assert "from shop.settings.local import *" in (folder / "shop/settings/stack.py").read_text()
    assert (checkout / "Pulumi.pr-7.yaml").is_file()


def test_a_name_that_no_stack_can_have_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    folder = make(tmp_path / "shop")
    before = files(tmp_path)
    done = run("adopt", str(folder), "--yes", "--no-prove", "--stack", "../Mine")
    assert done.exit_code == 1
    assert "../Mine can't be the name of a stack. Fix: --stack mine\n" in done.output
    assert files(tmp_path) == before


def test_a_stack_in_the_cloud_has_a_name_and_a_file_of_its_own_and_is_not_brought_up(
    tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make(tmp_path / "shop", projects.celery)
    proved: list[str] = []
    monkeypatch.setattr("infra.commands.adopt.prove", lambda choices, *_: proved.append(choices.stack))
    done = run("adopt", str(folder), "--yes")
    assert done.output.endswith(f"To AWS: django-stack adopt {folder} --platform cloud (docs/adopt.md)\n")
    before = files(tmp_path)
    done = run("adopt", str(folder), "--yes", "--platform", "cloud")
    assert done.exit_code == 0, done.output
    assert proved == ["shop"]
    assert set(files(tmp_path)) - set(before) == {"checkout/Pulumi.shop-cloud.yaml"}
    assert {path: files(tmp_path)[path] for path in before} == before, "the project has one image for both"
    assert done.output.endswith("Next: docs/cloud.md, with shop-cloud as the stack's name in the place of cloud\n")
    assert "django-stack:platform: cloud\n" in (checkout / "Pulumi.shop-cloud.yaml").read_text()


def another_production(folder: Path) -> None:
    projects.write(folder, "shop/settings/heroku.py", "from .base import *\n")


@pytest.fixture
def unproved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is brought up."""
    monkeypatch.setattr("infra.commands.adopt.prove", lambda *_: None)


@pytest.mark.usefixtures("unproved")
def test_what_was_said_of_the_files_that_two_stacks_share_goes_for_the_second_one_too(tmp_path: Path) -> None:
    folder = make(tmp_path / "shop", projects.settings_package, another_production)
    options = ("--settings", "shop.settings.heroku", "--python-image", "mine:1")
    done = run("adopt", str(folder), "--yes", *options)
    assert "not sure whether shop.settings" not in done.output, "somebody said so"
    assert done.output.endswith(
        f"To AWS: django-stack adopt {folder} {' '.join(options)} --platform cloud (docs/adopt.md)\n"
    )
    before = files(tmp_path)
    done = run("adopt", str(folder), "--yes", "--platform", "cloud", "--python-image", "mine:1")
    assert {path: files(tmp_path)[path] for path in before} == before
    assert "whether shop.settings.heroku is what production runs with (also there: shop.settings.prod" in done.output
    (folder / "shop/settings/heroku.py").unlink()
    assert "which takes shop.settings.production and" in run("adopt", str(folder), "--dry-run").output


def mails_and_a_broker(folder: Path) -> None:
    projects.celery(folder)
    projects.add(folder, "shop/settings.py", 'EMAIL_HOST = os.environ["EMAIL_HOST"]\n')


@pytest.mark.usefixtures("unproved")
@pytest.mark.parametrize("services", ["valkey", "none"])
def test_what_runs_beside_one_stack_changes_nothing_for_another_one(
    services: str, tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their settings module and image are the same."""
    folder = make(tmp_path / "shop", mails_and_a_broker)
    assert run("adopt", str(folder), "--yes").exit_code == 0
    before = files(tmp_path)
    monkeypatch.setattr("infra.commands.adopt.sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    arguments = ["adopt", str(folder), "--platform", "cloud"]
    done = CliRunner().invoke(cli, arguments, input=f"worker\n{services}\ny\n")
    assert done.exit_code == 0, done.output
    assert {path: files(tmp_path)[path] for path in before} == before
    config = yaml.safe_load((checkout / "Pulumi.shop-cloud.yaml").read_text())["config"]
    assert ("django-stack:cache" in config) == (services == "valkey")


@pytest.mark.usefixtures("unproved")
def test_a_stack_without_services_has_the_settings_of_one_with_them(
    tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And an image that gets what a cache takes when a stack has one."""
    folder = make(tmp_path / "shop", mails_and_a_broker)

    def bare(project: Project, stack: str, platform: str) -> Choices:
        return replace(defaults(project, stack, platform), cache=False, mail=False)

    with monkeypatch.context() as patched:
        patched.setattr("infra.commands.adopt.defaults", bare)
        assert run("adopt", str(folder), "--yes").exit_code == 0
    before = files(tmp_path)
    assert yaml.safe_load((checkout / "Pulumi.shop.yaml").read_text())["config"]["django-stack:env"] == {
        "EMAIL_HOST": "localhost"
    }
    assert run("adopt", str(folder), "--yes", "--platform", "cloud").exit_code == 0
    after = files(tmp_path)
    assert [path for path in before if after[path] != before[path]] == ["shop/django-stack/requirements.txt"]
    assert b",redis]" in after["shop/django-stack/requirements.txt"]


def test_control_characters_of_a_project_s_files_are_not_printed(tmp_path: Path) -> None:
    """They would hide what somebody is going to paste."""
    folder = make(tmp_path / "shop")
    projects.write(folder, "app.json", '{"scripts": {"postdeploy": "./first\\u0008\\u0008 --all"}}')
    assert "-- './first' --all\n" in run("adopt", str(folder), "--dry-run").output


@pytest.mark.parametrize(("there", "other"), [("local", "cloud"), ("cloud", "local")])
def test_the_file_of_a_stack_on_the_other_platform_is_not_written_anew(there: str, other: str, tmp_path: Path) -> None:
    """Or else the next update would remove the stack there."""
    folder = make(tmp_path / "shop")
    arguments = ("adopt", str(folder), "--yes", "--no-prove", "--stack", "shop", "--platform")
    assert run(*arguments, there).exit_code == 0
    before = files(tmp_path)
    done = run(*arguments, other)
    assert done.exit_code == 1
    assert f"The stack shop is on the platform {there} already. Fix: --platform {there}" in done.output
    assert files(tmp_path) == before
    assert run(*arguments, there).exit_code == 0


def test_a_name_that_is_too_long_for_aws_is_shortened_or_refused(tmp_path: Path, checkout: Path) -> None:
    folder = make(tmp_path / "shop-of-many-things")
    arguments = ("adopt", str(folder), "--yes", "--platform", "cloud")
    assert run(*arguments).exit_code == 0
    (file,) = checkout.glob("Pulumi.*.yaml")
    assert len(f"django-stack-{file.name.split('.')[1]}") <= 30
    done = run(*arguments, "--stack", "shop-of-many-things")
    assert "shop-of-many-things can't be the name of a stack. Fix: --stack shop-of-man" in done.output


def test_a_new_project_takes_the_name_of_the_empty_folder_in_which_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "checkout" / "shop").mkdir()
    monkeypatch.chdir(tmp_path / "checkout" / "shop")
    monkeypatch.setattr("infra.commands.new.ROOT", tmp_path / "checkout")
    done = run("new", ".", "--no-prove")
    assert done.exit_code == 0, done.output
    assert (
        "Next: pulumi stack init --no-select shop; pulumi up -s shop; django-stack manage -s shop createsuperuser"
        in done.output
    )
    assert (tmp_path / "checkout" / "Pulumi.shop.yaml").is_file()


def test_a_new_project_is_whole_and_its_names_are_filled_in(tmp_path: Path, checkout: Path) -> None:
    done = run("new", str(tmp_path / "my-shop"), "--no-prove")
    assert done.exit_code == 0, done.output
    written = files(tmp_path / "my-shop")
    assert {"manage.py", "my_shop/settings.py", "documents/migrations/0001_initial.py", "Dockerfile"} <= set(written)
    for name, content in written.items():
        if not name.endswith(".whl"):
            assert not re.search(r"\{\{ (?:project|stack|wheel|image|title|port|python) \}\}", content.decode()), name
        if name.endswith(".py"):
            ast.parse(content)
    config = yaml.safe_load((checkout / "Pulumi.my-shop.yaml").read_text())["config"]
    assert config["django-stack:app-path"] == str(tmp_path / "my-shop")


def test_a_new_project_s_requirements_can_be_pinned_where_they_are_and_installed_in_the_image(tmp_path: Path) -> None:
    folder = tmp_path / "my-shop"
    assert run("new", str(folder), "--no-prove").exit_code == 0
    (wheel,) = folder.glob("django-stack/*.whl")
    django, package = (folder / "requirements.txt").read_text().splitlines()
    assert (django.partition(">")[0], package) == ("django", f"./django-stack/{wheel.name}[standard]")
    command = "pip compile --quiet --no-deps --offline --no-index --no-annotate --no-header --generate-hashes -"
    pinned = subprocess.run(
        [Path(sys.executable).with_name("uv"), *command.split()],
        cwd=folder,
        input=package,
        capture_output=True,
        text=True,
        check=True,
    )
    hashed = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert pinned.stdout.replace("\\\n", "").split() == [
        f"./django-stack/{wheel.name}",
        f"--hash=sha256:{hashed}",
    ]
    dockerfile = (folder / "Dockerfile").read_text()
    copied, installed = dockerfile.split("RUN python3 -m venv /opt/venv")
    assert copied.endswith("WORKDIR /app\n\nCOPY django-stack ./django-stack\nCOPY requirements.txt ./\n")
    assert installed.startswith(" && pip install --quiet --no-cache-dir -r requirements.txt\n\nCOPY . .\n")


@pytest.mark.parametrize(
    "name", ["9lives", "django", "class", "json", "templates", "a b", "storages", "dj-database-url"]
)
def test_a_name_that_no_project_can_have_is_refused(name: str, tmp_path: Path) -> None:
    before = files(tmp_path)
    done = run("new", str(tmp_path / name), "--no-prove")
    assert done.exit_code == 1
    assert "can't be the name of a project" in done.output
    assert files(tmp_path) == before


def test_no_project_has_the_name_of_what_the_package_brings() -> None:
    """As what it requires is installed here, whichever extra asks for it."""
    metadata = tomllib.loads((ROOT / "app/contract/pyproject.toml").read_text())["project"]
    waiting = [*metadata["dependencies"], *chain(*metadata["optional-dependencies"].values())]
    extras: dict[str, set[str]] = {}
    while waiting:
        one = Requirement(waiting.pop())
        known = extras.setdefault(canonicalize_name(one.name), set())
        if one.name.startswith("django-stack") or (known and known >= one.extras):
            continue
        known |= {"", *one.extras}
        waiting += [
            text
            for text in requires(one.name) or []
            if (marker := Requirement(text).marker) is None or any(marker.evaluate({"extra": each}) for each in known)
        ]
    modules = {
        module
        for module, distributions in packages_distributions().items()
        if extras.keys() & {canonicalize_name(name) for name in distributions}
    }
    assert {"psycopg_binary", "s3transfer", "environ"} <= modules
    assert modules <= BROUGHT


def test_a_folder_that_is_there_already_is_left_alone(tmp_path: Path) -> None:
    folder = make(tmp_path / "shop")
    before = files(tmp_path)
    assert "is there already" in run("new", str(folder)).output
    assert files(tmp_path) == before
