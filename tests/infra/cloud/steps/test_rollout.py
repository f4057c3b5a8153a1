"""The roll-out check: only the wanted version, steady and ready, is a success."""

import signal
import ssl
import time
from typing import Any

import pytest

from infra.cloud.steps.rollout import Connection
from tests.connect_proxy import connect_proxy
from tests.infra.cloud.fake_aws import FakeAWS, RefusalError
from tests.infra.cloud.site import HTML, JSON, READY, UNREADY, Site
from tests.infra.cloud.steps.conftest import ACCOUNT, NEW, OLD, Run, Start

TASK = f"{ACCOUNT}:task/app/0123456789abcdef"
FAILURE = "ECS deployment circuit breaker: tasks failed to start."


def asked(site: Site, **changes: Any) -> dict[str, Any]:
    return {
        "region": "us-east-1",
        "profile": "",
        "cluster": "app",
        "service": "app-web",
        "container": "web",
        "task_definition": NEW,
        "tasks": 1,
        "domain": "localhost",
        "connect_to": site.address,
        "log_group": "/app",
        "stream_prefix": "app",
        "timeout": 20,
        "tolerance": 0.2,
        "stack": "cloud",
        "secrets": ["TOPSECRET"],
        "pause": 0.01,
    } | changes


def deployment(definition: str, status: str = "PRIMARY", state: str = "IN_PROGRESS", **more: Any) -> dict[str, Any]:
    return {"id": definition[-1], "status": status, "taskDefinition": definition, "rolloutState": state} | more


def service(*deployments: dict[str, Any], running: int = 1, events: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "services": [
            {
                "serviceName": "app-web",
                "status": "ACTIVE",
                "desiredCount": 1,
                "runningCount": running,
                "deployments": list(deployments),
                "events": [{"id": event, "message": event} for event in events],
            }
        ]
    }


GOING = service(deployment(NEW), deployment(OLD, "ACTIVE", "COMPLETED"), events=("old news",))
STEADY = service(
    deployment(NEW, state="COMPLETED"), events=("(service app-web) has reached a steady state.", "old news")
)
ROLLED_BACK = service(
    deployment(OLD, state="IN_PROGRESS"),
    deployment(NEW, "INACTIVE", "FAILED", rolloutStateReason=FAILURE),
    events=("(service app-web) rolling back to deployment 1.",),
)


@pytest.fixture
def ecs(aws: FakeAWS) -> FakeAWS:
    """A service whose new tasks died, with what they printed."""
    aws.on("ListTasks", {"taskArns": [TASK]})
    died = {
        "taskArn": TASK,
        "taskDefinitionArn": NEW,
        "lastStatus": "STOPPED",
        "stoppedReason": "Essential container in task exited",
        "containers": [{"name": "prepare", "exitCode": 0}, {"name": "web", "exitCode": 1}],
    }
    older = {**died, "taskDefinitionArn": OLD, "taskArn": TASK.replace("0", "f")}
    aws.on("DescribeTasks", {"tasks": [older, died]})
    aws.on(
        "GetLogEvents",
        {"events": [{"message": "ImportError: no module"}, {"message": "key TOPSECRET"}], "nextForwardToken": "f/1"},
        {"events": [], "nextForwardToken": "f/1"},
    )
    return aws


def rollout(run: Run, site: Site, **changes: Any) -> tuple[int, str, str]:
    return run("infra.cloud.steps.rollout", asked(site, **changes), {"SSL_CERT_FILE": str(site.certificate)})


def test_steady_and_ready_ends_with_0_and_shows_what_ecs_said(ecs: FakeAWS, run: Run, site: Site) -> None:
    ecs.on("DescribeServices", GOING, GOING, STEADY)
    code, out, error = rollout(run, site)
    assert (code, error) == (0, "")
    assert out == "(service app-web) has reached a steady state.\napp:2 serves https://localhost\n"
    assert site.asked == [("localhost", "/healthz/ready"), ("localhost", "/")]


