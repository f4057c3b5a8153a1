"""The real `pulumi` engine with the aws plugin: what up, refresh, changes and destroy mean to a user."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from aws_account import REGION, Account, Emulator
from plugin_harness import SCRIPTS, Project

pytestmark = pytest.mark.pulumi

PROGRAM = """
import json
import pulumi, pulumi_aws as aws, pulumi_random as random

settings = {settings!r}
tags = {{"Name": settings.get("tag", "app")}}
zones = aws.get_availability_zones(filters=[{{"name": "zone-type", "values": ["availability-zone"]}}])
vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", tags=tags)
subnets = [
    aws.ec2.Subnet(f"subnet-{{zone[-1]}}", vpc_id=vpc.id, cidr_block=f"10.0.{{16 * index}}.0/20",
                   availability_zone=zone, tags=tags)
    for index, zone in enumerate(sorted(zones.names)[:2])
]
gateway = aws.ec2.InternetGateway("gateway", vpc_id=vpc.id, tags=tags)
group = aws.ec2.SecurityGroup("group", name="app", description="What may reach it", vpc_id=vpc.id, tags=tags)
aws.vpc.SecurityGroupIngressRule("rule", security_group_id=group.id, ip_protocol="tcp", from_port=80, to_port=80,
                                 referenced_security_group_id=group.id, tags=tags)
password = random.RandomPassword("password", length=32, special=False)
key = random.RandomPassword("key", length=32, special=False)
secret = aws.secretsmanager.Secret("secret", name_prefix="app-", tags=tags)
version = aws.secretsmanager.SecretVersion(
    "version", secret_id=secret.id,
    secret_string=pulumi.Output.json_dumps({{"PASSWORD": password.result, "A": settings.get("secret", "1")}}))
balancer = aws.lb.LoadBalancer("balancer", name="app", load_balancer_type="application", internal=False,
                               security_groups=[group.id], subnets=[subnet.id for subnet in subnets],
                               idle_timeout=settings.get("idle", 60), tags=tags,
                               opts=pulumi.ResourceOptions(depends_on=[gateway]))
targets = aws.lb.TargetGroup("targets", name="app", vpc_id=vpc.id, port=8000, protocol="HTTP",
                             target_type="ip", health_check={{"path": "/live"}}, tags=tags)
listener = aws.lb.Listener("listener", load_balancer_arn=balancer.arn, port=80, protocol="HTTP", default_actions=[
    {{"type": "fixed-response", "fixed_response": {{"content_type": "text/plain", "status_code": "403"}}}}], tags=tags)
