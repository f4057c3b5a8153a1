"""What runs before a new version goes live: what becomes `release-commands`, and what is left to a person."""

import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from infra import command_line
from infra.adoption.planning import Plan
from infra.adoption.project import read_project
from tests.joining import projects
from tests.joining.conftest import plan_of, text_of

MakePlan = Callable[..., Plan]
MIGRATE = "python manage.py migrate --noinput"
SETTING = "django-stack:release-commands"


def with_file(path: str, text: str) -> projects.Trait:
    return lambda folder: projects.write(folder, path, text)


def config_of(found: Plan) -> dict[str, object]:
    config: dict[str, object] = yaml.safe_load(text_of(found, "Pulumi.shop.yaml"))["config"]
    return config


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        (
            "python manage.py migrate && python manage.py createcachetable",
            [MIGRATE, "python manage.py createcachetable"],
        ),
        ("./manage.py check --deploy && python3 manage.py migrate", ["python manage.py check --deploy", MIGRATE]),
        ("poetry run python manage.py warm 'a b'", [MIGRATE, "python manage.py warm 'a b'"]),
        ("cd site && python manage.py migrate && python manage.py warm", [MIGRATE, "python manage.py warm"]),
        ("python manage.py migrate --run-syncdb --no-input", [f"{MIGRATE} --run-syncdb"]),
        ("python manage.py migrate --database=other", [MIGRATE, "python manage.py migrate --database=other"]),
        ("python manage.py migrate shop 0004", [MIGRATE, "python manage.py migrate shop 0004"]),
    ],
)
def test_commands_of_manage_py_become_release_commands_with_the_stack_s_migrate(
    line: str, commands: list[str], planned: MakePlan
) -> None:
    found = planned(with_file("Procfile", f"web: gunicorn shop.wsgi\nrelease: {line}\n"))
    assert config_of(found)[SETTING] == commands
    assert f"release: {', '.join(f'`{one}`' for one in commands)}" in found.said
    assert found.left == []


@pytest.mark.parametrize(
    "line",
    [
        "python manage.py migrate",
        "DJANGO_SETTINGS_MODULE=shop.live python manage.py migrate --noinput",
        "django-admin migrate --settings shop.live && python manage.py collectstatic --no-input --settings=shop.live",
        "python manage.py compilemessages && python3 manage.py migrate",
    ],
)
def test_what_a_stack_does_anyway_needs_no_setting(line: str, planned: MakePlan) -> None:
    found = planned(with_file("Procfile", f"release: {line}\n"))
    assert SETTING not in config_of(found)
    assert (found.left, [text for text in found.said if text.startswith("release: ")]) == ([], [])


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("heroku.yml", "release: {image: web, command: [python manage.py migrate, python manage.py warm]}\n"),
        ("heroku.yml", "release: {command: python manage.py migrate && python manage.py warm}\n"),
        ("fly.toml", '[deploy]\nrelease_command = "python manage.py migrate && python manage.py warm"\n'),
        (
            "render.yaml",
            "services:\n- {type: web, name: a, preDeployCommand: python manage.py migrate && python manage.py warm}\n",
        ),
        (
            "render.yaml",
            "services:\n- type: web\n  preDeployCommand: |\n    # twice\n    python manage.py migrate &&\n"
            "    python manage.py warm\n    python manage.py \\\n      warm\n",
        ),
    ],
)
def test_the_release_is_found_where_heroku_render_and_fly_have_it(path: str, text: str, planned: MakePlan) -> None:
    assert config_of(planned(with_file(path, text)))[SETTING] == [MIGRATE, "python manage.py warm"]


