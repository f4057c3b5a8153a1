"""The proof, with scripted answers of pulumi and django-stack."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from infra import endpoint
from infra.adoption import proof
from infra.adoption.choices import Choices
from infra.adoption.proof import ProofError, is_made, prove
from infra.endpoint import Endpoint
from tests.infra.test_endpoint import make_context

WELL: list[dict[str, str]] = [
    {"check": "home-page", "level": "ok", "text": "", "fix": ""},
    {"check": "uploads", "level": "ok", "text": "", "fix": ""},
    {"check": "speed", "level": "ok", "text": "", "fix": ""},
]


class Programs:
    """Answers in place of programs, and keeps what was run, and with which environment."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.environ: dict[str, str] = {}
        self.findings = WELL
        self.processes: dict[str, Any] = {"web": {"running": 1, "wanted": 1}, "worker": {"running": 1, "wanted": 1}}
        self.failing = ""
        self.stacks: list[str] = []

    def __call__(self, command: list[str], **options: Any) -> "subprocess.CompletedProcess[str]":
        line = " ".join([Path(command[0]).name, *command[1:]])
        self.ran.append(line)
        self.environ = options["env"]
        failed = bool(self.failing) and self.failing in line
        answer = json.dumps([{"name": name} for name in self.stacks])
        if " doctor " in line:
            answer = json.dumps({"findings": self.findings})
        elif " status " in line:
            answer = json.dumps({"url": "http://localhost:8010/", "processes": self.processes})
        return subprocess.CompletedProcess(command, int(failed), answer, "the reason" if failed else "")


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Programs:
    found = Programs()
    monkeypatch.setattr(proof, "completed", found)
    return found


def run(processes: list[str] | None = None, admin: list[str] | None = None) -> list[str]:
    said: list[str] = []
    prove(Choices("shop", processes=processes or []), admin or [], Path("/nowhere"), said.append)
    return said


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[int, str]]:
    """Pages of the site by their address; the others answer 404."""
    found: dict[str, tuple[int, str]] = {}

    def get(address: str, **_: Any) -> requests.Response:
        answer = requests.Response()
        answer.status_code, text = found.get(address, (404, ""))
        answer._content = text.encode()
        return answer

    monkeypatch.setattr(requests, "get", get)
    return found


def test_the_admin_is_looked_for_where_the_project_has_it(
    programs: Programs, pages: dict[str, tuple[int, str]]
) -> None:
    pages["http://localhost:8010/office/"] = (200, "<input name='csrfmiddlewaretoken'>")
    assert "ok       the admin's login at /office/" in run(admin=["admin/", "office/"])
    assert "unknown  the admin's login: /admin/ answers 404" in run(admin=["admin/"])
    pages["http://localhost:8010/admin/"] = (500, "")
    with pytest.raises(ProofError, match=r"at /admin/ answers 500\. Fix: see django-stack logs -s shop --level error$"):
        run(admin=["admin/"])


def test_a_home_page_without_its_styles_is_no_proof(programs: Programs, pages: dict[str, tuple[int, str]]) -> None:
    pages["http://localhost:8010/"] = (
        200,
        '<link rel="stylesheet" href="/static/site.css"><script src="https://cdn.example/x.js"></script>'
        '<a href="/gone.css">',
    )
    with pytest.raises(ProofError, match=r"links /static/site\.css, which answers 404\. Fix: have Dockerfile\.stack"):
        run()
    pages["http://localhost:8010/static/site.css"] = (200, "p {}")
    run()


def test_a_new_stack_is_made_brought_up_looked_at_and_brought_up_again(programs: Programs) -> None:
    said = run(["worker"])
    assert [line.split(" --")[0] for line in programs.ran] == [
        "pulumi stack ls",
        "pulumi stack init shop",
        "pulumi up",
        "django-stack doctor -s shop",
        "django-stack status -s shop",
        "pulumi up",
    ]
    assert "--expect-no-changes" in programs.ran[-1]
    assert "ok       the home page" in said
    assert "ok       running beside the web: worker" in said
    assert not [line for line in said if "speed" in line]


