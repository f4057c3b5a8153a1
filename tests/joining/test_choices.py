"""What a person is asked, and what is taken where nobody is."""

from pathlib import Path

import pytest

from infra.adoption.choices import ask, defaults, stack_name
from infra.adoption.project import read_project
from tests.joining import projects
from tests.joining.conftest import MakeProject


def test_what_is_there_is_run_by_default(read: MakeProject) -> None:
    chosen = defaults(read(projects.celery, projects.dockerfile_in_a_folder), "")
    assert (chosen.stack, chosen.processes, chosen.cache, chosen.mail) == ("shop", ["worker", "beat"], True, False)


def test_at_most_two_things_are_asked_about_what_runs_and_the_answers_are_heeded(read: MakeProject) -> None:
    asked: list[tuple[str, str]] = []

    def prompt(text: str, default: str) -> str:
        asked.append((text, default))
        return {"worker beat": "worker", "valkey": "none"}[default]

    chosen = ask(defaults(read(projects.celery, projects.dockerfile_in_a_folder), ""), prompt)
    assert [default for _, default in asked] == ["worker beat", "valkey"]
    assert (chosen.processes, chosen.cache) == (["worker"], False)


def test_mailpit_is_neither_offered_nor_refused_where_there_is_none(read: MakeProject, tmp_path: Path) -> None:
    read(projects.celery)
    projects.add(tmp_path / "shop", "shop/settings.py", 'EMAIL_HOST = "mail.example.com"\n')
    project = read_project(tmp_path / "shop")
    asked: list[tuple[str, str]] = []

    def prompt(text: str, default: str) -> str:
        asked.append((text, default))
        return default

    ask(defaults(project, ""), prompt)
    assert asked[-1] == (
        "Which services does the stack run: valkey (cache, broker), mailpit (mails), none?",
        "valkey mailpit",
    )
    chosen = ask(defaults(project, "", "cloud"), prompt)
    assert asked[-1] == ("Which services does the stack run: valkey (cache, broker), none?", "valkey")
    assert (chosen.cache, chosen.mail) == (True, True)


def test_a_project_with_nothing_beside_the_web_is_asked_nothing(read: MakeProject) -> None:
    def prompt(text: str, _: str) -> str:
        raise AssertionError(text)

    ask(defaults(read(), ""), prompt)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("shop", "shop"),
        ("My_Shop 2", "my-shop-2"),
        ("local", "local-site"),
        ("cloud", "cloud-site"),
        ("___", "site-site"),
    ],
)
def test_a_stack_is_called_like_the_folder_by_the_rules_of_stacks(folder: str, name: str) -> None:
    assert stack_name(folder) == name