def test_the_site_is_asked_through_the_proxy_by_its_own_name_and_certificate(
    ecs: FakeAWS, run: Run, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ecs.on("DescribeServices", STEADY)
    for name in ("no_proxy", "NO_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    elsewhere = "d111111abcdef8.cloudfront.net"
    with connect_proxy(int(site.address.rpartition(":")[2])) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        code, _, error = rollout(run, site, connect_to=elsewhere)
        assert (code, error) == (0, "")
        assert [lines[0].split()[:2] for lines in proxy.asked] == [["CONNECT", f"{elsewhere}:443"]] * 2
        assert site.asked == [("localhost", "/healthz/ready"), ("localhost", "/")]
        other = Connection("shop.invalid", elsewhere)  # for which this site has no certificate
        with pytest.raises(ssl.SSLCertVerificationError):
            other.connect()
        proxy.asked.clear()
        assert rollout(run, site)[0] == 0
        assert proxy.asked == [], "a site on this machine is asked directly"


def test_rolled_back_fails_with_reason_log_and_the_way_on(ecs: FakeAWS, run: Run, site: Site) -> None:
    ecs.on("DescribeServices", GOING, ROLLED_BACK)
    code, _, error = rollout(run, site)
    assert code == 1
    assert "The new version app:2 did not start, and ECS went back to app:1, which serves." in error
    assert f"ECS: {FAILURE}" in error
    assert "ECS: (service app-web) rolling back to deployment 1." in error
    assert (
        "Task 0123456789abcdef stopped: Essential container in task exited; container web ended with exit status 1"
        in error
    )
    assert "  | ImportError: no module\n  | key [secret]" in error
    assert "`pulumi up -s cloud --refresh`" in error
    assert error.count("Task ") == 1, "a task of the old version was shown"
    assert not site.asked


def test_the_last_tasks_that_stopped_are_shown_in_whatever_order_ecs_names_them(
    ecs: FakeAWS, run: Run, site: Site
) -> None:
    def died(name: str, **when: float) -> dict[str, Any]:
        return {"taskArn": TASK.replace("0123456789abcdef", name), "taskDefinitionArn": NEW, "containers": [], **when}

    ecs.on("DescribeTasks", {"tasks": [died("b", stoppedAt=20.0), died("a"), died("c", stoppedAt=30.0), died("d")]})
    ecs.on("GetLogEvents", RefusalError("ResourceNotFoundException"))
    ecs.on("DescribeServices", ROLLED_BACK)
    _, _, error = rollout(run, site)
    shown = [line.split()[1] for line in error.splitlines() if line.startswith("  Task ")]
    assert shown == ["c", "b"]


def test_a_raised_number_of_tasks_is_waited_for_though_autoscaling_has_not_asked_for_it_yet(
    ecs: FakeAWS, run: Run, site: Site
) -> None:
    ecs.on("DescribeServices", STEADY, STEADY, service(deployment(NEW, state="COMPLETED"), running=2))
    assert rollout(run, site, tasks=2)[0] == 0
    assert len(ecs.asked("DescribeServices")) == 3
    ecs.on("DescribeServices", STEADY)
    assert "0 of 2 tasks run" in rollout(run, site, tasks=2, timeout=0.2)[2]


def test_a_steady_old_version_is_no_success(ecs: FakeAWS, run: Run, site: Site) -> None:
    """What the provider's own wait takes for one: the service is steady, on the version before."""
    ecs.on("DescribeServices", service(deployment(OLD, state="COMPLETED")))
    for times in ({"tolerance": 0.2}, {"tolerance": 30, "timeout": 0.2}):
        code, _, error = rollout(run, site, **times)
        assert code == 1
        assert "ECS went back to app:1" in error


def test_an_answer_from_before_the_update_is_tolerated(ecs: FakeAWS, run: Run, site: Site) -> None:
    before = service(deployment(OLD, state="COMPLETED"))
    beginning = service(deployment(OLD, state="COMPLETED"), deployment(NEW, "ACTIVE"))
    ecs.on("DescribeServices", before, beginning, GOING, before, STEADY)
    code, out, error = rollout(run, site, tolerance=30)
    assert (code, error) == (0, "")
    assert out.endswith("app:2 serves https://localhost\n")


def test_a_version_that_ecs_calls_failed_is_not_waited_for(ecs: FakeAWS, run: Run, site: Site) -> None:
    """ECS forgets it, and with it the reason, after a while."""
    ecs.on("DescribeServices", GOING, ROLLED_BACK, service(deployment(OLD, state="COMPLETED")))
    code, _, error = rollout(run, site, tolerance=30)
    assert code == 1
    assert f"ECS: {FAILURE}" in error


def test_a_first_version_that_fails_has_nothing_to_go_back_to(ecs: FakeAWS, run: Run, site: Site) -> None:
    ecs.on("DescribeServices", service(deployment(NEW, state="FAILED", rolloutStateReason=FAILURE), running=0))
    code, _, error = rollout(run, site)
    assert code == 1
    assert "there is no previous one that could serve" in error
    assert FAILURE in error


def test_never_steady_fails_after_the_time_out(ecs: FakeAWS, run: Run, site: Site) -> None:
    ecs.on("DescribeServices", service(deployment(NEW, runningCount=0), running=0))
    code, _, error = rollout(run, site, timeout=0.3)
    assert code == 1
    assert "is not steady after rollout-timeout, 0.3 seconds: 0 of 1 tasks run" in error
    assert "the next `pulumi up` checks again" in error


def test_steady_but_not_ready_fails_with_the_sites_words(ecs: FakeAWS, run: Run, site: Site) -> None:
    ecs.on("DescribeServices", STEADY)
    site.answers["/healthz/ready"] = [(503, JSON, UNREADY)]
    code, _, error = rollout(run, site, timeout=0.3)
    assert code == 1
    assert f"https://localhost/healthz/ready answers 503 Service Unavailable: {UNREADY}" in error


DJANGO_404 = "<!doctype html><html><head><title>Not Found</title></head><body><h1>Not Found</h1></body></html>"
CATCH_ALL = "<html><head><title>Our shop</title></head><body>Buy!</body></html>"
DEBUG_PAGE = """<!DOCTYPE html><html><head><title>OperationalError
          at /</title><style>pre {color: red}</style></head>
<body><h1>OperationalError</h1><pre class="exception_value">no such table: it&#x27;s TOPSECRET</pre></body></html>"""


@pytest.mark.report("joining bug 1")
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((404, HTML, DJANGO_404), "404 Not Found: Not Found"),
        ((200, HTML, CATCH_ALL), "200 OK: Our shop"),
        ((200, JSON, '{"status": "ok"}'), '200 OK: {"status": "ok"}'),
        ((200, JSON, "[]"), "200 OK: []"),
        ((200, "text/plain", ""), "200 OK"),
        ((302, HTML, ""), "302 Found"),
        ((400, HTML, "<h1>Bad Request (400)</h1>"), "400 Bad Request: Bad Request (400)"),
    ],
)
def test_an_answer_that_is_not_the_contracts_is_no_readiness_and_is_not_waited_for(
    ecs: FakeAWS, run: Run, site: Site, answer: tuple[int, str, str], words: str
) -> None:
    ecs.on("DescribeServices", STEADY)
    site.answers["/healthz/ready"] = [answer]
    begin = time.monotonic()
    code, _, error = rollout(run, site, timeout=60)
    assert code == 1
    assert time.monotonic() - begin < 10
    assert f"The new version runs, but https://localhost/healthz/ready answers {words}" in error
    assert "the project's settings don't apply it. Fix: " in error
    assert "docs/bring-your-own.md, step 2" in error


