"""Where uploaded files go: the S3 server and its bucket, or a volume."""

import json
from typing import Any

import pytest

from infra.dsn import S3DSN


def test_the_s3_server_listens_inside_on_the_published_port(program: Any) -> None:
    run = program({"media-port": 19000})
    assert run["media"].inputs["ports"] == [{"internal": 19000, "external": 19000, "ip": "127.0.0.1"}]
    assert ":19000" in run["media"].inputs["command"]
    assert S3DSN.parse(run.env("web")["DEFAULT_STORAGE_DSN"]).endpoint_url == "http://media.localhost:19000"


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


def test_filesystem_media_is_a_volume_of_web_and_release(program: Any) -> None:
    run = program({"media": "filesystem"})
    assert run.env("web")["DEFAULT_STORAGE_DSN"] == "file:///data/media/?url=%2Fmedia%2F"
    assert {"volumeName": "django-stack-local-media-files", "containerPath": "/data/media"} in run["web"].inputs[
        "volumes"
    ]
    assert json.loads(run["release"].inputs["stdin"])["volumes"] == {"django-stack-local-media-files": "/data/media"}
    assert "media" not in {container.name for container in run.of_type("docker:index/container:Container")}


@pytest.mark.parametrize("media", ["s3", "filesystem"])
def test_servers_are_as_far_from_the_first_resource_as_each_other(program: Any, media: str) -> None:
    """`destroy` removes level by level: those of one level stop side by side, others one after the other."""
    run = program({"media": media, "debug": media == "filesystem"})

    def depth(name: str) -> int:
        before = {urn.rpartition("::")[2] for urn in run[name].request.dependencies}
        return 1 + max((depth(one) for one in before if one in run.resources), default=0)

    assert depth("database-data") == depth("media-data") > 1
    if media == "s3":
        assert depth("database") == depth("media")
        assert depth("database-takes-password") == depth("media-bucket")
