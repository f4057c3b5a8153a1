"""docker-py looks at each thing that the engine listed. One that goes in between ends no command.

An update, another command or another stack's test may remove it at any moment.
"""

import ast
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import NotFound
from docker.models.containers import ContainerCollection

from infra import endpoint
from infra.commands import repair, stack
from infra.commands.data import local_database
from infra.commands.operations.local import StackOperations
from infra.commands.operations.local_versions import StackVersions
from infra.local.steps import containers, release
from tests import ROOT

FOLDERS = ("infra", "tools", "tests", "benchmarks")
GONE, WEB = "a" * 64, "b" * 64
LOOKED_AT = {
    "Id": WEB,
    "Name": "/shop-local-web",
    "State": {"Status": "running"},
    "Config": {"Labels": {}, "Env": [], "Cmd": ["/schedules", "{}"]},
}
LOOKS: dict[str, Callable[[Any], object]] = {
    "the web": lambda engine: stack.web(engine, "local"),
    "processes": lambda _: StackOperations("local", {}).environment(),
    "schedules": lambda _: StackOperations("local", {}).schedules(),
    "versions": lambda _: StackVersions("local", {}).is_up(),
    "a database": lambda engine: local_database._running(engine, "local"),
    "repair": lambda engine: repair.remove_orphans(engine, "local", [{"id": WEB}]),
    "a release": lambda engine: containers.remove(engine, {}),
}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An engine that lists two containers of a stack, the first of which has gone when it is looked at."""

    def inspect(identity: str) -> dict[str, Any]:
        if identity == GONE:
            raise NotFound(f"No such container: {identity}")
        return LOOKED_AT

    def no_records(*_: object, **__: object) -> None:
        raise NotFound("Could not find the file /schedules")

    api = SimpleNamespace(
        containers=lambda **_: [{"Id": GONE}, {"Id": WEB}],
        inspect_container=inspect,
        get_archive=no_records,
        remove_container=lambda *_, **__: None,
    )
    engine: Any = SimpleNamespace(api=api, networks=SimpleNamespace(list=lambda **_: []))
    engine.containers = ContainerCollection(client=engine)
    monkeypatch.setattr(stack, "project_name", lambda: "shop")
    monkeypatch.setattr(stack, "engine", lambda: engine)
    monkeypatch.setattr(endpoint, "client", lambda: engine)
    return engine


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_a_container_that_goes_while_it_is_looked_at_is_no_failure(engine: Any, look: Callable[[Any], object]) -> None:
    with pytest.raises(NotFound):
        engine.containers.list()
    look(engine)


def test_a_run_that_goes_while_it_is_looked_at_is_not_there(engine: Any) -> None:
    del engine
    with pytest.raises(SystemExit, match=r"There is no run x of the stack local\. There are: shop-local-web$"):
        StackOperations("local", {}).attach("x")


def test_what_serves_after_a_failed_release_is_said_although_a_container_goes(engine: Any) -> None:
    del engine
    request: Any = SimpleNamespace(web="shop-local-web")
    assert release.what_serves(request) == "The web version that was running keeps serving. "


def calls_of(name: str, module: Path) -> list[ast.Call]:
    """The calls of a method, by the end of its name."""
    calls = (node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call))
    return [call for call in calls if ast.unparse(call.func).endswith(f".{name}")]


def where(module: Path, call: ast.Call) -> str:
    return f"{module.relative_to(ROOT)}:{call.lineno}"


def modules() -> list[Path]:
    return [module for folder in FOLDERS for module in (ROOT / folder).rglob("*.py")]


def test_no_list_of_containers_fails_for_one_that_goes() -> None:
    here = Path(__file__)
    found = [(module, call) for module in modules() if module != here for call in calls_of("containers.list", module)]
    assert len(found) > 20
    patient = "ignore_removed=True"
    assert [where(*one) for one in found if patient not in map(ast.unparse, one[1].keywords)] == []


def test_the_program_lists_images_as_the_engine_gives_them() -> None:
    """docker-py's `images.list` has no such option; `api.images` looks at none of them."""
    program = [module for module in modules() if "tests" not in module.relative_to(ROOT).parts]
    assert [where(module, call) for module in program for call in calls_of("images.list", module)] == []
