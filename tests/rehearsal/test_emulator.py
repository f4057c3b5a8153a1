"""What is around the emulator: AWS's names for programs and browsers on this machine, schedules, own domains."""

import contextlib
import http.client
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from docker.errors import NotFound

from infra.cloud.distribution import ALL_VIEWER_AND_CLOUDFRONT_HEADERS
from tests.rehearsal import ecs
from tests.rehearsal.conftest import (
    ACCOUNT,
    AWS,
    REGION,
    refuse_beside_a_developers,
    remove_leftovers_of_killed_tests,
)
from tests.rehearsal.ecs import python
from tests.waiting import wait_until
from tools.rehearsal import container
from tools.rehearsal.container import Emulator, RehearsalError
from tools.rehearsal.stack import HOST_FOLDER

pytestmark = pytest.mark.docker

DISTRIBUTION: dict[str, Any] = {
    "CallerReference": "tests",
    "Comment": "",
    "Enabled": True,
    "Aliases": {"Quantity": 1, "Items": ["www.example.com"]},
    "Origins": {
        "Quantity": 1,
        "Items": [
            {
                "Id": "media",
                "DomainName": f"tests-media.s3.{REGION}.amazonaws.com",
                "OriginAccessControlId": "E1",
                "S3OriginConfig": {"OriginAccessIdentity": ""},
            }
        ],
    },
    "DefaultCacheBehavior": {
        "TargetOriginId": "media",
        "ViewerProtocolPolicy": "redirect-to-https",
        "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
    },
}


def get(aws: AWS, host: str, path: str = "/") -> tuple[int, dict[str, str], str]:
    """What the emulator's http port answers to a request for a host."""
    connection = http.client.HTTPConnection("127.0.0.1", aws.ports.api, timeout=10)
    connection.request("GET", path, headers={"Host": host, "Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    return answer.status, dict(answer.headers), answer.read().decode()


def fixed(text: str) -> dict[str, Any]:
    """A load balancer's own answer."""
    answer = {"StatusCode": "200", "ContentType": "text/plain", "MessageBody": text}
    return {"Type": "fixed-response", "FixedResponseConfig": answer}


@pytest.fixture(scope="module")
def distribution(aws: AWS) -> str:
    """The domain name of a distribution before a bucket that admits it by TLS alone."""
    created = aws.client("cloudfront").create_distribution(DistributionConfig=DISTRIBUTION)["Distribution"]
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="tests-media")
    text = f"see https://{created['DomainName']}/there"
    s3.put_object(Bucket="tests-media", Key="page.html", Body=text.encode(), ContentType="text/html")
    objects = "arn:aws:s3:::tests-media/*"
    statements = [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": objects,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {
            "Effect": "Allow",
            "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Action": "s3:GetObject",
            "Resource": objects,
            "Condition": {"StringEquals": {"AWS:SourceArn": created["ARN"]}},
        },
    ]
    s3.put_bucket_policy(Bucket="tests-media", Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    name: str = created["DomainName"]
    return name


def test_a_browser_finds_a_distribution_under_a_name_of_this_machine_and_gets_such_names(
    aws: AWS, distribution: str
) -> None:
    host = f"{distribution}.localhost:{aws.ports.api}"
    status, _, text = get(aws, host, "/page.html")
    assert (status, text) == (200, f"see http://{host}/there")


def test_without_tls_a_visitor_is_sent_there(aws: AWS, distribution: str) -> None:
    status, headers, _ = get(aws, distribution, "/page.html")
    assert (status, headers["Location"]) == (301, f"https://{distribution}/page.html")


def test_a_distribution_serves_its_aliases(aws: AWS, distribution: str) -> None:
    status, headers, _ = get(aws, "www.example.com", "/page.html")
    assert (status, headers["Location"]) == (301, "https://www.example.com/page.html")


def test_a_distribution_tells_its_origin_by_which_protocol_the_visitor_came(aws: AWS) -> None:
    balancers, cloudfront = aws.client("elbv2"), aws.client("cloudfront")
    balancer = balancers.create_load_balancer(Name="tests-origin", Subnets=["subnet-1"])["LoadBalancers"][0]
    listener = balancers.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Port=80, Protocol="HTTP", DefaultActions=[fixed("something else")]
    )["Listeners"][0]["ListenerArn"]
    for priority, protocol in ((1, "https"), (2, "http")):
        header = {"HttpHeaderName": "CloudFront-Forwarded-Proto", "Values": [protocol]}
        balancers.create_rule(
            ListenerArn=listener,
            Priority=priority,
            Conditions=[{"Field": "http-header", "HttpHeaderConfig": header}],
            Actions=[fixed(protocol)],
        )
    ports = {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}
    origin = {"Id": "media", "DomainName": balancer["DNSName"], "CustomOriginConfig": ports}
    behavior = {
        **DISTRIBUTION["DefaultCacheBehavior"],
        "ViewerProtocolPolicy": "allow-all",
        "OriginRequestPolicyId": ALL_VIEWER_AND_CLOUDFRONT_HEADERS,
    }
    name = cloudfront.create_distribution(
        DistributionConfig={
            **DISTRIBUTION,
            "CallerReference": "origin",
            "Aliases": {"Quantity": 0},
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": behavior,
        }
    )["Distribution"]["DomainName"]
    assert get(aws, name)[2] == "http"
    assert get(aws, f"{name}.localhost:{aws.ports.api}")[2] == "https"


