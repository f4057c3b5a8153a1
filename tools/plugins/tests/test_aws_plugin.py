"""pulumi-resource-aws over gRPC: settings, secrets, functions, refusals."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from aws_account import REGION, Account, Emulator
from aws_samples import SAMPLES
from plugin_harness import Plugin, error_text, init_failed

from django_stack_plugins.stubs import provider_pb2
from django_stack_plugins.values import Properties, Secret, decode_properties, encode_properties

SECRET, VERSION = "aws:secretsmanager/secret:Secret", "aws:secretsmanager/secretVersion:SecretVersion"
DATABASE = "aws:rds/instance:Instance"
ZONES = "aws:index/getAvailabilityZones:getAvailabilityZones"
PREFIXES = "aws:ec2/getManagedPrefixList:getManagedPrefixList"


def configure(plugin: Plugin, **settings: str) -> None:
    variables = {f"aws:config:{name}": value for name, value in settings.items()}
    plugin.stub.Configure(provider_pb2.ConfigureRequest(variables=variables))


@pytest.fixture
def start(
    start_plugin: Callable[[str], Plugin], emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Plugin]:
    """Start the plugin with these variables instead of the emulator's."""

    def begin(**variables: str | None) -> Plugin:
        for name, value in {**emulator.environment, **variables}.items():
            monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
        return start_plugin("aws")

    return begin


@pytest.fixture
def aws(account: Account, start: Callable[..., Plugin]) -> Plugin:
    plugin = start()
    configure(plugin, region=REGION)
    return plugin


def ask(plugin: Plugin, function: str, **arguments: Any) -> Properties:
    request = provider_pb2.InvokeRequest(tok=function, args=encode_properties(arguments))
    return decode_properties(getattr(plugin.stub.Invoke(request), "return"))


@pytest.mark.parametrize("endpoint", [None, "https://example.com", "http://10.1.2.3:4566"])
def test_it_works_for_an_emulator_on_this_machine_only(endpoint: str | None, start: Callable[..., Plugin]) -> None:
    plugin = start(AWS_ENDPOINT_URL=endpoint)
    words = error_text(lambda: configure(plugin, region=REGION))
    assert f"AWS_ENDPOINT_URL is {endpoint or 'not set'}" in words
    assert "Fix: " in words


@pytest.mark.parametrize(
    ("variables", "endpoint"),
    [
        ({"AWS_ENDPOINT_URL_EC2": "https://example.com"}, "https://example.com"),
        ({"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, f"https://ec2.{REGION}.amazonaws.com"),
    ],
)
def test_a_service_whose_calls_would_go_elsewhere_is_refused(
    variables: dict[str, str], endpoint: str, start: Callable[..., Plugin]
) -> None:
    plugin = start(**variables)
    configure(plugin, region=REGION)
    for _ in range(2):
        words = error_text(lambda: ask(plugin, ZONES))
        assert f"this environment or profile sends calls of ec2 to {endpoint}." in words
        assert "Fix: " in words


def test_it_wants_a_region(start: Callable[..., Plugin], monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = start(AWS_REGION=None, AWS_DEFAULT_REGION=None)
    assert "pulumi config set aws:region" in error_text(lambda: configure(plugin))


def test_a_setting_that_it_does_not_know_is_refused(aws: Plugin) -> None:
    request = provider_pb2.CheckRequest(news=encode_properties({"region": REGION, "defaultTags": "{}"}))
    (failure,) = aws.stub.CheckConfig(request).failures
    assert (failure.property, "does not support" in failure.reason) == ("defaultTags", True)


def test_an_input_that_it_does_not_know_is_refused(aws: Plugin) -> None:
    (failure,) = aws.check("aws:ec2/vpc:Vpc", {"cidrBlock": "10.0.0.0/16", "ipv6CidrBlock": "x"}).failures
    assert failure.property == "ipv6CidrBlock"


def test_a_secret_text_is_secret_in_what_it_makes_and_reads(aws: Plugin) -> None:
    secret, _ = aws.create(SECRET, aws.inputs(SECRET, {"namePrefix": "app-"}))
    inputs = aws.inputs(VERSION, {"secretId": secret, "secretString": "hidden"})
    version, state = aws.create(VERSION, inputs)
    assert state["secretString"] == Secret("hidden")
    read = decode_properties(aws.read(VERSION, version, state, inputs).properties)
    assert read["secretString"] == Secret("hidden")


def test_a_password_is_secret_and_in_no_error(aws: Plugin, account: Account, emulator: Emulator) -> None:
    inputs = aws.inputs(DATABASE, SAMPLES["Instance"](account))
    emulator.put("<DBInstanceStatus>failed<", "<DBInstanceStatus>available<", 99)
    with pytest.raises(grpc.RpcError) as error:
        aws.create(DATABASE, inputs)
    detail = init_failed(error.value)
    assert detail.id.startswith("db-")
    assert decode_properties(detail.properties)["password"] == Secret("hidden-password")
    assert "hidden-password" not in (error.value.details() or "")


def test_a_refresh_takes_over_what_is_different(aws: Plugin, account: Account) -> None:
    token = "aws:cloudwatch/logGroup:LogGroup"
    inputs = aws.inputs(token, SAMPLES["LogGroup"](account))
    group, state = aws.create(token, inputs)
    assert decode_properties(aws.read(token, group, state, inputs).inputs) == inputs
    account.ask("logs", "PutRetentionPolicy", logGroupName=group, retentionInDays=1)
    read = decode_properties(aws.read(token, group, state, inputs).inputs)
    assert read["retentionInDays"] == 1
    assert aws.diff(token, read, inputs).diffs == ["retentionInDays"]


def test_zones_come_sorted_and_filtered(aws: Plugin) -> None:
    names = [f"{REGION}{letter}" for letter in "abc"]
    filters = [{"name": "zone-name", "values": names[:2]}]
    assert ask(aws, ZONES)["names"] == names
    assert ask(aws, ZONES, filters=filters)["names"] == names[:2]
    (first, *_) = ask(aws, ZONES)["zoneIds"]
    assert ask(aws, ZONES, excludeZoneIds=[first])["names"] == names[1:]


def test_a_prefix_list_is_found_by_its_name(aws: Plugin) -> None:
    name = f"com.amazonaws.{REGION}.s3"
    assert ask(aws, PREFIXES, name=name)["id"].startswith("pl-")
    assert "there are 0 managed prefix lists of the name none" in error_text(lambda: ask(aws, PREFIXES, name="none"))


def test_a_function_or_argument_that_it_does_not_know_is_refused(aws: Plugin) -> None:
    assert "aws:ec2/getAmi:getAmi" in error_text(lambda: ask(aws, "aws:ec2/getAmi:getAmi"))
    assert "'state'" in error_text(lambda: ask(aws, ZONES, state="available"))
