"""What the program registers for the local platform: names, contract, order, protection of data."""

import json
from typing import Any

import pytest

from infra.dsn import S3DSN, DatabaseURL
from tests.infra.conftest import ROOT

SERVE_LIKE_CLOUD = {"web-command": "", "debug": False, "mount-source": False}


def test_every_docker_resource_carries_the_project_and_stack_labels(program: Any) -> None:
    run = program()
    for resource in run.resources.values():
        if resource.type.split("/")[0] in {"docker:index"} and "labels" in resource.inputs:
            labels = {label["label"]: label["value"] for label in resource.inputs["labels"]}
            assert labels["django-stack.project"] == "django-stack"
            assert labels["django-stack.stack"] == "local"
    for token in ("docker:index/container:Container", "docker:index/network:Network", "docker:index/volume:Volume"):
        assert all("labels" in resource.inputs for resource in run.of_type(token))


def test_everything_is_published_on_the_loopback_only(program: Any) -> None:
    run = program()
    containers = run.of_type("docker:index/container:Container")
    assert len(containers) == 3
    for container in containers:
        assert [port["ip"] for port in container.inputs["ports"]] == ["127.0.0.1"]


def test_the_web_gets_the_contract_of_the_local_column(program: Any) -> None:
    env = program().env("web")
    url = DatabaseURL.parse(env.pop("DATABASE_URL"))
    assert (url.host, url.port, url.name, url.password) == ("database", 5432, "app", "database-password-random")
    dsn = S3DSN.parse(env.pop("DEFAULT_STORAGE_DSN"))
    assert dsn.endpoint_url == "http://media.localhost:9000"
    assert dsn.signed
    assert env == {
        "DOMAIN": "localhost",
        "DOMAIN_ALIASES": "localhost,127.0.0.1",
        "DOMAIN_REDIRECTS": "",
        "DJANGO_DEBUG": "True",
        "SECURE_SSL_REDIRECT": "False",
        "SECRET_KEY": "secret-key-random",
        "STAGE": "local",
        "PORT": "8000",
    }


def test_debug_off_leaves_django_debug_absent(program: Any) -> None:
    assert "DJANGO_DEBUG" not in program({"debug": False}).env("web")


def test_the_release_gets_the_very_environment_and_image_of_the_web(program: Any) -> None:
    run = program()
    asked = json.loads(run["release"].inputs["stdin"])
    assert asked["environment"] == run.env("web")
    assert asked["image"] == run["web"].inputs["image"]
    assert {"DATABASE_URL", "DEFAULT_STORAGE_DSN", "SECRET_KEY"} == set(asked["secret_names"])


def test_the_release_waits_until_the_server_takes_the_password_and_the_bucket_is_there(program: Any) -> None:
    depends = " ".join(program()["release"].request.dependencies)
    assert "database-takes-password" in depends
    assert "media-bucket" in depends


def test_the_site_is_asked_by_its_own_name_where_it_is_published(program: Any) -> None:
    run = program({"domain": "site.localhost", "web-port": 18000})
    asked = json.loads(run["web-rollout"].inputs["stdin"])
    assert (asked["domain"], asked["port"]) == (run.env("web")["DOMAIN"], 18000) == ("site.localhost", 18000)
    assert set(asked["secrets"]) >= {run.env("web")["SECRET_KEY"], run.env("web")["DATABASE_URL"]}


def test_outputs_reach_the_services_from_this_machine(program: Any) -> None:
    run = program({"database-port": 15432, "media-port": 19000, "web-port": 18000})
    url = DatabaseURL.parse(run.outputs["DATABASE_URL"])
    assert (url.host, url.port) == ("127.0.0.1", 15432)
    assert S3DSN.parse(run.outputs["DEFAULT_STORAGE_DSN"]).endpoint_url == "http://127.0.0.1:19000"
    assert run.outputs["url"] == "http://localhost:18000"


def test_the_s3_server_listens_inside_on_the_published_port(program: Any) -> None:
    run = program({"media-port": 19000})
    assert run["media"].inputs["ports"] == [{"internal": 19000, "external": 19000, "ip": "127.0.0.1"}]
    assert ":19000" in run["media"].inputs["command"]
    assert S3DSN.parse(run.env("web")["DEFAULT_STORAGE_DSN"]).endpoint_url == "http://media.localhost:19000"


