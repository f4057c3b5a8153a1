"""Every error about named entries proposes a command: pasted into a shell, with the real `pulumi`, it mends them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.settings import Settings
from tests.infra.projects import Project
from tests.infra.test_fixes import mend

pytestmark = pytest.mark.pulumi

LOCAL = "platform: local"
CLOUD = "platform: cloud\naws:region: eu-central-1\nmail: none"
WRONG = """processes:
    procfile: celery -A site worker
    number: 1.10
    list: [1]
    nothing:
    piped:
      command: python manage.py db_worker > /dev/null
      count: 0
      stop-timeout: 0200
    misspelled:
      comand: python manage.py db_worker
      stop_timeout: 60
      replicas: 3
    variables:
      command: python manage.py db_worker
      env:
        VERSION: 1.10
        DATABASE_URL: x
        not a name: x
        EMPTY:"""
MENDED = {
    "procfile": (("celery", "-A", "site", "worker"), 1, 30),
    "nothing": (("typed",), 1, 30),
    "piped": (("sh", "-c", "exec python manage.py db_worker > /dev/null"), 1, 30),
    "misspelled": (("python", "manage.py", "db_worker"), 1, 60),
    "variables": (("python", "manage.py", "db_worker"), 1, 30),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path, monkeypatch, "django-stack", "dev")


def mended(settings: Settings) -> dict[str, tuple[tuple[str, ...], int, int]]:
    return {name: (one.command, one.count, one.stop_timeout) for name, one in settings.processes.items()}


def as_yaml(project: Project) -> None:
    project.write(f"{LOCAL}\n{WRONG}")


def as_one_text(project: Project) -> None:
    """What `pulumi config set processes '{…}'` stores."""
    as_yaml(project)
    text = project.config()["django-stack:processes"]["value"]
    project.write(f"{LOCAL}\nprocesses: {json.dumps(text)}")


def with_a_name_that_cannot_be(project: Project) -> None:
    """A name is mended by one JSON text in the object's place, in which `--path` finds nothing any more."""
    project.write(f"{LOCAL}\n{WRONG}\n    Not A Name:\n      command: python x.py\n    not.a.name: python y.py")


@pytest.mark.report("pulumi#6787")
@pytest.mark.parametrize("write", [as_yaml, as_one_text, with_a_name_that_cannot_be])
def test_fixes_mend_processes_that_are_all_wrong(project: Project, write: Callable[[Project], None]) -> None:
    write(project)
    mend(project)
    settings = project.load()
    renamed = {"not-a-name": (("python", "x.py"), 1, 30), "not-a-name-2": (("python", "y.py"), 1, 30)}
    assert mended(settings) == MENDED | (renamed if write is with_a_name_that_cannot_be else {})
    assert set(settings.processes["variables"].env.values()) <= {"1.10", "1.1", ""}
    in_yaml = "\n    piped:\n" in (project.folder / "Pulumi.dev.yaml").read_text()
    assert in_yaml == (write is as_yaml)


@pytest.mark.parametrize(("platform", "fields"), [(LOCAL, "max cpu memory connections"), (CLOUD, "")])
def test_fields_of_the_other_platform_are_taken_out(project: Project, platform: str, fields: str) -> None:
    given = "command: x, count: 1, max: 2, cpu: 512, memory: 1024, connections: 2, stop-timeout: 9"
    tasks = "" if platform == LOCAL else "\ntasks-max: 2"
    project.write(f"{platform}\nprocesses:\n    worker: {{{given}}}{tasks}")
    assert sorted(error.split()[0].rpartition(".")[2] for error in mend(project)) == sorted(fields.split())
    assert project.load().processes["worker"].stop_timeout == 9


def test_a_secret_variable_stays_one_while_the_rest_is_mended(project: Project) -> None:
    project.write(f"{LOCAL}\nprocesses:\n    worker:\n      comand: python x.py\n      count: two")
    project.run("pulumi", "config", "set", "-s", "dev", "--secret", "--path", "processes.worker.env.TOKEN", "hidden")
    assert not any("hidden" in error for error in project.errors())
    mend(project)
    worker = project.load().processes["worker"]
    assert (worker.command, worker.count) == (("python", "x.py"), 1)
    assert (worker.env, worker.secret_env) == ({"TOKEN": "hidden"}, {"TOKEN"})
    assert "hidden" not in (project.folder / "Pulumi.dev.yaml").read_text()


def test_what_yaml_reads_as_a_time_is_text_once_it_is_mended(project: Project) -> None:
    project.write(f"{LOCAL}\nprocesses:\n    worker:\n      command: 2026-01-31")
    mend(project)
    assert project.load().processes["worker"].command == ("2026-01-31",)


def test_what_pulumi_yaml_has_for_every_stack_is_mended_as_a_whole(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path would begin an object of the stack's own, without what it inherits."""
    monkeypatch.setattr("infra.fixes.ROOT", project.folder)
    file = project.folder / "Pulumi.yaml"
    text = file.read_text()
    inherited = "  processes:\n    default: {worker: {command: python x.py, count: 0, cpu: 512}}\n"
    assert "  processes:\n" in text
    head, _, rest = text.partition("  processes:\n")
    file.write_text(head + inherited + rest.split("\n", 2)[2])
    project.write(LOCAL)
    (error,) = project.errors()
    project.paste(error)
    assert "processes.worker.cpu is for the cloud platform" in mend(project)[0]  # now the stack's own
    assert mended(project.load()) == {"worker": (("python", "x.py"), 1, 30)}