def test_what_the_version_before_still_answers_is_tolerated(ecs: FakeAWS, run: Run, site: Site) -> None:
    ecs.on("DescribeServices", STEADY)
    site.answers["/healthz/ready"] = [(404, HTML, DJANGO_404)] * 2 + [(502, HTML, "gateway"), (200, JSON, READY)]
    site.answers["/"] = [(500, HTML, "<h1>Server Error (500)</h1>")] * 2 + [(200, HTML, "")]
    assert rollout(run, site, tolerance=30) == (
        0,
        "app:2 serves https://localhost\n",
        "",
    )


@pytest.mark.report("joining bug 2")
@pytest.mark.parametrize(
    ("status", "page", "words", "fix"),
    [
        (400, "<title>Bad Request (400)</title>", "400 Bad Request: Bad Request (400)", "from ALLOWED_HOSTS"),
        (
            500,
            DEBUG_PAGE,
            "500 Internal Server Error: OperationalError at /: no such table: it's [secret]",
            "correct what",
        ),
        (503, "<h2>Down <b>for</b> now</h2>", "503 Service Unavailable: Down for now", "correct what"),
    ],
)
def test_a_home_page_that_fails_fails_the_update(
    ecs: FakeAWS, start: Start, site: Site, status: int, page: str, words: str, fix: str
) -> None:
    ecs.on("DescribeServices", STEADY)
    site.answers["/"] = [(status, HTML, page)]
    process = start("infra.cloud.steps.rollout", asked(site), {"SSL_CERT_FILE": str(site.certificate)})
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert error.startswith(f"The new version runs, but the home page https://localhost/ answers {words}. Fix: ")
    assert fix in error
    assert error.count("\n") == 1


