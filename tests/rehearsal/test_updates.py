"""What can happen to a stack that is up: good updates, bad ones, more tasks and fewer, and the end of its data."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests import ROOT
from tests.rehearsal.stacks import Stack, polling
from tests.rehearsal.tasks import command, images, release_tasks, releases, running, service, zones_of_tasks
from tests.waiting import wait_until
from tools.rehearsal.container import ACCOUNT

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.rehearsal]


@pytest.fixture(autouse=True)
def restored_settings_and_app(stack: Stack) -> Iterator[None]:
    """Each test leaves a stack that has the settings and the app of the first one."""
    settings = stack.config.read_text()
    base = stack.app / "gallery/templates/base.html"
    template = base.read_text()
    yield
    stack.config.write_text(settings)
    base.write_text(template)


def test_changed_code_is_rolled_out_and_no_request_fails(stack: Stack) -> None:
    base = stack.app / "gallery/templates/base.html"
    first, before = base.read_text(), releases(stack)
    base.write_text(first.replace("</head>", "<!-- the second version --></head>"))
    with polling(stack) as statuses:
        status, output = stack.update()
        assert status == 0, output
        assert b"<!-- the second version -->" in stack.get("/").read()
    assert set(statuses) == {200}
    release = [task for task in release_tasks(stack, "STOPPED") if task["taskArn"] not in before]
    assert sorted(command(task).split()[0] for task in release) == ["migrate", "publish_static"]
    rolled_out = next(one for one in service(stack)["deployments"] if one["status"] == "PRIMARY")
    assert all(task["stoppedAt"] <= rolled_out["createdAt"] for task in release)
    assert {task["taskDefinitionArn"] for task in release} == {rolled_out["taskDefinition"]}
    status, output = stack.update("--refresh", "--expect-no-changes")
    assert status == 0, output
    pushed = images(stack)
    assert len(pushed) == 2
    base.write_text(first)
    status, output = stack.update()
    assert status == 0, output
    assert b"<!-- the second version -->" not in stack.get("/").read()
    assert images(stack) == pushed, "the version before is in the registry, and isn't pushed again"


def test_another_time_out_is_no_release_and_keeps_the_log_of_the_last_one(stack: Stack) -> None:
    # More than an environment takes, so that nothing may hand it on in one.
    stack.change(release_commands=["python -c 'print((chr(120) * 50_000 + chr(10)) * 3)'"])
    status, output = stack.update()
    assert status == 0, output
    ended, log = releases(stack), stack.outputs["release_log"]
    assert len(log) > 150_000
    stack.change(release_timeout=900)
    status, output = stack.update()
    assert status == 0, output
    assert releases(stack) == ended
    assert stack.outputs["release_log"] == log
    assert "x" * 50 not in str(stack.resources()), "the log is a secret"


def test_a_changed_setting_reaches_the_app(stack: Stack) -> None:
    stack.change(env={"GREETING": "hello"})
    status, output = stack.update()
    assert status == 0, output
    _, output = stack.web().exec_run(["printenv", "GREETING"])
    assert output == b"hello\n"


def test_a_release_that_fails_leaves_the_version_before_serving(stack: Stack) -> None:
    stack.change(release_commands=["python manage.py no_such_command"])
    with polling(stack) as statuses:
        status, output = stack.update()
    assert status != 0, output
    assert "Release command `python manage.py no_such_command` failed with exit status 1" in output, output
    assert "Unknown command: 'no_such_command'" in output, output
    assert "The web version that was running keeps serving." in output, output
    assert set(statuses) == {200}
    ended = releases(stack)
    status, output = stack.update()
    assert status != 0, output
    tried = [what for task, what in releases(stack).items() if task not in ended]
    assert tried.count("no_such_command") == 1, "the next update tries again"


def test_a_release_that_hangs_is_stopped_and_the_next_one_succeeds(stack: Stack) -> None:
    stack.change(release_commands=["sleep 600"], release_timeout=15)
    with polling(stack) as statuses:
        status, output = stack.update()
    assert status != 0, output
    assert "Release command `sleep 600` was ended: release-timeout is 15 seconds" in output, output
    assert "The web version that was running keeps serving." in output, output
    assert set(statuses) == {200}
    assert release_tasks(stack) == []
    stack.change(release_commands=None, release_timeout=None)
    status, output = stack.update()
    assert status == 0, output
    assert release_tasks(stack) == []


def test_a_version_that_exits_is_rolled_back_and_told(stack: Stack) -> None:
    stack.change(web_command="python -c 'print(\"no good\"); raise SystemExit(3)'")
    with polling(stack) as statuses:
        status, output = stack.update()
    assert status != 0, output
    assert "ECS went back to" in output, output
    assert "container web ended with exit status 3" in output, output
    assert "no good" in output, output
    assert "pulumi up -s rehearsal --refresh" in output, output
    assert set(statuses) == {200}
    ended = releases(stack)
    status, output = stack.update()
    assert status != 0, "nothing was mended, so nothing is good"
    assert "ECS went back to" in output, output
    assert releases(stack) == ended, "the release had succeeded"
    stack.change(web_command=None)
    status, output = stack.update("--refresh")
    assert status == 0, output
    status, output = stack.update("--expect-no-changes")
    assert status == 0, output


def test_a_version_that_never_answers_is_rolled_back_and_told(stack: Stack) -> None:
    stack.change(web_command="sleep 600")
    with polling(stack) as statuses:
        status, output = stack.update()
    assert status != 0, output
    assert "ECS went back to" in output, output
    assert "is unhealthy in (target-group" in output, output
    assert set(statuses) == {200}


def test_three_tasks_and_one_again(stack: Stack) -> None:
    stack.change(tasks_min=3)
    status, output = stack.update("--refresh")
    assert status == 0, output
    assert running(stack) == 3
    stack.change(tasks_min=1, tasks_max=1)
    with polling(stack) as statuses:
        status, output = stack.update()
        assert status == 0, output
        wait_until(lambda: running(stack) == 1, "one task")
    assert set(statuses) == {200}


def test_a_zone_is_added_and_removed_and_no_request_fails(stack: Stack) -> None:
    status, output = stack.update("--refresh")
    assert status == 0, output
    first = zones_of_tasks(stack)
    assert len(first) == 2
    with polling(stack) as statuses:
        for zones in ("us-east-1a,us-east-1b,us-east-1d", "us-east-1a,us-east-1b"):
            stack.change(zones=zones)
            status, output = stack.update()
            assert status == 0, output
            now = zones_of_tasks(stack)
            assert now.keys() == set(zones.split(","))
            assert {zone: now[zone] for zone in first} == first, "what stands in the first two stays what it is"
    assert set(statuses) == {200}
    (database,) = stack.client("rds").describe_db_instances()["DBInstances"]
    zone = database["AvailabilityZone"]
    stack.change(zones=",".join(sorted({"us-east-1a", "us-east-1b", "us-east-1d"} - {zone})))
    status, output = stack.update()
    assert status != 0, output
    assert f"without {zone}, where the database is" in output, output


def test_public_media_are_read_through_a_distribution_of_their_own(stack: Stack) -> None:
    stack.change(media_access="public")
    status, output = stack.update("--refresh")
    assert status == 0, output
    program = (
        "from django.core.files.base import ContentFile; from django.core.files.storage import default_storage as s;"
        "print(s.url(s.save('public.txt', ContentFile(b'for everybody'))))"
    )
    status, output = stack.web().exec_run(["python", "manage.py", "shell", "--verbosity", "0", "-c", program])
    assert status == 0, output
    url = urlsplit(output.decode().strip())
    assert not url.query
    answer = stack.get(url.path, str(url.hostname))
    assert (answer.status, answer.read()) == (200, b"for everybody")


def test_a_changed_vpc_origin_is_replaced_while_the_site_answers(stack: Stack, tmp_path: Path) -> None:
    """AWS refuses to change or delete one that is in use: another is made and taken, then the old one goes."""
    cloudfront = stack.client("cloudfront")
    (before,) = cloudfront.list_vpc_origins()["VpcOriginList"]["Items"]
    shutil.copytree(ROOT / "infra", tmp_path / "infra")
    changed = tmp_path / "infra" / "cloud" / "load_balancer.py"
    changed.write_text(changed.read_text().replace("HTTP, HTTPS = 80, 443", "HTTP, HTTPS = 80, 8443"))
    stack.variables = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{stack.environment['PYTHONPATH']}"}
    with polling(stack) as statuses:
        status, output = stack.update("--refresh")
    stack.variables = {}
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
    status, output = stack.update("--refresh")
    assert status == 0, output
    assert stack.domain == "www.example.com"
    page = stack.get("/")
    assert page.status == 200
    assert b"<title>Gallery</title>" in page.read()
    moved = stack.get("/upload/?a=1", "example.com")
    assert (moved.status, moved.headers["Location"]) == (301, "https://www.example.com/upload/?a=1")
    plain = stack.get("/", tls=False)
    assert (plain.status, plain.headers["Location"]) == (301, "https://www.example.com/")
    moved = stack.get("/", f"example.com.localhost:{stack.ports.api}", tls=False)
    assert (moved.status, moved.headers["Location"]) == (301, stack.browser_url("www.example.com"))
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


OPTIONS: dict[str, Any] = {
    "access_logs": True,
    "alarm_email": "operators@example.com",
    "container_insights": "enhanced",
    "database_insights": "standard",
    "database_multi_az": True,
    "execute_command": True,
    "flow_logs": True,
    "log_days": 365,
    "monthly_budget": 50,
    "nat_gateway": True,
    "waf": True,
    "waf_rate_limit": 500,
}


def update_under_load(stack: Stack) -> None:
    """`pulumi up`, while somebody asks for the home page and gets it each time; afterwards nothing is left to do."""
    with polling(stack) as statuses:
        status, output = stack.update()
    assert status == 0, output
    assert set(statuses) == {200}
    status, output = stack.update("--refresh", "--expect-no-changes")
    assert status == 0, output


def firewall_rules(stack: Stack) -> list[dict[str, Any]]:
    """The rules of the firewall that is in front of the site; nothing without one."""
    firewalls = stack.client("wafv2")
    distributions = stack.client("cloudfront").list_distributions()["DistributionList"]["Items"]
    (in_front,) = [one["WebACLId"] for one in distributions if one["DomainName"] == stack.domain]
    there = {one["ARN"]: one for one in firewalls.list_web_acls(Scope="CLOUDFRONT")["WebACLs"]}
    assert there.keys() == {in_front} - {""}
    if not in_front:
        return []
    found = firewalls.get_web_acl(Name=there[in_front]["Name"], Id=there[in_front]["Id"], Scope="CLOUDFRONT")
    rules: list[dict[str, Any]] = found["WebACL"]["Rules"]
    return rules


def told_of_the_bill(stack: Stack) -> list[tuple[str, str]]:
    """What the account may cost, and who is told, for each budget."""
    budgets, account = stack.client("budgets"), {"AccountId": ACCOUNT}
    found = []
    for budget in budgets.describe_budgets(**account).get("Budgets", []):
        named = {**account, "BudgetName": budget["BudgetName"]}
        for notification in budgets.describe_notifications_for_budget(**named)["Notifications"]:
            who = budgets.describe_subscribers_for_notification(**named, Notification=notification)["Subscribers"]
            found += [(budget["BudgetLimit"]["Amount"], one["Address"].rpartition(":")[2]) for one in who]
    return found


def subscribers(stack: Stack) -> list[str]:
    """The e-mail addresses that get alarms."""
    return [one["Endpoint"] for one in stack.client("sns").list_subscriptions()["Subscriptions"]]


def test_all_options_are_turned_on_and_off_again_and_no_request_fails(stack: Stack) -> None:
    stack.update("--refresh")
    stack.change(**OPTIONS)
    update_under_load(stack)
    (log,) = stack.client("ec2").describe_flow_logs()["FlowLogs"]
    assert {"Key": "django-stack.project", "Value": "django-stack"} in log["Tags"]
    bucket = log["LogDestination"].removeprefix("arn:aws:s3:::").removesuffix("/network")
    (limit,) = [
        rule["Statement"]["RateBasedStatement"]["Limit"] for rule in firewall_rules(stack) if not rule["Priority"]
    ]
    assert limit == 500
    assert told_of_the_bill(stack) == [("50", "django-stack-rehearsal-alarms")] * 2
    assert subscribers(stack) == ["operators@example.com"]
    (media,) = [one["Name"] for one in stack.client("s3").list_buckets()["Buckets"] if "-media-" in one["Name"]]
    logged = stack.client("s3").get_bucket_logging(Bucket=media)["LoggingEnabled"]
    assert (logged["TargetBucket"], logged["TargetPrefix"]) == (bucket, "media/")

    stack.change(**dict.fromkeys(OPTIONS))
    update_under_load(stack)
    assert not stack.client("ec2").describe_flow_logs()["FlowLogs"]
    assert firewall_rules(stack) == []
    assert told_of_the_bill(stack) == []
    assert subscribers(stack) == []
    assert "LoggingEnabled" not in stack.client("s3").get_bucket_logging(Bucket=media)
    kept = stack.client("s3").get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert kept[0]["Expiration"] == {"Days": 365}  # it stays, since keep-data is true, and so does the end of its logs


def test_data_that_is_kept_is_removed_by_no_destroy_before_it_is_let_go(stack: Stack) -> None:
    before = stack.resources()
    status, output = stack.run_pulumi("destroy", "--yes")
    assert status != 0, output
    assert "protect" in output, output
    assert stack.resources() == before, "the site isn't taken down around its data"
    (database,) = stack.client("rds").describe_db_instances()["DBInstances"]
    assert database["DBInstanceStatus"] == "available"
    assert stack.client("elbv2").describe_load_balancers()["LoadBalancers"]
    stack.change(keep_data=False)
    status, output = stack.update("--refresh")
    assert status == 0, output
    status, output = stack.run_pulumi("destroy", "--yes", "--skip-preview")
    assert status == 0, output
    assert not stack.client("rds").describe_db_instances()["DBInstances"]
    assert not stack.client("elbv2").describe_load_balancers()["LoadBalancers"]
    kept = [bucket["Name"] for bucket in stack.client("s3").list_buckets()["Buckets"]]
    assert all(name.startswith("django-stack-rehearsal-logs-") for name in kept)
    assert not stack.client("ecs").list_services(cluster="django-stack-rehearsal").get("serviceArns")
    assert not stack.resources()
