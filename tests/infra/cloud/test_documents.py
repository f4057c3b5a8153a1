"""Every JSON document of the cloud platform, checked by cfn-lint's schemas as part of a template that says the same."""

import json
from copy import deepcopy
from functools import cache
from typing import Any

import pytest

from tests.infra.cloud.test_deployer import DOCUMENTS
from tests.infra.cloud.variants import VARIANTS, run_variant
from tests.infra.conftest import ROOT, Run

LARGE = {
    "architecture": "arm64",
    "container-insights": "enhanced",
    "cpu": 2048,
    "database-class": "db.m7g.large",
    "database-insights": "advanced",
    "log-days": 365,
    "memory": 8192,
}


def template(run: Run) -> dict[str, Any]:
    """The resources of a CloudFormation template, with a run's documents where AWS has schemas for them."""
    resources: dict[str, Any] = {}
    for resource in run.resources.values():
        inputs, name = resource.inputs, resource.name.title().replace("-", "")
        match resource.type:
            case "aws:iam/role:Role":
                resources[name] = _resource(
                    "AWS::IAM::Role", AssumeRolePolicyDocument=json.loads(inputs["assumeRolePolicy"])
                )
            case "aws:iam/rolePolicy:RolePolicy":
                resources[name] = _resource(
                    "AWS::IAM::RolePolicy",
                    PolicyName=inputs["name"],
                    RoleName=inputs["role"],
                    PolicyDocument=json.loads(inputs["policy"]),
                )
            case "aws:s3/bucketPolicy:BucketPolicy":
                resources[name] = _resource(
                    "AWS::S3::BucketPolicy", Bucket=inputs["bucket"], PolicyDocument=json.loads(inputs["policy"])
                )
            case "aws:ecr/lifecyclePolicy:LifecyclePolicy":
                resources[name] = _resource(
                    "AWS::ECR::Repository", LifecyclePolicy={"LifecyclePolicyText": inputs["policy"]}
                )
            case "aws:ecs/taskDefinition:TaskDefinition":
                resources[name] = _resource(
                    "AWS::ECS::TaskDefinition",
                    Family=inputs["family"],
                    Cpu=inputs["cpu"],
                    Memory=inputs["memory"],
                    NetworkMode=inputs["networkMode"],
                    RequiresCompatibilities=inputs["requiresCompatibilities"],
                    ExecutionRoleArn=inputs["executionRoleArn"],
                    TaskRoleArn=inputs["taskRoleArn"],
                    RuntimePlatform=_pascal(inputs["runtimePlatform"]),
                    Volumes=_pascal(inputs["volumes"]),
                    ContainerDefinitions=_pascal(json.loads(inputs["containerDefinitions"])),
                )
            case "aws:rds/instance:Instance":
                resources[name] = _resource(
                    "AWS::RDS::DBInstance",
                    Engine=inputs["engine"],
                    EngineVersion=inputs["engineVersion"],
                    DBInstanceClass=inputs["instanceClass"],
                    AllocatedStorage=str(int(inputs["allocatedStorage"])),
                    StorageType=inputs["storageType"],
                    EngineLifecycleSupport=inputs["engineLifecycleSupport"],
                    BackupRetentionPeriod=int(inputs["backupRetentionPeriod"]),
                    DatabaseInsightsMode=inputs["databaseInsightsMode"],
                    EnableCloudwatchLogsExports=inputs["enabledCloudwatchLogsExports"],
                    EnablePerformanceInsights=inputs["performanceInsightsEnabled"],
                    **_of(inputs, PerformanceInsightsRetentionPeriod="performanceInsightsRetentionPeriod"),
                )
            case "aws:ec2/flowLog:FlowLog":
                resources[name] = _resource(
                    "AWS::EC2::FlowLog",
                    ResourceId=inputs["vpcId"],
                    ResourceType="VPC",
                    TrafficType=inputs["trafficType"],
                    LogDestination=inputs["logDestination"],
                    LogDestinationType=inputs["logDestinationType"],
                    MaxAggregationInterval=int(inputs["maxAggregationInterval"]),
                )
            case "aws:ecs/cluster:Cluster":
                resources[name] = _resource("AWS::ECS::Cluster", ClusterSettings=_pascal(inputs["settings"]))
            case "aws:cloudwatch/logGroup:LogGroup":
                resources[name] = _resource("AWS::Logs::LogGroup", RetentionInDays=int(inputs["retentionInDays"]))
    return resources