def test_a_release_in_two_files_runs_once(planned: MakePlan, tmp_path: Path) -> None:
    planned(with_file("Procfile", "release: python manage.py migrate && python manage.py warm\n"))
    projects.write(tmp_path / "shop", "heroku.yml", "release: {command: [./manage.py warm, ./manage.py poll]}\n")
    found = plan_of(read_project(tmp_path / "shop"), tmp_path / "checkout")
    assert config_of(found)[SETTING] == [MIGRATE, "python manage.py warm", "python manage.py poll"]


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        ("./release.sh", [MIGRATE, "./release.sh"]),
        ("python manage.py migrate && npm run seed", [MIGRATE, "npm run seed"]),
        ("python manage.py warm || true", [MIGRATE, 'sh -c "python manage.py warm || true"']),
        ("cd site && ./seed.sh", [MIGRATE, 'sh -c "cd site && ./seed.sh"']),
        ("export SIZE=9 && ./seed.sh", [MIGRATE, 'sh -c "export SIZE=9 && ./seed.sh"']),
        ("python manage.py warm $SIZE", [MIGRATE, 'sh -c "exec python manage.py warm $SIZE"']),
    ],
)
def test_another_release_is_named_with_the_command_that_takes_it_over(
    line: str, commands: list[str], planned: MakePlan
) -> None:
    found = planned(with_file("Procfile", f"release: {line}\n"))
    assert SETTING not in config_of(found), "half of it might do harm"
    (left,) = found.left
    said = f"before a new version serves, `{MIGRATE}` runs, but not `{line}` (Procfile). If the image can run it: "
    assert left.startswith(said)
    *_, key, value = command_line.split(left.removeprefix(said))
    assert (key, json.loads(value)) == ("release-commands", commands)
    assert all(map(command_line.split, commands))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("app.json", '{"scripts": {"postdeploy": "python3 manage.py loaddata first && ./seed.sh"}}'),
        ("app.json", '{"scripts": {"postdeploy": {"command": "python3 manage.py loaddata first && ./seed.sh"}}}'),
        ("app.json", '{\n\t"scripts": {"postdeploy": "python3 manage.py loaddata first && ./seed.sh"}}'),
        (
            "render.yaml",
            "services: [{type: web, initialDeployHook: python3 manage.py loaddata first && ./seed.sh}]\n",
        ),
    ],
)
def test_what_runs_after_the_first_version_alone_is_named(path: str, text: str, planned: MakePlan) -> None:
    found = planned(with_file(path, text))
    assert SETTING not in config_of(found)
    assert found.left == [
        f"{path} runs `python3 manage.py loaddata first && ./seed.sh` after the first version alone. If it is needed: "
        "django-stack run -s shop -- sh -c 'python3 manage.py loaddata first && ./seed.sh'"
    ]


@pytest.mark.parametrize(
    ("line", "takes_a_shell"),
    [
        ("python manage.py loaddata 'the first' --size=9", False),
        ('python manage.py createadmin --email $HOME --pw "$PATH"', True),
        ("python manage.py greet `touch here` it's", True),
        ('python manage.py greet "$(touch here)"', True),
        ("python manage.py fetch https://example.com/?a=1&touch here", False),
        ("python manage.py fetch --from={a,b} --but=*.json", False),
    ],
)
def test_the_shell_of_whoever_pastes_it_expands_and_runs_nothing_of_it(
    line: str, takes_a_shell: bool, planned: MakePlan, tmp_path: Path
) -> None:
    (left,) = planned(with_file("app.json", json.dumps({"scripts": {"postdeploy": line}}))).left
    folder = tmp_path / "pasted"
    folder.mkdir()
    (folder / "--but=a.json").touch()
    script = 'django-stack() { printf "%s\\0" "$@"; }\n' + left.partition("If it is needed: ")[2]
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    words = ["sh", "-c", line] if takes_a_shell else shlex.split(line)
    assert done.stdout.split("\0") == ["run", "-s", "shop", "--", *words, ""]
    assert [one.name for one in folder.iterdir()] == ["--but=a.json"]


@pytest.mark.parametrize("path", ["heroku.yml", "render.yaml", "fly.toml", "app.json"])
@pytest.mark.parametrize(
    "text", ["", "{", "[1", "release: 1\nrun: [a]\nservices: {a: 1}\nscripts: []\n", "deploy = 1\nprocesses = 2\n"]
)
def test_a_file_of_another_form_says_nothing(path: str, text: str, planned: MakePlan) -> None:
    found = planned(with_file(path, text))
    assert (found.left, SETTING in config_of(found)) == ([], False)


def test_the_processes_of_fly_run_beside_the_web(planned: MakePlan) -> None:
    found = planned(with_file("fly.toml", '[processes]\napp = "./start"\njobs = "python manage.py db_worker"\n'))
    assert config_of(found)["django-stack:processes"] == {
        "worker": {"command": "python manage.py db_worker", "stop-timeout": 60}
    }
    assert found.left == []


def test_the_commands_of_heroku_yml_run_beside_the_web(planned: MakePlan) -> None:
    text = "run:\n  web: gunicorn shop.wsgi\n  jobs: {command: [./manage.py db_worker], image: web}\n  bot: ./bot\n"
    found = planned(with_file("heroku.yml", text))
    assert config_of(found)["django-stack:processes"] == {
        "worker": {"command": "python manage.py db_worker", "stop-timeout": 60}
    }
    assert found.left == ["bot (heroku.yml) runs `./bot`: the stack has no process for it"]