@pytest.mark.parametrize("version", [14, 17])
def test_before_postgresql_18_the_volume_is_where_it_has_always_been(program: Any, version: int) -> None:
    """Any other input would make the containers of running stacks anew, or mount their data elsewhere."""
    inputs = program({"postgres-version": version})["database"].inputs
    assert inputs["volumes"] == [
        {"volumeName": "django-stack-local-database", "containerPath": "/var/lib/postgresql/data"}
    ]
    assert [entry.partition("=")[0] for entry in inputs["envs"]] == [
        "POSTGRES_DB",
        "POSTGRES_PASSWORD",
        "POSTGRES_USER",
    ]


def test_since_postgresql_18_the_volume_holds_a_folder_of_the_version(program: Any) -> None:
    run = program({"postgres-version": 18})
    (mounted,) = run["database"].inputs["volumes"]
    assert mounted["containerPath"] == "/var/lib/postgresql"
    assert run.env("database")["PGDATA"] == "/var/lib/postgresql/18/docker"
    assert run["database-image"].inputs["name"] == "postgres:18-trixie"


def test_the_image_is_compared_with_the_settings_before_volume_and_container_are_made(program: Any) -> None:
    run = program()
    compared = next(urn for urn in run["database-data"].request.dependencies if urn.endswith("::database-image-fits"))
    assert compared in run["database"].request.dependencies
    assert list(run["database-data"].request.ignoreChanges) == ["labels"]


@pytest.mark.parametrize("keep", [True, False])
def test_volumes_outlive_destroy_unless_keep_data_is_false(program: Any, keep: bool) -> None:
    volumes = program({"keep-data": keep}).of_type("docker:index/volume:Volume")
    assert len(volumes) == 2
    assert [volume.request.retainOnDelete for volume in volumes] == [keep, keep]


def test_half_made_containers_are_replaced_at_the_next_update(program: Any) -> None:
    for container in program().of_type("docker:index/container:Container"):
        assert list(container.request.replaceOnChanges) == ["*"]
        assert container.request.deleteBeforeReplace


def test_runserver_over_the_mounted_source_is_what_the_local_stack_asks_for(
    program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getuid", lambda: 1234)
    monkeypatch.setattr("os.getgid", lambda: 1235)
    web = program(stack="somebodys")["web"].inputs
    assert web["command"] == ["python", "manage.py", "runserver", "0.0.0.0:8000"]
    assert web["mounts"] == [{"type": "bind", "source": str(ROOT / "app"), "target": "/app"}]
    assert web["user"] == "1234:1235"


def test_without_web_command_and_mount_the_image_serves_as_in_the_cloud(program: Any) -> None:
    web = program(SERVE_LIKE_CLOUD)["web"].inputs
    assert "command" not in web
    assert not web.get("volumes")
    assert not web.get("mounts")
    assert "user" not in web


def test_filesystem_media_is_a_volume_of_web_and_release(program: Any) -> None:
    run = program({"media": "filesystem"})
    assert run.env("web")["DEFAULT_STORAGE_DSN"] == "file:///data/media/?url=%2Fmedia%2F"
    assert {"volumeName": "django-stack-local-media-files", "containerPath": "/data/media"} in run["web"].inputs[
        "volumes"
    ]
    assert json.loads(run["release"].inputs["stdin"])["volumes"] == {"django-stack-local-media-files": "/data/media"}
    assert "media" not in {container.name for container in run.of_type("docker:index/container:Container")}


@pytest.mark.report("django-cors-headers#819")
def test_the_bucket_lets_the_sites_own_pages_read(program: Any) -> None:
    run = program({"domain": "site.test", "domain-aliases": "x.test", "web-port": 18000})
    asked = json.loads(run["media-bucket"].inputs["stdin"])["origins"]
    assert {origin for origin in asked if origin.startswith("http:")} == {
        f"http://{name}:18000" for name in ("site.test", "x.test", "localhost", "127.0.0.1")
    }
    assert "https://x.test" in asked, "through a tunnel"
    assert "http://localhost" in json.loads(program({"web-port": 80})["media-bucket"].inputs["stdin"])["origins"]


def test_public_media_has_unsigned_urls_and_a_bucket_policy(program: Any) -> None:
    run = program({"media-access": "public"})
    assert not S3DSN.parse(run.env("web")["DEFAULT_STORAGE_DSN"]).signed
    assert json.loads(run["media-bucket"].inputs["stdin"])["public"] is True


def test_aws_is_not_imported_for_the_local_platform(program: Any) -> None:
    import subprocess
    import sys

    code = "import infra.local.platform, infra.settings, sys; sys.exit('pulumi_aws' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
