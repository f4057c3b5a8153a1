"""What the official provider does with a change, a default, a wait and a refusal, type by type."""

import json
import threading
import time
from typing import Any

import pytest
from aws_account import KINDS, Account
from aws_samples import CONTAINER, SAMPLES

from django_stack_plugins.resource import InitFailed, PluginError

# What a change makes anew; all other inputs change in place.
REPLACED_BY = {
    "BucketPolicy": "bucket",
    "Bucket": "bucketPrefix",
    "Budget": "name notifications",
    "CacheParameterGroup": "description family name",
    "CacheSubnetGroup": "name",
    "Certificate": "domainName region subjectAlternativeNames validationMethod",
    "CertificateValidation": "certificateArn region validationRecordFqdns",
    "Cluster": "name",
    "Cors": "bucket",
    "Dashboard": "dashboardName",
    "DefaultSecurityGroup": "vpcId",
    "Distribution": "",
    "EgressRule": "securityGroupId",
    "EmailIdentity": "emailIdentity",
    "Encryption": "bucket",
    "EventRule": "name",
    "EventTarget": "rule targetId",
    "Function": "name",
    "FlowLog": "logDestination logDestinationType maxAggregationInterval trafficType vpcId",
    "IngressRule": "securityGroupId",
    "Instance": "dbName engine restoreToPointInTime snapshotIdentifier storageEncrypted username",
    "InternetGateway": "",
    "KeyValueStore": "name",
    "Lifecycle": "bucket",
    "LifecyclePolicy": "repository",
    "Listener": "loadBalancerArn",
    "LoadBalancer": "internal loadBalancerType name",
    "LogDelivery": "deliveryDestinationArn deliverySourceName region",
    "LogDeliveryDestination": "name outputFormat region",
    "LogDeliverySource": "logType name region resourceArn",
    "LogGroup": "name",
    "Logging": "bucket",
    "MetricAlarm": "name",
    "NatGateway": "availabilityMode connectivityType vpcId",
    "OriginAccessControl": "name",
    "OwnershipControls": "bucket",
    "ParameterGroup": "description family namePrefix",
    "Policy": "name resourceId scalableDimension serviceNamespace",
    "PublicAccessBlock": "bucket",
    "Record": "name zoneId",
    "ReplicationGroup": (
        "atRestEncryptionEnabled engine port replicationGroupId subnetGroupName transitEncryptionEnabled"
    ),
    "Repository": "encryptionConfigurations name",
    "ResponseHeadersPolicy": "",
    "Role": "name",
    "RolePolicy": "name role",
    "Route": "destinationCidrBlock routeTableId",
    "RouteTable": "vpcId",
    "RouteTableAssociation": "subnetId",
    "Schedule": "groupName name",
    "ScheduleGroup": "name",
    "Secret": "namePrefix",
    "SecretVersion": "secretId secretString",
    "SecurityGroup": "description name vpcId",
    "Service": "cluster launchType name",
    "Subnet": "availabilityZone cidrBlock vpcId",
    "SubnetGroup": "name",
    "Target": "resourceId scalableDimension serviceNamespace",
    "TargetGroup": "name port protocol targetType vpcId",
    "TaskDefinition": (
        "containerDefinitions cpu executionRoleArn family memory networkMode requiresCompatibilities runtimePlatform"
        " taskRoleArn volumes"
    ),
    "Topic": "name",
    "TopicPolicy": "arn",
    "TopicSubscription": "endpoint protocol topic",
    "Versioning": "bucket",
    "Vpc": "cidrBlock",
    "VpcEndpoint": "serviceName vpcEndpointType vpcId",
    "VpcOrigin": "",
    "WebAcl": "name region scope",
}


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_change_of_these_inputs_makes_a_new_one(name: str, account: Account) -> None:
    kind = KINDS[name](account.session)
    every = dict.fromkeys(sorted(kind.inputs), "old")
    replaced = set()
    for key in kind.inputs:
        (change,) = kind.diff(every, {**every, key: "new"})
        if kind.replaces(change):
            replaced.add(key)
    assert replaced == set(REPLACED_BY[name].split())