def test_a_vpc_origin_leads_to_an_internal_load_balancer_which_nobody_else_reaches(aws: AWS) -> None:
    balancers, cloudfront = aws.client("elbv2"), aws.client("cloudfront")
    balancer = balancers.create_load_balancer(Name="tests-internal", Scheme="internal", Subnets=["subnet-1"])
    (within,) = balancer["LoadBalancers"]
    balancers.create_listener(
        LoadBalancerArn=within["LoadBalancerArn"], Port=8080, Protocol="HTTP", DefaultActions=[fixed("inside")]
    )
    config = {
        "Name": "tests",
        "Arn": within["LoadBalancerArn"],
        "HTTPPort": 8080,
        "HTTPSPort": 443,
        "OriginProtocolPolicy": "http-only",
    }
    made = cloudfront.create_vpc_origin(VpcOriginEndpointConfig=config)
    origin = {
        "Id": "media",
        "DomainName": within["DNSName"],
        "VpcOriginConfig": {"VpcOriginId": made["VpcOrigin"]["Id"]},
    }
    name = cloudfront.create_distribution(
        DistributionConfig={
            **DISTRIBUTION,
            "CallerReference": "vpc origin",
            "Aliases": {"Quantity": 0},
            "Origins": {"Quantity": 1, "Items": [origin]},
        }
    )["Distribution"]["DomainName"]
    assert get(aws, f"{name}.localhost:{aws.ports.api}")[2] == "inside", "by http, though the visitor came by https"
    assert "inside" not in get(aws, within["DNSName"])[2]
    assert "inside" not in get(aws, f"{within['DNSName']}:8080")[2]
    with pytest.raises(cloudfront.exceptions.ClientError, match="CannotUpdateEntityWhileInUse"):
        cloudfront.update_vpc_origin(
            Id=made["VpcOrigin"]["Id"],
            IfMatch=cloudfront.get_vpc_origin(Id=made["VpcOrigin"]["Id"])["ETag"],
            VpcOriginEndpointConfig={**config, "HTTPPort": 80},
        )


def test_the_second_origin_of_a_group_is_asked_for_what_the_first_lacks(aws: AWS, distribution: str) -> None:
    """`distribution` is there for its bucket, which admits another distribution's origin access control, too."""
    balancers, cloudfront, s3 = aws.client("elbv2"), aws.client("cloudfront"), aws.client("s3")
    balancer = balancers.create_load_balancer(Name="tests-second", Subnets=["subnet-1"])["LoadBalancers"][0]
    balancers.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Port=80, Protocol="HTTP", DefaultActions=[fixed("the second")]
    )
    ports = {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}
    second = {"Id": "tasks", "DomainName": balancer["DNSName"], "CustomOriginConfig": ports}
    members = {"Quantity": 2, "Items": [{"OriginId": "media"}, {"OriginId": "tasks"}]}
    statuses = {"StatusCodes": {"Quantity": 2, "Items": [403, 404]}}
    group = {"Id": "both", "FailoverCriteria": statuses, "Members": members}
    created = cloudfront.create_distribution(
        DistributionConfig={
            **DISTRIBUTION,
            "CallerReference": "group",
            "Aliases": {"Quantity": 0},
            "Origins": {"Quantity": 2, "Items": [*DISTRIBUTION["Origins"]["Items"], second]},
            "OriginGroups": {"Quantity": 1, "Items": [group]},
            "DefaultCacheBehavior": {**DISTRIBUTION["DefaultCacheBehavior"], "TargetOriginId": "both"},
        }
    )["Distribution"]
    policy = json.loads(s3.get_bucket_policy(Bucket="tests-media")["Policy"])
    policy["Statement"][1]["Condition"]["StringEquals"]["AWS:SourceArn"] = created["ARN"]
    s3.put_bucket_policy(Bucket="tests-media", Policy=json.dumps(policy))
    host = f"{created['DomainName']}.localhost:{aws.ports.api}"
    assert get(aws, host, "/page.html")[2].startswith("see http")
    assert get(aws, host, "/another.html")[2] == "the second"


