"""Mail by Amazon SES: the sender's domain, its records, the task's right, and what AWS says of the account."""

import json
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from botocore.exceptions import ClientError

from infra.cloud import preflight as module
from infra.cloud.senders import sending_domain
from infra.settings import Settings
from tests.infra.cloud.preflight_machine import ready_machine, refusal
from tests.infra.cloud.variants import ZONE

SES = {"mail": "ses", "domain": "www.example.com", "hosted-zone": ZONE}

machine = pytest.fixture(ready_machine)


@pytest.mark.parametrize(
    ("domain", "sender", "expected"),
    [
        ("www.example.com", "", "example.com"),
        ("example.com", "", "example.com"),
        ("shop.example.com", "", "shop.example.com"),
        ("www.example.com", "post@news.example.com", "news.example.com"),
        ("shop.example.com", "The shop <post@Example.com>", "example.com"),
    ],
)
def test_the_domain_is_the_senders_or_else_the_sites_own(domain: str, sender: str, expected: str) -> None:
    assert sending_domain(domain, {"DEFAULT_FROM_EMAIL": sender} if sender else {}) == expected


@pytest.mark.parametrize(
    ("region", "end"),
    [("us-east-1", "dkim.amazonses.com"), ("eu-central-2", "dkim.eu-central-2.amazonses.com")],
)
def test_the_records_prove_the_domain_in_its_zone_where_the_region_has_its_keys(
    cloud: Any, region: str, end: str
) -> None:
    run = cloud(SES | {"aws:region": region})
    records = [run[f"mail-dkim-{number}"].inputs for number in range(3)]
    assert {(one["name"], *one["records"], one["zoneId"]) for one in records} == {
        (f"token{number}._domainkey.example.com", f"token{number}.{end}", ZONE) for number in range(3)
    }


def test_a_task_sends_for_that_domain_alone_and_without_ses_not_at_all(cloud: Any) -> None:
    policy = json.loads(cloud(SES)["task-app-rights"].inputs["policy"])
    (right,) = [one for one in policy["Statement"] if any("ses:" in action for action in one["Action"])]
    assert right["Resource"] == "arn:aws:ses:us-east-1:123456789012:identity/example.com"
    assert "ses:" not in cloud()["task-app-rights"].inputs["policy"]


def test_aws_is_heard_before_it_stops_sending(cloud: Any) -> None:
    run = cloud(SES)
    limits = {name: run[f"alarm-mail-{name}"].inputs["threshold"] for name in ("bounces", "complaints")}
    assert limits == {"bounces": 0.05, "complaints": 0.001}
    assert "dimensions" not in run["alarm-mail-bounces"].inputs, "it is the account's"


@pytest.fixture
def ask(as_stack: Any, set_config: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Settings of a stack with SES, in an account of which AWS says this."""

    def ask_(answer: dict[str, Any] | Exception, **settings: Any) -> Settings:
        def get_account() -> dict[str, Any]:
            if isinstance(answer, Exception):
                raise answer
            return answer

        client = module.client
        ses = SimpleNamespace(get_account=get_account)
        monkeypatch.setattr(
            module, "client", lambda service, account: ses if service == "sesv2" else client(service, account)
        )
        as_stack("cloud")
        set_config(SES | settings, platform="cloud")
        return Settings.load()

    return ask_


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    heard: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", heard.append)
    return heard


@pytest.mark.usefixtures("machine")
def test_an_account_that_may_send_to_everybody_passes(ask: Any, warnings: list[str]) -> None:
    module.preflight(ask({"SendingEnabled": True, "ProductionAccessEnabled": True}))
    assert warnings == []


@pytest.mark.usefixtures("machine")
def test_an_account_in_the_sandbox_is_told_so(ask: Any, warnings: list[str]) -> None:
    module.preflight(ask({"SendingEnabled": True, "ProductionAccessEnabled": False}))
    (warning,) = warnings
    assert "sandbox in us-east-1" in warning
    assert "docs/cloud.md" in warning


@pytest.mark.usefixtures("machine")
def test_an_account_whose_sending_is_stopped_is_refused(ask: Any) -> None:
    message = refusal(ask({"SendingEnabled": False, "ProductionAccessEnabled": True}))
    assert "AWS has stopped this account's sending in us-east-1" in message
    assert "pulumi config set -s cloud mail url" in message


@pytest.mark.usefixtures("machine")
def test_a_region_without_ses_is_refused_without_asking(ask: Any) -> None:
    message = refusal(ask(AssertionError("asked"), **{"aws:region": "ap-east-1"}))
    assert "mail is ses, which Amazon doesn't have in ap-east-1" in message


@pytest.mark.usefixtures("machine")
def test_an_account_that_may_not_be_asked_is_no_obstacle(ask: Any) -> None:
    module.preflight(ask(ClientError({"Error": {"Code": "AccessDenied"}}, "GetAccount")))


def test_the_first_preview_knows_no_token_yet_and_goes_through(cloud: Any) -> None:
    assert "mail-dkim-2" in cloud(SES, preview=True).resources
