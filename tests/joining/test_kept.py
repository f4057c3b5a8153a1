"""What is said of a stack whose file somebody edited, which stays as it is: what the file has."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.adoption.planning import Plan
from infra.adoption.project import read_project
from tests.joining import projects
from tests.joining.conftest import file_of, plan_of

MakePlan = Callable[..., Plan]
Edit = Callable[[dict[str, Any]], object]


def a_new_variable_and_an_env_file(folder: Path) -> None:
    projects.add(folder, "shop/settings/production.py", 'X_TOKEN = env("X_TOKEN")\n')
    projects.write(folder, ".env", "X_TOKEN=mine\n")


@pytest.fixture
def left_after(planned: MakePlan, tmp_path: Path) -> Callable[[Edit], list[str]]:
    """Edits the settings in the stack's file, adds a variable to the project, and gives what a second run says."""
    file = file_of(planned(projects.settings_package, projects.build_env), "Pulumi.shop.yaml")
    file.write()

    def left(edit: Edit) -> list[str]:
        mark, text = file.path.read_text().split("\n", 1)
        config = yaml.safe_load(text)["config"]
        edit(config)
        file.path.write_text(f"{mark}\n{yaml.safe_dump({'config': config})}")
        a_new_variable_and_an_env_file(tmp_path / "shop")
        return plan_of(read_project(tmp_path / "shop"), tmp_path / "checkout").left

    return left


def variables(left: list[str]) -> list[str]:
    return [text.partition(", ")[0] for text in left if "env." in text]


def test_a_variable_that_was_set_is_not_named_and_one_that_the_file_lacks_is(
    left_after: Callable[[Edit], list[str]],
) -> None:
    left = left_after(lambda config: config["django-stack:env"].update(PAYMENT_KEY={"secure": "v1:abc"}))
    assert variables(left) == [
        "SHOP_WORKERS is '1' in Pulumi.shop.yaml",
        "X_TOKEN has no value in Pulumi.shop.yaml",
    ]
    assert any(text.startswith(".env isn't read") for text in left)


@pytest.mark.parametrize("env", [{"secure": "v1:abc"}, '{"PAYMENT_KEY": "k", "X_TOKEN": "t", "SHOP_WORKERS": 2}'])
def test_env_may_be_encrypted_as_a_whole_or_json(env: object, left_after: Callable[[Edit], list[str]]) -> None:
    assert not variables(left_after(lambda config: config.update({"django-stack:env": env})))


def test_a_file_of_variables_has_values_too(left_after: Callable[[Edit], list[str]], tmp_path: Path) -> None:
    file = str(tmp_path / "shop/.env")
    left = left_after(lambda config: config.update({"django-stack:env-file": file}))
    assert not [text for text in left if "X_TOKEN" in text or text.startswith(".env isn't read")]
    assert any(text.startswith("PAYMENT_KEY is 'unset'") for text in left)


def test_release_commands_that_somebody_set_are_not_named(planned: MakePlan, tmp_path: Path) -> None:
    def with_a_script(folder: Path) -> None:
        projects.write(folder, "Procfile", "release: ./release.sh\n")

    found = planned(with_a_script)
    file = file_of(found, "Pulumi.shop.yaml")
    assert any("`./release.sh`" in text for text in found.left)
    file.write()
    whole = '["python manage.py migrate --noinput", "./release.sh"]'
    file.path.write_text(f"{file.path.read_text()}  django-stack:release-commands: '{whole}'\n")
    again = plan_of(read_project(tmp_path / "shop"), tmp_path / "checkout")
    assert not [text for text in again.left if "./release.sh" in text]
