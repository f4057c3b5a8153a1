"""The stack on AWS of an adopted project: the same image, without what only a stack on this machine has."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from infra.adoption.planning import Plan
from infra.adoption.project import read_project
from infra.cloud.settings import CloudSettings
from infra.setting_kinds import declared
from tests.joining import projects
from tests.joining.conftest import file_of, plan_of, text_of

MakePlan = Callable[..., Plan]
TRAITS = (projects.celery, projects.dockerfile_in_a_folder, projects.geodjango, projects.crontab)


def mail_and_a_release(folder: Path) -> None:
    lines = ["EMAIL_HOST = os.environ['EMAIL_HOST']", "PAYMENT_KEY = os.environ['PAYMENT_KEY']"]
    projects.add(folder, "shop/settings.py", "\n".join(lines) + "\n")
    projects.write(folder, "Procfile", "release: ./manage.py migrate && ./manage.py warm\n")


@pytest.fixture
def cloud(planned: MakePlan) -> Plan:
    return planned(*TRAITS, mail_and_a_release, platform="cloud")


def config_of(found: Plan) -> dict[str, object]:
    config = yaml.safe_load(text_of(found, "Pulumi.shop.yaml"))["config"]
    return {key.removeprefix("django-stack:"): value for key, value in config.items()}


def test_it_has_what_the_local_stack_has_but_for_what_that_platform_alone_knows(cloud: Plan, tmp_path: Path) -> None:
    local = config_of(plan_of(read_project(tmp_path / "shop"), tmp_path / "checkout"))
    known = {one.key for one in declared(CloudSettings).values()}
    assert {"postgres-image", "web-port"} <= local.keys() - known
    own = {key: value for key, value in local.items() if key in known and key not in {"mail", "env"}}
    assert config_of(cloud) == own | {"platform": "cloud"}
    taken = {"app-path", "dockerfile", "settings-module", "processes", "schedules", "cache", "release-commands"}
    assert taken <= own.keys()


def test_the_project_s_own_files_are_those_of_the_local_stack(cloud: Plan, tmp_path: Path) -> None:
    local = plan_of(read_project(tmp_path / "shop"), tmp_path / "checkout")
    assert [one for one in cloud.files if one not in local.files] == [cloud.files[-1]]


def test_nothing_stands_in_for_a_value_in_the_cloud_and_what_is_missing_is_named(cloud: Plan) -> None:
    said = "PAYMENT_KEY has no value in Pulumi.shop.yaml, and shop/settings.py asks for it. Fix: "
    assert f"{said}pulumi config set -s shop --secret --path env.PAYMENT_KEY" in cloud.left
    assert any(text.startswith("how the site sends mails isn't said yet") for text in cloud.left)
    assert not [
        text for text in cloud.said + cloud.left if "Mailpit" in text or "postgis" in text or "EMAIL_HOST" in text
    ]


def test_how_mails_are_sent_is_not_asked_for_where_it_is_said(cloud: Plan, tmp_path: Path) -> None:
    file = file_of(cloud, "Pulumi.shop.yaml")
    file.write()
    for said in ("mail: ses", "env: {EMAIL_URL: {secure: v1:abc}}"):
        file.path.write_text(f"{file.marked.decode()}  django-stack:{said}\n")
        again = plan_of(read_project(tmp_path / "shop"), tmp_path / "checkout", "cloud")
        assert not [text for text in again.left if text.startswith("how the site sends mails")]
        assert any(text.startswith("PAYMENT_KEY has no value in") for text in again.left)