def test_python_programs_on_this_machine_find_awss_names_at_the_emulator_by_tls(aws: AWS) -> None:
    program = (
        "import ssl, urllib.request as u; trust = u.urlopen(f'http://127.0.0.1:{api}/_rehearsal/certificate.pem').read();"
        "context = ssl.create_default_context(cadata=trust.decode());"
        "print(u.urlopen('https://s3.us-east-1.amazonaws.com/', context=context).read()[:200])"
    ).replace("{api}", str(aws.ports.api))
    environment = os.environ | {"PYTHONPATH": str(HOST_FOLDER), "REHEARSAL_TLS_PORT": str(aws.ports.tls)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert "ListAllMyBucketsResult" in done.stdout, done.stderr


def test_a_schedule_starts_its_task(aws: AWS) -> None:
    definition = ecs.define(aws, [{"name": "web", "entryPoint": python("import sys; print(sys.argv[1:])")}])
    client = aws.client("ecs")
    cluster = client.create_cluster(clusterName="tests")["cluster"]["clusterArn"]
    network = {"Subnets": ["subnet-1"], "SecurityGroups": ["sg-1"], "AssignPublicIp": "ENABLED"}
    aws.client("scheduler").create_schedule(
        Name="tests",
        ScheduleExpression=f"at({datetime.now(UTC) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": cluster,
            "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/tests",
            "Input": json.dumps({"containerOverrides": [{"name": "web", "command": ["by", "the", "clock"]}]}),
            "EcsParameters": {
                "TaskDefinitionArn": definition,
                "LaunchType": "FARGATE",
                "NetworkConfiguration": {"awsvpcConfiguration": network},
            },
        },
    )
    started = {"cluster": "tests", "family": definition.rpartition("/")[2].partition(":")[0]}
    (task,) = wait_until(
        lambda: (
            client.list_tasks(**started)["taskArns"] + client.list_tasks(**started, desiredStatus="STOPPED")["taskArns"]
        ),
        "the scheduled task",
        90,
    )
    assert ecs.wait_until_stopped(aws, task)["containers"][0]["exitCode"] == 0
    assert ecs.log_lines(aws, task, "web") == ["['by', 'the', 'clock']"]


def test_a_registrys_address_is_the_loopbacks_and_a_tag_that_is_missing_is_refused(aws: AWS) -> None:
    ecr = aws.client("ecr")
    created = ecr.create_repository(repositoryName="tests/app")["repository"]
    assert created["repositoryUri"] == f"127.0.0.1:{aws.ports.api}/tests/app"
    with pytest.raises(ecr.exceptions.ImageNotFoundException):
        ecr.describe_images(repositoryName="tests/app", imageIds=[{"imageTag": "missing"}])


def test_a_rule_for_a_prefix_list_is_described_with_it(aws: AWS) -> None:
    ec2 = aws.client("ec2")
    (vpc,) = ec2.describe_vpcs()["Vpcs"]
    group = ec2.create_security_group(GroupName="tests", Description="tests", VpcId=vpc["VpcId"])["GroupId"]
    (cloudfront,) = ec2.describe_managed_prefix_lists(
        Filters=[{"Name": "prefix-list-name", "Values": ["com.amazonaws.global.cloudfront.origin-facing"]}]
    )["PrefixLists"]
    admitted = {"PrefixListIds": [{"PrefixListId": cloudfront["PrefixListId"]}]}
    permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, **admitted}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    (rule,) = [rule for rule in rules if not rule["IsEgress"]]
    assert rule["PrefixListId"] == cloudfront["PrefixListId"]


