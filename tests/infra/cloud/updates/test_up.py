"""`pulumi up` of the whole cloud program on the real engine: AWS is made up, Docker and the registry are real.

The tests share one stack and depend on their order: from the empty stack to the destroyed one.
"""

import json

import pytest
import yaml

from tests.infra.cloud.made_up import CLOUDFRONT
from tests.infra.cloud.site import Site
from tests.infra.cloud.updates.stacks import Stack

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]

DOMAIN = "www.example.com"


def test_without_plugin_or_credentials_nothing_is_begun(stack: Stack) -> None:
    """First of all tests, on the empty stack: each is one line, and no resource is made."""
    elsewhere = stack.environment["PATH"].partition(":")[2]
    out = stack.up(good=False, PATH=elsewhere, without=("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    assert "pulumi plugin install resource aws" in out
    assert not [resource for resource in stack.resources() if resource["custom"]]
    no_files = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    out = stack.up(good=False, without=("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), **no_files)
    assert "AWS credentials are missing or can't be verified: Unable to locate credentials" in out
    assert not [resource for resource in stack.resources() if resource["custom"]]


def test_wrong_settings_end_the_program_with_a_line_each(stack: Stack) -> None:
    stack.configure(cpu=300, log_days=31)
    try:
        out = stack.up(good=False)
    finally:
        stack.configure(cpu=256, log_days=30)
    assert "2 settings can't be used, nothing was changed." in out
    assert f"Fix: pulumi config set -s {stack.name} cpu 256" in out
    assert 'log-days is "31"; allowed: days that CloudWatch can keep logs' in out
    assert "Traceback" not in out
    assert not [resource for resource in stack.resources() if resource["custom"]]


def test_a_preview_of_the_empty_stack_knows_what_will_be_made(stack: Stack) -> None:
    if any(resource["custom"] for resource in stack.resources()):
        pytest.fail("the stack is up already; this test comes before the others")
    out = stack.pulumi("preview")
    for kind in ("aws:ecs:Service", "aws:rds:Instance", "aws:ecs:TaskDefinition", "aws:cloudfront:Distribution"):
        assert kind in out


def test_the_first_up_pushes_releases_and_rolls_out(running: Stack, site: Site) -> None:
    assert len(running.tags()) == 1
    assert running.releases() >= 1
    assert running.cloud.runs
    (task,) = {task["taskDefinition"] for task in running.cloud.fake.asked("RunTask")[:1]}
    assert task.startswith("arn:aws:ecs:")
    assert (CLOUDFRONT, "/healthz/ready") in site.asked
    outputs = json.loads(running.pulumi("stack", "output", "--json"))
    assert outputs["url"] == f"https://{CLOUDFRONT}"
    assert outputs["DATABASE_URL"] == outputs["release_log"] == "[secret]"


def test_a_second_up_changes_nothing(running: Stack) -> None:
    releases = running.releases()
    running.up("--expect-no-changes")
    assert running.releases() == releases


def test_no_secret_stands_in_the_state_in_clear(running: Stack) -> None:
    outputs = json.loads(running.pulumi("stack", "output", "--json", "--show-secrets"))
    password = outputs["DATABASE_URL"].partition("app:")[2].partition("@")[0]
    state = json.dumps(running.resources())
    assert len(password) == 32
    for secret in (password, outputs["SECRET_KEY"], outputs["DATABASE_URL"]):
        assert secret not in state


def test_another_time_out_is_no_release_and_keeps_the_log_of_the_last_one(running: Stack) -> None:
    releases, log = running.releases(), running.log()
    assert "migrated 1" in log
    assert len(log) > 150_000
    running.configure(release_timeout=900)
    running.up()
    assert running.releases() == releases
    assert running.log() == log
    assert "migrated" not in json.dumps(running.resources()), "the log is a secret"


def test_a_code_change_releases_first_and_then_rolls(running: Stack) -> None:
    before, releases, tags = running.cloud.runs, running.releases(), running.tags()
    running.version("2")
    running.up()
    assert running.releases() == releases + 1
    assert f"migrated {releases + 1}" in running.log()
    assert running.cloud.runs != before
    assert running.cloud.fake.asked("RunTask")[-1]["taskDefinition"] == running.cloud.runs
    assert len(running.tags() - tags) == 1
    order = [name for name, _ in running.cloud.fake.calls if name in {"RunTask", "DescribeServices"}]
    assert order[-2:] == ["RunTask", "DescribeServices"]


def test_going_back_takes_the_image_that_is_in_the_registry(running: Stack) -> None:
    before = (running.app / "version.txt").read_text()
    tags, logins = running.tags(), len(running.cloud.fake.asked("GetAuthorizationToken"))
    running.version("going on")
    running.up()
    running.version(before)
    running.up()
    assert len(running.tags() - tags) == 1
    assert len(running.cloud.fake.asked("GetAuthorizationToken")) == logins + 1


def test_a_failing_release_leaves_the_service_and_is_tried_again(running: Stack) -> None:
    before, releases = running.cloud.runs, running.releases()
    running.version(f"failing {releases}")
    running.cloud.exit_code = 1
    out = running.up(good=False)
    assert "Release command `python manage.py migrate --noinput` failed with exit status 1" in out
    assert "migrated" in out
    assert running.cloud.runs == before
    running.up(good=False)
    assert running.releases() == releases + 2
    running.cloud.exit_code = 0
    running.up()
    assert running.releases() == releases + 3
    assert running.cloud.runs != before


def test_a_rolled_back_deployment_fails_until_the_way_on_is_taken(running: Stack) -> None:
    before = running.cloud.runs
    running.version(f"rolled back {before}")
    running.cloud.rolls_back_to = before
    out = running.up(good=False)
    assert "ECS went back to" in out
    assert "ECS deployment circuit breaker: tasks failed to start." in out
    assert f"pulumi up -s {running.name} --refresh" in out
    running.cloud.rolls_back_to = ""
    releases = running.releases()
    assert "ECS went back to" in running.up(good=False)  # nothing was mended, so nothing is good
    running.up("--refresh")
    assert running.cloud.runs != before
    assert running.releases() == releases, "the release had succeeded"
    running.up("--expect-no-changes")


def test_a_domain_and_another_zone_are_added_while_the_stack_runs(running: Stack, site: Site) -> None:
    """CloudFront serves the domain, tasks get another zone, and what stands in the first two stays what it is."""

    def distributions() -> dict[str, str]:
        return {one["urn"]: one["id"] for one in running.of_type("aws:cloudfront/distribution:Distribution")}

    front = distributions()
    before = {subnet["urn"]: subnet["id"] for subnet in running.of_type("aws:ec2/subnet:Subnet")}
    running.configure(domain=DOMAIN, hosted_zone="Z0123456789ABC", media_access="public")
    running.configure(zones="us-east-1a,us-east-1c")
    assert "without us-east-1b, where the database is" in running.up(good=False)
    running.configure(zones="us-east-1a,us-east-1b,us-east-1c")
    running.up()
    assert (DOMAIN, "/healthz/ready") in site.asked
    assert json.loads(running.pulumi("stack", "output", "--json"))["url"] == f"https://{DOMAIN}"
    assert front.items() <= distributions().items(), "the site's stays"
    assert len(distributions()) == 2, "the media have their own"
    after = {subnet["urn"]: subnet["id"] for subnet in running.of_type("aws:ec2/subnet:Subnet")}
    assert len(after) == len(before) + 2
    assert {urn: after[urn] for urn in before} == before
    running.up("--expect-no-changes")


def test_a_changed_secret_is_a_new_roll_out(running: Stack) -> None:
    before = running.cloud.runs
    running.pulumi("config", "set", "--secret", "--path", "env.API_TOKEN", "TOPSECRET")
    running.config = yaml.safe_load((running.folder / f"Pulumi.{running.name}.yaml").read_text())["config"]
    running.up()
    assert running.cloud.runs != before
    assert "TOPSECRET" not in json.dumps(running.resources())


def test_destroy_is_held_up_by_the_protection_of_the_data(running: Stack) -> None:
    """The preview that comes first refuses, so that the site isn't taken down around its data either."""
    before = running.resources()
    out = running.pulumi("destroy", "--yes", good=False)
    assert "protected" in out
    assert running.resources() == before


def test_destroy_goes_through_once_the_data_need_not_be_kept(running: Stack) -> None:
    """Last of all tests: nothing is left but the state of an empty stack."""
    running.configure(keep_data=False)
    running.up()
    running.pulumi("destroy", "--yes", "--skip-preview")
    assert not running.resources()