behavior = {{"target_origin_id": "site", "viewer_protocol_policy": "redirect-to-https",
            "allowed_methods": ["GET", "HEAD"], "cached_methods": ["GET", "HEAD"],
            "cache_policy_id": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"}}
distribution = aws.cloudfront.Distribution(
    "distribution", enabled=True, origins=[{{
        "origin_id": "site", "domain_name": balancer.dns_name,
        "custom_origin_config": {{"http_port": 80, "https_port": 443, "origin_protocol_policy": "http-only",
                                 "origin_ssl_protocols": ["TLSv1.2"]}},
        "custom_headers": [{{"name": "X-Key", "value": key.result}}]}}],
    default_cache_behavior=behavior, restrictions={{"geo_restriction": {{"restriction_type": "none"}}}},
    viewer_certificate={{"cloudfront_default_certificate": True}}, tags=tags)
bucket = aws.s3.Bucket("bucket", bucket_prefix="app-", force_destroy=True, tags=tags)
aws.s3.BucketVersioning("versions", bucket=bucket.bucket, versioning_configuration={{"status": "Enabled"}})
aws.ecr.Repository("images", name="app", force_delete=True, tags=tags, encryption_configurations=[
    {{"encryption_type": settings.get("encryption", "AES256")}}])
logs = aws.cloudwatch.LogGroup("logs", name=settings.get("logs", "/app"),
                               retention_in_days=settings.get("days", 30), tags=tags)
aws.rds.Instance(
    "database", identifier="app", engine="postgres", engine_version="17", instance_class="db.t4g.micro",
    allocated_storage=20, db_name="app", username="app", password=password.result, skip_final_snapshot=True, tags=tags)
pulumi.export("key", key.result)
pulumi.export("password", password.result)
"""


class Stack:
    """The program's stack in an empty account."""

    def __init__(self, project: Project, account: Account) -> None:
        self.project, self.account = project, account
        self.write()

    def write(self, **settings: Any) -> None:
        """Write the program, with these settings instead of the usual ones."""
        self.project.write(PROGRAM.format(settings=settings))


@pytest.fixture
def stack(project: Project, account: Account, emulator: Emulator) -> Iterator[Stack]:
    project.environment.update(emulator.environment)
    stored = project.folder.parent / "home/plugins/resource-aws-v7.51.1"
    stored.mkdir()
    (stored / "pulumi-resource-aws").symlink_to(SCRIPTS / "pulumi-resource-aws")
    project.run("config", "set", "aws:region", REGION)
    yield Stack(project, account)
    project.write("")


def test_a_stack_s_life(stack: Stack) -> None:
    project, account = stack.project, stack.account
    project.up()

    # Nothing changes by itself, not even after all was read.
    project.up("--expect-no-changes")
    project.up("--refresh", "--expect-no-changes")

    # No secret is in the state.
    values = json.loads(project.run("stack", "output", "--json", "--show-secrets"))
    state = json.dumps(project.resources())
    assert not [name for name, value in values.items() if value in state]

    # A tag changes everywhere, in place.
    before = {name: resource.get("id") for name, resource in project.resources().items()}
    stack.write(tag="other")
    assert "replaced" not in project.up()
    assert {name: resource.get("id") for name, resource in project.resources().items()} == before
    tags = account.ask("elbv2", "DescribeTags", ResourceArns=[before["balancer"]])["TagDescriptions"][0]["Tags"]
    assert tags == [{"Key": "Name", "Value": "other"}]

    # Settings change in place.
    stack.write(tag="other", idle=61, days=14)
    output = project.up()
    assert "2 updated" in output
    (group,) = account.ask("logs", "DescribeLogGroups", logGroupNamePrefix="/app")["logGroups"]
    assert group["retentionInDays"] == 14

    # What can't be changed is replaced: first the new one, then the old one goes …
    stack.write(tag="other", idle=61, days=14, logs="/new")
    output = project.up()
    assert "1 replaced" in output
    assert output.index("logs created replacement") < output.index("logs deleted original")
    # … but what has the same name goes before.
    stack.write(tag="other", idle=61, days=14, logs="/new", encryption="KMS")
    output = project.up()
    assert output.index("images deleted original") < output.index("images created replacement")

    # And all goes.
    project.run("destroy", "--yes", "--skip-preview")
    assert not account.ask("logs", "DescribeLogGroups")["logGroups"]
    assert not account.ask("elbv2", "DescribeLoadBalancers")["LoadBalancers"]
    assert not account.ask("s3", "ListBuckets")["Buckets"]


def test_what_somebody_changed_is_shown_and_mended(stack: Stack) -> None:
    stack.project.up()
    stack.account.ask("logs", "PutRetentionPolicy", logGroupName="/app", retentionInDays=1)
    output = stack.project.up("--refresh")
    assert "1 updated" in output
    (group,) = stack.account.ask("logs", "DescribeLogGroups", logGroupNamePrefix="/app")["logGroups"]
    assert group["retentionInDays"] == 30


def test_a_changed_secret_is_a_new_version(stack: Stack) -> None:
    stack.project.up()
    before = stack.project.resources()["version"]["outputs"]["versionId"]
    stack.write(secret="2")
    assert "1 replaced" in stack.project.up()
    assert stack.project.resources()["version"]["outputs"]["versionId"] != before


def test_a_refused_resource_fails_with_its_name_and_aws_s_words(stack: Stack) -> None:
    stack.account.ask("logs", "CreateLogGroup", logGroupName="/app")
    output = stack.project.up(fails=True)
    assert "logs: CreateLogGroup: The specified log group already exists (ResourceAlreadyExistsException)" in output
    stack.account.ask("logs", "DeleteLogGroup", logGroupName="/app")
    assert "logs created" in stack.project.up()