def test_whether_a_stack_is_made_is_known_without_an_engine(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "none-of-this-name")
    programs.stacks = ["shop"]
    assert is_made("shop", Path("/nowhere"))
    assert not is_made("mine", Path("/nowhere"))
    assert set(programs.ran) == {"pulumi stack ls --json --non-interactive"}

    def missing(command: list[str], **_: Any) -> None:
        raise FileNotFoundError(2, "No such file or directory", command[0])

    monkeypatch.setattr(proof, "completed", missing)
    assert not is_made("shop", Path("/nowhere"))


def test_a_build_that_takes_long_says_that_it_goes_on(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "_TELLING_SECONDS", 0.01)

    def slowly(command: list[str], **options: Any) -> "subprocess.CompletedProcess[str]":
        time.sleep(0.2 if command[:2] == ["pulumi", "up"] else 0)
        return programs(command, **options)

    monkeypatch.setattr(proof, "completed", slowly)
    assert "         … 0 s" in run()


def test_an_error_that_doctor_finds_is_no_proof(programs: Programs) -> None:
    programs.findings = [*WELL, {"check": "uploads", "level": "error", "text": "denied", "fix": "look at media"}]
    with pytest.raises(ProofError, match=r"denied\. Fix: look at media"):
        run()


def test_a_process_that_ended_is_no_proof(programs: Programs) -> None:
    programs.processes["worker"] = {"running": 0, "wanted": 1}
    with pytest.raises(ProofError, match=r"not running: worker\. Fix: django-stack logs -s shop worker"):
        run(["worker"])


def test_processes_that_were_edited_since_are_those_that_count(programs: Programs) -> None:
    programs.processes = {"web": {"running": 1, "wanted": 1}, "mails": {"running": 2, "wanted": 2}}
    assert "ok       running beside the web: mails" in run(["worker"])
    programs.processes["mails"]["running"] = 1
    with pytest.raises(ProofError, match=r"not running: mails\. Fix: django-stack logs -s shop mails"):
        run(["worker"])


@pytest.mark.parametrize(
    ("slow", "said"),
    [
        ("pulumi up", r"pulumi up hadn't ended after 3600 s, and was interrupted\. Fix: django-stack repair -s shop$"),
        ("--expect-no-changes", r"after 3600 s, and was interrupted\. Fix: django-stack repair -s shop$"),
        ("doctor", r"django-stack doctor hadn't ended after 300 s$"),
    ],
)
def test_an_update_that_takes_too_long_may_have_left_the_stack_locked(
    slow: str, said: str, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(command: list[str], **options: Any) -> "subprocess.CompletedProcess[str]":
        if slow in " ".join(command):
            raise subprocess.TimeoutExpired(command, options["seconds"])
        return programs(command, **options)

    monkeypatch.setattr(proof, "completed", slowly)
    with pytest.raises(ProofError, match=said):
        run()


@pytest.mark.parametrize("command", ["pulumi up", "pulumi stack init", "--expect-no-changes"])
def test_a_program_that_fails_ends_it_with_its_last_lines(command: str, programs: Programs) -> None:
    programs.failing = command
    with pytest.raises(ProofError, match=r"(?s)pulumi \w+ failed:.*the reason"):
        run()


def test_the_public_passphrase_is_used_where_nobody_set_one(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE_FILE", raising=False)
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
    run()
    assert programs.environ["PULUMI_CONFIG_PASSPHRASE"] == "django-stack-local"
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "mine")
    run()
    assert programs.environ["PULUMI_CONFIG_PASSPHRASE"] == "mine"


def test_the_engine_of_a_docker_context_is_named_to_pulumi(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Pulumi's own docker plugin knows no contexts, so that the program would refuse to go on."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONTEXT", "colima")
    with pytest.raises(ProofError, match=r"no docker context colima.* Fix: unset DOCKER_CONTEXT"):
        run()
    assert programs.ran == []
    make_context(tmp_path, "colima", Host="unix:///colima.sock")
    run()
    assert programs.environ["DOCKER_HOST"] == "unix:///colima.sock"
    assert "DOCKER_CONTEXT" not in programs.environ


def test_where_nothing_chooses_an_engine_none_is_named(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it doesn't answer, the error would propose to take the choice back."""
    monkeypatch.setattr(endpoint, "find", lambda: Endpoint(endpoint.DEFAULT))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    run()
    assert "DOCKER_HOST" not in programs.environ