def test_a_security_group_has_no_rule_that_nobody_asked_for(account: Account) -> None:
    group = account.sample("SecurityGroup")
    (found,) = account.ask("ec2", "DescribeSecurityGroups", GroupIds=[group.id])["SecurityGroups"]
    assert found["IpPermissionsEgress"] == []


def test_the_group_that_a_network_has_by_itself_is_emptied_again_and_stays(account: Account) -> None:
    group = account.sample("DefaultSecurityGroup")
    everybody = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    account.ask("ec2", "AuthorizeSecurityGroupIngress", GroupId=group.id, IpPermissions=everybody)
    assert [change.path for change in group.changes()] == ["ingress[0]"]
    group.state = group.read() or {}
    group.update()
    assert group.changes() == []
    group.delete()
    (found,) = account.ask("ec2", "DescribeSecurityGroups", GroupIds=[group.id])["SecurityGroups"]
    assert (found["GroupName"], found["IpPermissions"], found["IpPermissionsEgress"]) == ("default", [], [])


def test_a_default_group_with_rules_is_refused(account: Account) -> None:
    network = account.sample("Vpc").id
    with pytest.raises(PluginError, match="without rules only"):
        account.make("DefaultSecurityGroup", {"vpcId": network, "ingress": [{"protocol": "-1"}], "egress": []})


def test_a_health_check_has_the_provider_s_defaults_not_aws_s(account: Account) -> None:
    group = account.sample("TargetGroup")
    (found,) = account.ask("elbv2", "DescribeTargetGroups", TargetGroupArns=[group.id])["TargetGroups"]
    assert (found["HealthyThresholdCount"], found["UnhealthyThresholdCount"]) == (3, 3)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("LogGroup", {"name": "/app/test-other", "retentionInDays": 1}),
        ("LogGroup", {"name": "/app/tes", "retentionInDays": 1}),
        ("SecretVersion", {"secretString": "other"}),
        ("Record", {"type": "A", "records": ["192.0.2.1"]}),
        ("Record", {"name": "zzz.example.com"}),
    ],
)
def test_a_neighbour_is_not_taken_for_it(name: str, other: dict[str, Any], account: Account) -> None:
    thing = account.sample(name)
    if name == "Record":
        thing.update(records=["other.example.com"])
    neighbour = account.make(name, {**SAMPLES[name](account), **other})
    assert thing.changes() == []
    assert neighbour.changes() == []
    thing.delete()
    assert name == "SecretVersion" or thing.read() is None
    assert neighbour.changes() == []


def test_a_record_that_changes_its_type_leaves_none_of_the_old_one(account: Account) -> None:
    record = account.sample("Record")
    record.update(type="A", records=["192.0.2.1"])
    sets = account.ask("route53", "ListResourceRecordSets", HostedZoneId=account.zone("example.com"))
    kinds = [found["Type"] for found in sets["ResourceRecordSets"] if found["Name"] == "www.example.com."]
    assert kinds == ["A"]


def test_the_order_of_a_set_is_no_change(account: Account) -> None:
    balancer = account.sample("LoadBalancer")
    assert balancer.changes(subnets=balancer.inputs["subnets"][::-1]) == []
    assert balancer.changes(subnets=balancer.inputs["subnets"][:1]) != []


def test_what_somebody_else_changed_is_seen_and_mended(account: Account) -> None:
    group = account.sample("TargetGroup")
    account.ask("elbv2", "ModifyTargetGroup", TargetGroupArn=group.id, HealthCheckPath="/elsewhere")
    assert [change.path for change in group.changes()] == ["healthCheck.path"]
    group.state = group.read() or {}
    group.update()
    assert group.changes() == []


def test_what_somebody_else_deleted_is_gone(account: Account) -> None:
    group = account.sample("LogGroup")
    account.ask("logs", "DeleteLogGroup", logGroupName=group.id)
    assert group.read() is None


def test_a_distribution_whose_firewall_is_taken_away_has_none(account: Account) -> None:
    distribution = account.sample("Distribution", webAclId="arn:aws:wafv2:us-east-1:123456789012:global/webacl/app/1")
    distribution.update(webAclId=None)
    config = account.ask("cloudfront", "GetDistributionConfig", Id=distribution.id)["DistributionConfig"]
    assert config["WebACLId"] == ""
    assert distribution.changes() == []