def test_a_broken_home_page_is_taken_back_to_the_version_that_served(ecs: FakeAWS, run: Run, site: Site) -> None:
    """ECS goes back by itself only when visitors meet enough errors; on the way back, errors must not stop it."""
    breaker = {"enable": True, "rollback": True}
    alarms = {"alarmNames": ["app-rollback"], "enable": True, "rollback": True}
    watched = {"maximumPercent": 200, "alarms": alarms, "deploymentCircuitBreaker": breaker}
    (steady,) = STEADY["services"]
    ecs.on(
        "DescribeServices",
        service(deployment(NEW), deployment(OLD, "ACTIVE", "COMPLETED", runningCount=1)),
        STEADY,
        {"services": [{**steady, "deploymentConfiguration": {**watched, "strategy": "ROLLING"}}]},
        service(deployment(OLD), deployment(NEW, "ACTIVE", "COMPLETED")),
        service(deployment(OLD, state="COMPLETED")),
    )
    ecs.on("UpdateService", {})
    site.answers["/"] = [(500, HTML, "<h1>Server Error (500)</h1>")]
    code, _, error = rollout(run, site)
    assert code == 1
    assert "the home page https://localhost/ answers 500" in error
    assert "ECS went back to app:1." in error
    assert "`pulumi up -s cloud --refresh`" in error
    back, again = ecs.asked("UpdateService")
    assert (back["cluster"], back["service"], back["taskDefinition"]) == ("app", "app-web", OLD)
    assert back["deploymentConfiguration"] == {**watched, "alarms": {**alarms, "enable": False}}
    assert again["deploymentConfiguration"] == watched
    assert "taskDefinition" not in again
    assert [name for name, _ in ecs.calls][-2:] == ["DescribeServices", "UpdateService"]


def test_a_version_that_was_replaced_before_this_update_is_not_gone_back_to(ecs: FakeAWS, run: Run, site: Site) -> None:
    ecs.on("DescribeServices", service(deployment(NEW), deployment(OLD, "ACTIVE", "COMPLETED", runningCount=0)), STEADY)
    site.answers["/"] = [(500, HTML, "<h1>Server Error (500)</h1>")]
    code, _, error = rollout(run, site)
    assert code == 1
    assert "goes back" not in error
    assert not ecs.asked("UpdateService")


@pytest.mark.parametrize("status", [204, 301, 302, 401, 403, 404, 405, 410, 429])
def test_a_home_page_that_sends_elsewhere_or_asks_for_a_login_is_one(
    ecs: FakeAWS, run: Run, site: Site, status: int
) -> None:
    ecs.on("DescribeServices", STEADY)
    site.answers["/"] = [(status, HTML, "")]
    assert rollout(run, site)[0] == 0
    assert site.asked[-1] == ("localhost", "/"), "a redirect was followed"


def test_a_site_with_the_wrong_certificate_is_not_ready(ecs: FakeAWS, run: Run, site: Site) -> None:
    ecs.on("DescribeServices", STEADY)
    code, _, error = rollout(run, site, timeout=0.3, domain="www.example.org")
    assert code == 1
    assert "certificate is not valid for 'www.example.org'" in error


def test_a_service_that_is_gone_is_said(ecs: FakeAWS, run: Run, site: Site) -> None:
    ecs.on("DescribeServices", {"services": [], "failures": [{"reason": "MISSING"}]})
    code, _, error = rollout(run, site)
    assert code == 1
    assert "ECS has no service app-web. Fix: pulumi up -s cloud --refresh" in error


@pytest.mark.parametrize("inherited", [signal.default_int_handler, signal.SIG_IGN])
def test_an_interrupt_is_no_traceback(ecs: FakeAWS, start: Start, site: Site, inherited: Any) -> None:
    ecs.on("DescribeServices", GOING)
    before = signal.signal(signal.SIGINT, inherited)  # a shell's background has it ignored
    process = start("infra.cloud.steps.rollout", asked(site))
    signal.signal(signal.SIGINT, before)
    while len(ecs.asked("DescribeServices")) < 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 1
    assert (
        error
        == "The roll-out check was interrupted. ECS continues the roll-out; the next `pulumi up` checks it again.\n"
    )


def test_throttling_is_waited_out(ecs: FakeAWS, run: Run, site: Site) -> None:
    ecs.on("DescribeServices", RefusalError("ThrottlingException", "Rate exceeded"), STEADY)
    assert rollout(run, site)[0] == 0


def test_a_missing_permission_is_said_plainly(ecs: FakeAWS, run: Run, site: Site) -> None:
    ecs.on("DescribeServices", RefusalError("AccessDeniedException", "not authorized to perform: ecs:DescribeServices"))
    code, _, error = rollout(run, site)
    assert code == 1
    assert "AWS refuses DescribeServices, your credentials lack a permission" in error
