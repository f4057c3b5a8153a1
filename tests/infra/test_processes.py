"""The setting `processes`: named entries with typed fields, and what is said about wrong ones."""

from pathlib import Path
from typing import Any

import pulumi
import pytest

from infra.processes import ProcessSettings
from infra.settings import Settings

WORKER = {"command": "python manage.py db_worker"}
SET = "pulumi config set -s local --path processes"
RM = "pulumi config rm -s local --path processes"
WRONG: list[tuple[Any, list[str]]] = [
    ("worker", ['processes is "worker"', "an object of names", "pulumi config rm -s local processes"]),
    ([WORKER], ["processes is ", "an object of names"]),
    ({"worker": {}}, ["processes.worker.command is missing", f"Fix: {SET}.worker.command"]),
    ({"worker": None}, ["processes.worker.command is missing", "the fix asks for it"]),
    ({"worker": {"command": " "}}, ["processes.worker.command is missing"]),
    ({"worker": "celery -A site worker"}, [f"Fix: {RM}.worker && ", "--path processes.worker.command 'celery -A"]),
    ({"worker": 4}, ["processes.worker is 4; allowed: an object of fields", f"Fix: {RM}.worker"]),
    ({"worker": [1]}, ["processes.worker is [1]", f"Fix: {RM}.worker"]),
    ({"worker": {"command": "a && b"}}, ["no shell reads them: '&&'", f"""{SET}.worker.command 'sh -c "a && b"'"""]),
    ({"worker": {"command": "worker: celery"}}, ["not with a Procfile's worker:", f"{SET}.worker.command celery"]),
    ({"worker": WORKER | {"count": 0}}, ['processes.worker.count is "0"', "1 to 100", f"{SET}.worker.count 1"]),
    ({"worker": WORKER | {"count": "two"}}, ['processes.worker.count is "two"', f"{SET}.worker.count 1"]),
    ({"worker": WORKER | {"count": [2]}}, ['processes.worker.count is "[2]"']),
    ({"worker": WORKER | {"stop-timeout": 300}}, ["seconds, 1 to 120", f"{SET}.worker.stop-timeout 30"]),
    ({"worker": WORKER | {"stop_timeout": 60}}, ["did you mean stop-timeout?", f"{SET}.worker.stop-timeout -- "]),
    ({"worker": {"comand": "x"}}, ["processes.worker.comand is not a field", "did you mean command?"]),
    ({"worker": WORKER | {"comand": "x"}}, ["allowed: command, count, max", f"Fix: {RM}.worker.comand"]),
    ({"worker": WORKER | {"replicas": 3}}, ["processes.worker.replicas is not a field of a process; allowed: command"]),
    ({"worker": WORKER | {"cpu": 512}}, ["processes.worker.cpu is for the cloud platform", f"{RM}.worker.cpu"]),
    ({"worker": WORKER | {"max": 4}}, ["processes.worker.max is for the cloud platform", f"{RM}.worker.max"]),
    ({"worker": WORKER | {"env": ["A"]}}, ["processes.worker.env can't be used", f"{RM}.worker.env"]),
    ({"worker": WORKER | {"env": {"PORT": "1"}}}, ["processes.worker.env.PORT, which the stack sets itself"]),
    ({"worker": WORKER | {"env": {"A": 1.5}}}, ["processes.worker.env.A is 1.5, a number without quotes"]),
    ({"worker": WORKER | {"env": {"A": None}}}, ["has no value", "--type string --path processes.worker.env.A ''"]),
    (
        {"Worker": WORKER},
        ["processes.Worker can't be the name of a process", "lower-case letters", "['worker'] = d.pop"],
    ),
    ({"web": WORKER}, ["processes.web can't be the name", "any name but cache, database", "d['web-process'] ="]),
    ({"a_b": WORKER}, ["['a-b'] = d.pop("]),
    ({"9 lives": WORKER}, ['processes["9 lives"] can', "['process-9-lives'] = d.pop("]),
    ({"x" * 33: WORKER}, ["at most 32 characters"]),
    ({"A b": WORKER, "a-b": WORKER}, ["['a-b-2'] = d.pop"]),
    ({"A b": WORKER, "a.b": WORKER}, ["['a-b'] = d.pop", "['a-b-2'] = d.pop"]),
]