def test_a_bucket_that_is_imported_has_the_prefix_that_its_name_was_made_from(account: Account) -> None:
    bucket = account.sample("Bucket")
    found = bucket.kind.adopt(bucket.operation, bucket.id)
    assert found is not None
    own_id, state, inputs = found
    assert own_id == bucket.id
    assert (state["arn"], state["forceDestroy"]) == (bucket.state["arn"], False)
    assert inputs == {"bucketPrefix": "app-media-", "forceDestroy": False, "tags": bucket.inputs["tags"]}
    assert bucket.kind.adopt(bucket.operation, "nobodys") is None


def test_a_bucket_with_files_goes_when_it_may(account: Account) -> None:
    bucket = account.sample("Bucket")
    for body in (b"1", b"2"):
        account.ask("s3", "PutObject", Bucket=bucket.id, Key="a", Body=body)
    account.sample("Versioning")
    account.ask("s3", "DeleteObject", Bucket=bucket.id, Key="a")
    bucket.update(forceDestroy=False)
    with pytest.raises(PluginError, match="BucketNotEmpty"):
        bucket.delete()
    bucket.update(forceDestroy=True)
    bucket.delete()
    assert bucket.read() is None


def test_a_definition_that_is_to_stay_stays(account: Account) -> None:
    kept = account.sample("TaskDefinition", skipDestroy=True)
    kept.delete()
    assert kept.read()
    kept.update(skipDestroy=False)
    kept.delete()
    assert kept.read() is None


def test_two_definitions_of_one_family_are_told_apart(account: Account) -> None:
    first = account.sample("TaskDefinition")
    other = {**first.inputs, "containerDefinitions": json.dumps([{**CONTAINER, "image": "example.com/app:2"}])}
    second = account.make("TaskDefinition", other)
    assert first.id == second.id == "app"
    first.delete()
    assert first.read() is None
    assert second.changes() == []


def test_a_resource_may_be_in_another_region_than_the_provider(account: Account) -> None:
    certificate = account.sample("Certificate")
    assert ":acm:us-east-1:" in certificate.state["arn"]
    assert certificate.changes() == []
    assert account.ask("acm", "ListCertificates")["CertificateSummaryList"] == []
    certificate.update(tags={"Name": "other"})
    certificate.delete()
    assert certificate.read() is None


# Waits


def test_a_wait_ends_with_the_resource_s_own_time_out(account: Account) -> None:
    account.emulator.put("<Status>InProgress<", "<Status>Deployed<", 999)
    started = time.monotonic()
    with pytest.raises(InitFailed, match="timed out after 1 s"):
        account.make("Distribution", SAMPLES["Distribution"](account), timeout=1)
    assert time.monotonic() - started < 10


def test_a_distribution_is_disabled_and_deployed_before_it_is_deleted(account: Account) -> None:
    distribution = account.sample("Distribution")
    account.emulator.asked.clear()
    account.emulator.put("<Status>InProgress<", "<Status>Deployed<", 3)
    distribution.delete()
    calls = [call.split("/")[0].strip() + call[-7:] for call in account.emulator.asked]
    assert any(call.startswith("PUT") for call in calls)
    assert calls[-1].startswith("DELETE")
    assert distribution.read() is None


def test_what_is_still_used_is_deleted_once_it_is_free(account: Account) -> None:
    rights = account.sample("RolePolicy")
    freeing = threading.Timer(1, rights.delete)
    freeing.start()
    account.sample("Role").delete()
    freeing.join()
    assert account.emulator.asked.count("DeleteRole") > 1
    assert account.sample("Role").read() is None


def test_what_stays_used_is_an_error_in_aws_s_words(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KINDS["Role"], "patience", 1)
    account.sample("RolePolicy")
    with pytest.raises(PluginError, match=r"thing: DeleteRole: .*must delete policies first.* \(DeleteConflict\)"):
        account.sample("Role").delete()


# Refusals


