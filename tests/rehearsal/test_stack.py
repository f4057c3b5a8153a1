"""The cloud stack, brought up by the real engine against the emulator: made, used, changed, not changed, and gone."""

import os
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests import ROOT
from tests.e2e import visitors
from tests.pictures import png
from tests.rehearsal.stacks import Stack, polling

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.browser]

PASSWORD = "a long password of the tests"


def test_the_site_answers_under_its_own_name_by_https_alone(stack: Stack) -> None:
    page = stack.get("/")
    assert page.status == 200
    assert b"<title>Gallery</title>" in page.read()
    plain = stack.get("/", tls=False)
    assert (plain.status, plain.headers["Location"]) == (301, f"https://{stack.domain}/")


def test_a_browser_on_this_machine_logs_in_uploads_and_sees_the_picture_from_s3(stack: Stack) -> None:
    create = [
        "python",
        "manage.py",
        "createsuperuser",
        "--noinput",
        "--username",
        "admin",
        "--email",
        "admin@example.com",
    ]
    status, output = stack.web().exec_run(create, environment={"DJANGO_SUPERUSER_PASSWORD": PASSWORD})
    assert status == 0, output
    with visitors.chromium() as browser, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{stack.browser_url(stack.domain)}upload/")
        page.get_by_label("Username").fill("admin")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        picture = {"name": "sea.png", "mimeType": "image/png", "buffer": png(240, 160)}
        page.get_by_label("Picture").set_input_files(picture)  # type: ignore[arg-type]
        page.get_by_label("Title").fill("The sea")
        page.get_by_role("button", name="Upload").click()
        page.wait_for_url(re.compile(r"/pictures/\d+/$"))
        image = page.get_by_role("img", name="The sea")
        expect(image).to_be_visible()
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 240
        address = image.evaluate("image => image.src")
    assert ".s3.us-east-1.amazonaws.com.localhost:" in address
    assert "X-Amz-Signature=" in address


def test_the_media_were_stored_with_the_tasks_role(stack: Stack) -> None:
    program = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    status, output = stack.web().exec_run(["python", "-c", program])
    assert status == 0, output
    assert b":assumed-role/django-stack-rehearsal-app/" in output


def test_the_database_is_reached_by_a_certificate_that_is_verified(stack: Stack) -> None:
    program = (
        "import os, psycopg; connection = psycopg.connect(os.environ['DATABASE_URL']); "
        "print(connection.pgconn.ssl_in_use, os.environ['DATABASE_URL'].partition('?')[2])"
    )
    status, output = stack.web().exec_run(["python", "-c", program])
    assert status == 0, output
    assert output.startswith(b"True ")
    assert b"sslmode=verify-full" in output


def test_a_second_update_changes_nothing_after_a_refresh_either(stack: Stack) -> None:
    status, output = stack.update("--expect-no-changes")
    assert status == 0, output
    status, output = stack.update("--refresh", "--expect-no-changes")
    assert status == 0, output


def test_a_changed_vpc_origin_is_replaced_while_the_site_answers(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS refuses to change or delete one that is in use: another is made and taken, then the old one goes."""
    cloudfront = stack.client("cloudfront")
    (before,) = cloudfront.list_vpc_origins()["VpcOriginList"]["Items"]
    shutil.copytree(ROOT / "infra", tmp_path / "infra")
    changed = tmp_path / "infra" / "cloud" / "load_balancer.py"
    changed.write_text(changed.read_text().replace("HTTP, HTTPS = 80, 443", "HTTP, HTTPS = 80, 8443"))
    path = f"{tmp_path}{os.pathsep}{stack.environment['PYTHONPATH']}"
    with monkeypatch.context() as patch:
        patch.setattr(Stack, "environment", {**stack.environment, "PYTHONPATH": path})
        with polling(stack) as statuses:
            status, output = stack.update()
    assert status == 0, output
    (after,) = cloudfront.list_vpc_origins()["VpcOriginList"]["Items"]
    assert before["Id"] != after["Id"]
    assert cloudfront.get_vpc_origin(Id=after["Id"])["VpcOrigin"]["VpcOriginEndpointConfig"]["HTTPSPort"] == 8443
    assert set(statuses) == {200}
    status, output = stack.update()
    assert status == 0, output


def test_an_own_domain_is_added_and_answers_before_anybodys_dns_does_and_goes_again(stack: Stack) -> None:
    before, dns = stack.domain, stack.client("route53")
    zone = dns.create_hosted_zone(Name="example.com", CallerReference="tests")["HostedZone"]["Id"].rpartition("/")[2]
    stack.change(domain="www.example.com", domain_redirects="example.com", hosted_zone=zone)
    status, output = stack.update()
    assert status == 0, output
    assert stack.domain == "www.example.com"
    page = stack.get("/")
    assert page.status == 200
    assert b"<title>Gallery</title>" in page.read()
    moved = stack.get("/upload/?a=1", "example.com")
    assert (moved.status, moved.headers["Location"]) == (301, "https://www.example.com/upload/?a=1")
    plain = stack.get("/", tls=False)
    assert (plain.status, plain.headers["Location"]) == (301, "https://www.example.com/")
    assert stack.get("/", before).status == 400, "CloudFront's own name is none of the site's any more"
    records = dns.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    led = {
        (one["Name"], one["Type"]): one["AliasTarget"]["DNSName"].rstrip(".") for one in records if "AliasTarget" in one
    }
    hosts = ("www.example.com.", "example.com.")
    assert led == {(host, kind): before for host in hosts for kind in ("A", "AAAA")}
    status, output = stack.update("--refresh", "--expect-no-changes")
    assert status == 0, output

    stack.change(domain=None, domain_redirects=None, hosted_zone=None)
    status, output = stack.update()
    assert status == 0, output
    assert stack.domain == before
    assert stack.get("/").status == 200
    left = dns.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    assert {one["Type"] for one in left} == {"NS", "SOA"}


def test_everything_that_listens_does_so_on_the_loopback(stack: Stack) -> None:
    containers = stack.engine.containers.list(filters={"label": f"ministack.instance={stack.emulator.name}:4566"})
    assert len(containers) >= 2  # a task and the database
    for container in [*containers, stack.engine.containers.get(stack.emulator.name)]:
        for bindings in container.ports.values():
            assert {binding["HostIp"] for binding in bindings or []} <= {"127.0.0.1"}


def test_nothing_stays_when_it_is_taken_down(stack: Stack) -> None:
    port = stack.ports.api
    stack.down()
    name = stack.emulator.name
    engine = stack.engine
    assert not [one.name for one in engine.containers.list(all=True) if one.name.startswith((name, "ministack-"))]
    assert not [one.name for one in engine.volumes.list() if one.name.startswith(name)]
    assert not [one.name for one in engine.networks.list() if one.name.startswith(name)]
    assert not [tag for image in engine.images.list() for tag in image.tags if tag.startswith(f"127.0.0.1:{port}/")]
    assert not stack.data_folder.exists()
    assert not stack.config.exists()
    assert stack.emulator.ports is None
