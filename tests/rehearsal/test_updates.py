"""What can happen to a stack that is up: good updates, bad ones, more tasks and fewer, and the end of its data."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.rehearsal.stacks import Stack, polling
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.rehearsal]

SERVICE = "django-stack-rehearsal-web"


def running(stack: Stack) -> int:
    """The number of tasks of the site that run."""
    (service,) = stack.client("ecs").describe_services(cluster="django-stack-rehearsal", services=[SERVICE])["services"]
    return int(service["runningCount"])


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
    base.write_text(base.read_text().replace("</head>", "<!-- the second version --></head>"))
    with polling(stack) as statuses:
        status, output = stack.update()
        assert status == 0, output
        assert b"<!-- the second version -->" in stack.get("/").read()
    assert set(statuses) == {200}
    status, output = stack.update("--refresh", "--expect-no-changes")
    assert status == 0, output


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


def test_a_version_that_exits_is_rolled_back_and_told(stack: Stack) -> None:
    stack.change(web_command="python -c 'print(\"no good\"); raise SystemExit(3)'")
    with polling(stack) as statuses:
        status, output = stack.update()
    assert status != 0, output
    assert "ECS went back to" in output, output
    assert "container web ended with exit status 3" in output, output
    assert "no good" in output, output
    assert set(statuses) == {200}


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


def test_an_own_domain_and_back(stack: Stack) -> None:
    dns = stack.client("route53")
    zone = dns.create_hosted_zone(Name="example.com", CallerReference="tests")["HostedZone"]["Id"].rpartition("/")[2]
    stack.change(domain="www.example.com", hosted_zone=zone)
    status, output = stack.update("--refresh")
    assert status == 0, output
    page = stack.get("/", "www.example.com")
    assert page.status == 200
    assert b"<title>Gallery</title>" in page.read()
    plain = stack.get("/", "www.example.com", tls=False)
    assert plain.status == 301
    stack.change(domain=None, hosted_zone=None)
    status, output = stack.update()
    assert status == 0, output
    assert stack.domain.endswith(".cloudfront.net")
    assert stack.get("/").status == 200


def test_data_that_is_kept_is_removed_by_no_destroy_before_it_is_let_go(stack: Stack) -> None:
    status, output = stack.run_pulumi("destroy", "--yes", "--skip-preview")
    assert status != 0, output
    assert "protect" in output, output
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
    assert not stack.client("s3").list_buckets()["Buckets"]
    assert not stack.client("ecs").list_services(cluster="django-stack-rehearsal").get("serviceArns")