def test_an_error_has_aws_s_own_words_and_the_name_of_the_resource(account: Account) -> None:
    inputs = SAMPLES["Repository"](account)
    account.make("Repository", inputs)
    with pytest.raises(PluginError) as error:
        account.make("Repository", inputs, name="image-repository")
    assert str(error.value) == (
        "image-repository: CreateRepository: The repository with name 'app/test' already exists in the registry with "
        "id '123456789012' (RepositoryAlreadyExistsException)"
    )


def test_a_part_of_an_input_that_the_api_does_not_know_is_an_error(account: Account) -> None:
    rules = [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256", "sort": "x"}}]
    with pytest.raises(PluginError, match=r"does not support rules\.applyServerSideEncryptionByDefault\.sort"):
        account.make("Encryption", {"bucket": account.sample("Bucket").id, "rules": rules})


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"memory": "4096"}, "No Fargate configuration exists for given values: 256 CPU, 4096 memory."),
        ({"cpu": "300"}, "No Fargate configuration exists for given values: 300 CPU, 512 memory."),
        ({"networkMode": "bridge"}, "Fargate only supports network mode 'awsvpc'."),
        ({"executionRoleArn": None}, "Fargate requires task definition to have execution role ARN to support secrets."),
        ({"volumes": []}, "Unknown volume 'tmp'."),
        (
            {"environment": [{"name": "KEY", "value": "1"}]},
            "The secret name must be unique and not shared with any new or existing environment variables set on the "
            "container, such as 'KEY'.",
        ),
        (
            {"dependsOn": [{"containerName": "other", "condition": "START"}]},
            "Invalid dependency of container web: other.",
        ),
        ({"essential": False}, "At least one container in a task definition must be essential."),
        (
            {"portMappings": [{"containerPort": 8000, "hostPort": 80}]},
            "the host ports and container ports in port mappings must match.",
        ),
        ({"stopTimeout": 121}, "stopTimeout of container web must be 120 seconds or less on Fargate."),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_definition_that_ecs_would_refuse_is_refused(wrong: dict[str, Any], words: str, account: Account) -> None:
    inputs = SAMPLES["TaskDefinition"](account)
    of_container = {key: value for key, value in wrong.items() if key not in inputs}
    container = json.dumps([{**CONTAINER, **of_container}])
    of_task = {key: value for key, value in wrong.items() if key in inputs}
    refused = {**inputs, "containerDefinitions": container, **of_task}
    with pytest.raises(PluginError) as error:
        account.make("TaskDefinition", {key: value for key, value in refused.items() if value is not None})
    assert str(error.value).startswith("thing: RegisterTaskDefinition: ")
    assert words in str(error.value)
    assert "RegisterTaskDefinition" not in account.emulator.asked


@pytest.mark.parametrize(("cpu", "memory"), [(256, 2048), (512, 3072), (1024, 8192), (4096, 30720), (8192, 61440)])
def test_fargate_s_sizes_are_taken(cpu: int, memory: int, account: Account) -> None:
    account.sample("TaskDefinition", cpu=str(cpu), memory=str(memory))


def test_an_update_of_a_service_says_nothing_of_what_did_not_change(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release has ECS not watch the alarm for one roll-out, which the update that follows must leave as it is."""
    alarms = {"alarmNames": ["errors"], "enable": True, "rollback": True}
    service = account.sample("Service", alarms=alarms)
    asked: list[dict[str, Any]] = []
    call = account.session.call

    def note(name: str, operation: str, request: dict[str, Any], *more: Any) -> dict[str, Any]:
        if operation == "UpdateService":
            asked.append({key: value for key, value in request.items() if key not in {"cluster", "service"}})
        return call(name, operation, request, *more)

    monkeypatch.setattr(account.session, "call", note)
    for news in (
        {"enableExecuteCommand": True},
        {"deploymentMaximumPercent": 300, "alarms": {**alarms, "rollback": False}},
    ):
        service.state |= service.kind.complete(service.inputs)  # moto forgets how a service is deployed
        service.update(**news)
    changed = {"maximumPercent": 300, "alarms": {**alarms, "rollback": False}}
    assert asked == [{"enableExecuteCommand": True}, {"deploymentConfiguration": changed}]