def _resource(type_: str, **properties: Any) -> dict[str, Any]:
    return {"Type": type_, "Properties": properties}


def _of(inputs: dict[str, Any], **numbers: str) -> dict[str, int]:
    """The numbers among the inputs that a run gives."""
    return {name: int(inputs[key]) for name, key in numbers.items() if key in inputs}


def _pascal(value: Any, free: bool = False) -> Any:
    """CloudFormation's spelling of the API's keys; names that are the user's (log options) stay."""
    if isinstance(value, dict):
        return {
            key if free else key[0].upper() + key[1:]: _pascal(item, free=key == "options")
            for key, item in value.items()
        }
    return [_pascal(item) for item in value] if isinstance(value, list) else value


@cache
def linter() -> Any:
    """cfn-lint with its rules and schemas, which take longer to load than to use."""
    from cfnlint.config import ConfigMixIn
    from cfnlint.runner import Runner

    return Runner(ConfigMixIn(regions=["us-east-1"]))


def errors(resources: dict[str, Any]) -> list[str]:
    """cfn-lint's errors; its warnings are about CloudFormation's own habits (update policies, parameters)."""
    from cfnlint.decode import decode_str

    document, _ = decode_str(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}))
    found = linter().validate_template(document)
    return [f"{match.rule.id} {match.path}: {match.message}" for match in found if match.rule.id.startswith("E")]


@pytest.mark.parametrize("variant", [*VARIANTS, "large"])
def test_cfn_lint_finds_no_error_in_any_document(program: Any, variant: str) -> None:
    document = template(run_variant(program, variant) if variant in VARIANTS else program(LARGE, platform="cloud"))
    kinds = {resource["Type"] for resource in document.values()}
    assert {"AWS::IAM::RolePolicy", "AWS::S3::BucketPolicy", "AWS::ECS::TaskDefinition", "AWS::IAM::Role"} <= kinds
    assert errors(document) == []


@pytest.mark.parametrize(
    ("name", "property_", "edit"),
    [
        ("TaskAppRights", "PolicyDocument", lambda policy: policy["Statement"][0].update(Effekt="Allow")),
        ("TaskAppRights", "PolicyDocument", lambda policy: policy["Statement"][0].update(Effect="Permit")),
        ("TaskAppRights", "PolicyDocument", lambda policy: policy["Statement"][0].update(Resource="not-an-arn")),
        ("MediaPolicy", "PolicyDocument", lambda policy: policy["Statement"][0].pop("Principal")),
        ("Task", "ContainerDefinitions", lambda containers: containers[1].pop("Image")),
        ("NetworkCluster", "ClusterSettings", lambda settings: settings[0].update(Worth="enhanced")),
        ("Task", "ContainerDefinitions", lambda containers: containers[1].update(Portmappings=[])),
        ("Task", "ContainerDefinitions", lambda containers: containers[1]["DependsOn"][0].update(Condition="DONE")),
    ],
    ids=lambda value: "edit" if callable(value) else str(value),
)
def test_cfn_lint_would_find_what_botocore_and_moto_let_pass(
    program: Any, name: str, property_: str, edit: Any
) -> None:
    resource = deepcopy(template(run_variant(program, "shipped"))[name])
    edit(resource["Properties"][property_])
    assert errors({name: resource})


@pytest.mark.parametrize(("cpu", "memory"), [("300", "1024"), ("256", "4096"), ("1024", "512")])
def test_cfn_lint_knows_fargates_sizes_as_the_settings_do(program: Any, cpu: str, memory: str) -> None:
    resource = deepcopy(template(run_variant(program, "shipped"))["Task"])
    resource["Properties"].update(Cpu=cpu, Memory=memory)
    assert errors({"Task": resource})


@pytest.mark.parametrize(
    "name",
    [
        "cloud-backup-policy.json",
        "cloud-copier-policy.json",
        *DOCUMENTS,
        "cloud-media-policy.json",
        "cloud-operator-policy.json",
        "cloud-tasks-boundary.json",
    ],
)
def test_a_policy_in_the_docs_is_a_policy_of_the_size_that_iam_takes(name: str) -> None:
    policy = json.loads((ROOT / "docs" / name).read_text())
    managed = _resource("AWS::IAM::ManagedPolicy", PolicyDocument=policy)
    assert errors({"Deployer": managed}) == []
    assert len(json.dumps(policy, separators=(",", ":"))) <= 6144
    assert not any(statement["Action"] == "*" for statement in policy["Statement"])