def test_a_networks_flow_log_is_described_with_its_interval_and_tags(aws: AWS) -> None:
    ec2 = aws.client("ec2")
    tags = [{"Key": "Name", "Value": "tests"}]
    made = ec2.create_flow_logs(
        ResourceIds=[ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="s3",
        LogDestination="arn:aws:s3:::logs/network",
        MaxAggregationInterval=60,
        TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": tags}],
    )["FlowLogIds"]
    (log,) = ec2.describe_flow_logs(FlowLogIds=made)["FlowLogs"]
    assert (log["MaxAggregationInterval"], log["Tags"]) == (60, tags)


def test_a_regional_nat_gateway_needs_no_subnet_and_says_that_it_is_one(aws: AWS) -> None:
    ec2 = aws.client("ec2")
    network = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    gateway = ec2.create_nat_gateway(VpcId=network, AvailabilityMode="regional")["NatGateway"]["NatGatewayId"]
    (found,) = ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"]
    assert (found["VpcId"], found["AvailabilityMode"], found["State"]) == (network, "regional", "available")


def test_the_region_has_the_zones_that_it_has_on_aws(aws: AWS) -> None:
    zones = aws.client("ec2").describe_availability_zones()["AvailabilityZones"]
    names = {zone["ZoneId"]: zone["ZoneName"] for zone in zones}
    assert names == {f"use1-az{number}": f"us-east-1{letter}" for number, letter in enumerate("abcdef", 1)}


def test_a_second_rehearsal_on_an_engine_says_whose_the_first_one_is(aws: AWS) -> None:
    second = Emulator(aws.engine, aws.emulator.name, owner="/somewhere/else", network=None)
    with pytest.raises(RehearsalError, match=f"A rehearsal of {aws.emulator.owner} is on this Docker engine already"):
        second.start(print, REGION)
    assert aws.emulator.ports == aws.ports


@contextlib.contextmanager
def left_by(aws: AWS, owner: str) -> Iterator[Emulator]:
    """The container of a rehearsal of somebody's, which doesn't run."""
    left = Emulator(aws.engine, f"{aws.emulator.name}-left", owner)
    image = aws.engine.containers.get(aws.emulator.name).image
    container = aws.engine.containers.create(image, name=left.name, labels=left.labels)
    try:
        yield left
    finally:
        with contextlib.suppress(NotFound):
            container.remove(force=True)


@pytest.mark.parametrize(
    ("owner", "stays"),
    [("/home/somebody/project", True), ("the tests", False), ("/tmp/pytest-of-root/pytest-1/x", False)],
)
def test_killed_tests_do_not_stand_in_the_way_of_the_next_ones(aws: AWS, owner: str, stays: bool) -> None:
    with left_by(aws, owner) as left:
        remove_leftovers_of_killed_tests(aws.engine, left.name)
        assert (left.found_owner == owner) is stays


def test_the_tests_leave_a_developers_rehearsal_alone_and_say_so_at_once(aws: AWS) -> None:
    with left_by(aws, "/home/somebody/project") as left:
        with pytest.raises(
            pytest.fail.Exception, match=r"the rehearsal of /home/somebody/project is in it\. Fix: \(cd"
        ):
            refuse_beside_a_developers(aws.engine, left.name)
        assert left.found_owner


def test_a_rehearsal_whose_folder_is_gone_is_removed_by_the_next_one_which_says_so(aws: AWS, tmp_path: Path) -> None:
    for owner, stays in ((tmp_path, True), (tmp_path / "gone", False)):
        output: list[str] = []
        with left_by(aws, str(owner)) as left:
            Emulator(aws.engine, left.name, owner="/another").remove_abandoned(output.append)
            assert bool(left.found_owner) is stays
        assert output == ([] if stays else [f"removing the rehearsal of {owner}, a folder that is gone"])


def test_another_version_of_the_emulator_is_refused_with_words(aws: AWS) -> None:
    container = aws.engine.containers.get(aws.emulator.name)
    program = (
        "from unittest import mock; from tools.rehearsal.emulator import __main__ as it; "
        "mock.patch.object(it, 'version', lambda _: '9.9.9').start(); it.main()"
    )
    status, output = container.exec_run(["python3", "-c", program])
    assert status == 1
    assert b"This is MiniStack 9.9.9, and the overrides in tools/rehearsal/overrides are written for" in output


def test_a_port_that_another_emulator_takes_at_the_same_moment_is_no_end(
    aws: AWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = container._free_port
    answers = iter([aws.ports.api])  # as it was free a moment ago
    monkeypatch.setattr(container, "_free_port", lambda wanted: next(answers, 0) or free(wanted))
    second = Emulator(aws.engine, f"rehearsal-tests-{secrets.token_hex(3)}", network=None)
    try:
        assert second.start(print, REGION).api not in {0, aws.ports.api}
        assert second.ports
    finally:
        second.remove()