@pytest.fixture
def load(as_stack: Any, set_config: Any) -> Any:
    """Loads the settings of the local stack with these processes."""
    as_stack()

    def load_(processes: object, secrets: tuple[str, ...] = ()) -> Settings:
        set_config({"processes": processes}, secrets=secrets)
        return Settings.load()

    return load_


@pytest.mark.parametrize(("processes", "parts"), WRONG, ids=lambda value: str(value)[:60])
def test_a_wrong_process_is_refused_with_path_value_allowed_and_fix(
    load: Any, processes: object, parts: list[str]
) -> None:
    with pytest.raises(pulumi.RunError) as refused:
        load(processes)
    message = str(refused.value).replace("""'"'"'""", "'")  # as a shell reads it
    for part in parts:
        assert part in message
    assert "Fix: " in message
    assert "nothing was changed" in message


def test_all_that_is_wrong_with_all_processes_is_listed_at_once(load: Any) -> None:
    with pytest.raises(pulumi.RunError, match="4 settings can't be used"):
        load({"a": {"command": "x | y", "count": 0}, "b": {"comand": "x"}, "c": WORKER | {"stop-timeout": 0}})


def test_a_process_has_the_defaults_of_what_it_does_not_say(load: Any) -> None:
    settings = load({"worker": WORKER, "beat": {"command": "celery -A site beat", "count": "1", "stop-timeout": 5}})
    assert settings.processes == {
        "beat": ProcessSettings("beat", frozenset(), ("celery", "-A", "site", "beat"), 1, 0, 0, 0, 6, 5, {}),
        "worker": ProcessSettings("worker", frozenset(), ("python", "manage.py", "db_worker"), 1, 0, 0, 0, 6, 30, {}),
    }
    assert settings.processes["worker"].is_single


def test_no_process_is_the_default(load: Any) -> None:
    for nothing in ({}, "", "{}"):
        assert load(nothing).processes == {}


def test_null_is_the_default_of_a_field(load: Any) -> None:
    worker = load({"worker": WORKER | {"count": None, "env": None}}).processes["worker"]
    assert (worker.count, worker.env) == (1, {})


def test_secret_variables_of_a_process_are_known_and_its_other_fields_are_no_secret(
    load: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.local.yaml").write_text(
        "config:\n  django-stack:processes:\n    worker:\n      command: python manage.py db_worker\n      count: two\n"
        "      env:\n        TOKEN_OF_X:\n          secure: v1:abc\n        PLAIN: x\n"
    )
    monkeypatch.setattr(pulumi, "get_root_directory", lambda: str(tmp_path))
    given = {"worker": WORKER | {"count": 2, "env": {"TOKEN_OF_X": "TOPSECRET", "PLAIN": "x"}}}
    worker = load(given, ("processes",)).processes["worker"]
    assert worker.env == {"TOKEN_OF_X": "TOPSECRET", "PLAIN": "x"}
    assert worker.secret_env == {"TOKEN_OF_X"}
    assert "TOPSECRET" not in repr(worker)
    given["worker"]["count"] = "two"
    with pytest.raises(pulumi.RunError, match=r'processes\.worker\.count is "two"') as refused:
        load(given, ("processes",))
    assert "TOPSECRET" not in str(refused.value)


def test_an_encrypted_field_is_not_shown(load: Any) -> None:
    with pytest.raises(pulumi.RunError) as refused:
        load({"worker": {"command": "python TOPSECRET && x", "count": "TOPSECRET"}, "TOPSECRET x": 1}, ("processes",))
    assert "TOPSECRET && x" not in str(refused.value)
    assert 'is "TOPSECRET"' not in str(refused.value)


def test_fields_of_the_other_platform_are_left_alone_in_what_pulumi_yaml_has_for_every_stack(
    load: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Pulumi.local.yaml").write_text("config: {django-stack:platform: local}\n")
    monkeypatch.setattr(pulumi, "get_root_directory", lambda: str(tmp_path))
    monkeypatch.setattr("infra.fixes.default", lambda key: '{"worker": {"command": "x", "cpu": 512}}')
    assert load('{"worker": {"command": "x", "cpu": 512}}').processes["worker"].command == ("x",)
