"""The policy in the docs for whoever deploys: it allows every call that is made, on the stack's own names, and no more.

Which resources an action is asked of stands in cfn-lint's copy of AWS's service authorization reference.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

import pytest

from tests.infra.cloud.variants import OTHER, VARIANTS, run_variant
from tests.infra.conftest import ROOT, Run
from tools.rehearsal.emulator.authorization import DEPENDENT

WHERE = "us-east-1:123456789012"

# What the provider calls for each type of resource: to make, read, change and remove it, to tag and to untag it.
CALLS = {
    "acm/certificate:Certificate": """
        acm:RequestCertificate acm:DescribeCertificate acm:DeleteCertificate
        acm:AddTagsToCertificate acm:RemoveTagsFromCertificate acm:ListTagsForCertificate""",
    "acm/certificateValidation:CertificateValidation": "acm:DescribeCertificate",
    "appautoscaling/policy:Policy": """
        application-autoscaling:PutScalingPolicy application-autoscaling:DescribeScalingPolicies
        application-autoscaling:DeleteScalingPolicy
        cloudwatch:PutMetricAlarm cloudwatch:DescribeAlarms cloudwatch:DeleteAlarms
        ecs:DescribeServices ecs:UpdateService""",
    "appautoscaling/target:Target": """
        application-autoscaling:RegisterScalableTarget application-autoscaling:DescribeScalableTargets
        application-autoscaling:DeregisterScalableTarget application-autoscaling:TagResource
        application-autoscaling:UntagResource application-autoscaling:ListTagsForResource
        iam:CreateServiceLinkedRole""",
    "budgets/budget:Budget": """
        budgets:ModifyBudget budgets:ViewBudget
        budgets:TagResource budgets:UntagResource budgets:ListTagsForResource""",
    "cloudfront/distribution:Distribution": """
        cloudfront:CreateDistribution cloudfront:GetDistribution
        cloudfront:UpdateDistribution cloudfront:DeleteDistribution
        cloudfront:TagResource cloudfront:UntagResource cloudfront:ListTagsForResource""",
    "cloudfront/originAccessControl:OriginAccessControl": """
        cloudfront:CreateOriginAccessControl cloudfront:GetOriginAccessControl cloudfront:UpdateOriginAccessControl
        cloudfront:DeleteOriginAccessControl""",
    "cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": """
        cloudfront:CreateResponseHeadersPolicy cloudfront:GetResponseHeadersPolicy
        cloudfront:UpdateResponseHeadersPolicy cloudfront:DeleteResponseHeadersPolicy""",
    "cloudfront/vpcOrigin:VpcOrigin": """
        cloudfront:CreateVpcOrigin cloudfront:GetVpcOrigin cloudfront:UpdateVpcOrigin cloudfront:DeleteVpcOrigin
        cloudfront:TagResource cloudfront:UntagResource cloudfront:ListTagsForResource iam:CreateServiceLinkedRole""",
    "cloudwatch/dashboard:Dashboard": "cloudwatch:PutDashboard cloudwatch:GetDashboard cloudwatch:DeleteDashboards",
    "cloudwatch/eventRule:EventRule": """
        events:PutRule events:DescribeRule events:DeleteRule
        events:TagResource events:UntagResource events:ListTagsForResource""",
    "cloudwatch/eventTarget:EventTarget": "events:PutTargets events:ListTargetsByRule events:RemoveTargets",
    "cloudwatch/logGroup:LogGroup": """
        logs:CreateLogGroup logs:DescribeLogGroups logs:PutRetentionPolicy logs:DeleteRetentionPolicy
        logs:DeleteLogGroup logs:TagResource logs:UntagResource logs:ListTagsForResource""",
    "cloudwatch/logDelivery:LogDelivery": """
        logs:CreateDelivery logs:GetDelivery logs:DeleteDelivery
        logs:TagResource logs:UntagResource logs:ListTagsForResource""",
    "cloudwatch/logDeliveryDestination:LogDeliveryDestination": """
        logs:PutDeliveryDestination logs:GetDeliveryDestination logs:DeleteDeliveryDestination
        logs:TagResource logs:UntagResource logs:ListTagsForResource""",
    "cloudwatch/logDeliverySource:LogDeliverySource": """
        logs:PutDeliverySource logs:GetDeliverySource logs:DeleteDeliverySource
        logs:TagResource logs:UntagResource logs:ListTagsForResource""",
    "cloudwatch/metricAlarm:MetricAlarm": """
        cloudwatch:PutMetricAlarm cloudwatch:DescribeAlarms cloudwatch:DeleteAlarms
        cloudwatch:TagResource cloudwatch:UntagResource cloudwatch:ListTagsForResource""",
    "ec2/defaultSecurityGroup:DefaultSecurityGroup": """
        ec2:DescribeSecurityGroups ec2:RevokeSecurityGroupEgress ec2:RevokeSecurityGroupIngress""",
    "ec2/flowLog:FlowLog": """
        ec2:CreateFlowLogs ec2:DescribeFlowLogs ec2:DeleteFlowLogs ec2:CreateTags ec2:DeleteTags""",
    "ec2/internetGateway:InternetGateway": """
        ec2:CreateInternetGateway ec2:AttachInternetGateway ec2:DescribeInternetGateways ec2:DetachInternetGateway
        ec2:DeleteInternetGateway ec2:CreateTags ec2:DeleteTags""",
    "ec2/natGateway:NatGateway": """
        ec2:CreateNatGateway ec2:DescribeNatGateways ec2:DeleteNatGateway ec2:CreateTags ec2:DeleteTags""",
    "ec2/route:Route": "ec2:CreateRoute ec2:DescribeRouteTables ec2:ReplaceRoute ec2:DeleteRoute",
    "ec2/routeTable:RouteTable": """
        ec2:CreateRouteTable ec2:DescribeRouteTables ec2:DisassociateRouteTable ec2:DeleteRouteTable
        ec2:CreateTags ec2:DeleteTags""",
    "ec2/routeTableAssociation:RouteTableAssociation": """
        ec2:AssociateRouteTable ec2:ReplaceRouteTableAssociation ec2:DisassociateRouteTable""",
    "ec2/securityGroup:SecurityGroup": """
        ec2:CreateSecurityGroup ec2:DescribeSecurityGroups ec2:RevokeSecurityGroupEgress ec2:DeleteSecurityGroup
        ec2:DescribeNetworkInterfaces ec2:CreateTags ec2:DeleteTags""",
    "ec2/subnet:Subnet": """
        ec2:CreateSubnet ec2:DescribeSubnets ec2:ModifySubnetAttribute ec2:DescribeNetworkInterfaces
        ec2:DeleteSubnet ec2:CreateTags ec2:DeleteTags""",
    "ec2/vpc:Vpc": """
        ec2:CreateVpc ec2:DescribeVpcs ec2:DescribeVpcAttribute ec2:ModifyVpcAttribute ec2:DeleteVpc
        ec2:DescribeNetworkAcls ec2:DescribeRouteTables ec2:DescribeSecurityGroups ec2:CreateTags ec2:DeleteTags""",
    "ec2/vpcEndpoint:VpcEndpoint": """
        ec2:CreateVpcEndpoint ec2:DescribeVpcEndpoints ec2:DescribePrefixLists ec2:ModifyVpcEndpoint
        ec2:DeleteVpcEndpoints ec2:CreateTags ec2:DeleteTags""",
    "ecr/lifecyclePolicy:LifecyclePolicy": """
        ecr:PutLifecyclePolicy ecr:GetLifecyclePolicy ecr:DeleteLifecyclePolicy""",
    "ecr/repository:Repository": """
        ecr:CreateRepository ecr:DescribeRepositories ecr:PutImageTagMutability ecr:PutImageScanningConfiguration
        ecr:DeleteRepository ecr:TagResource ecr:UntagResource ecr:ListTagsForResource""",
    "ecs/cluster:Cluster": """
        ecs:CreateCluster ecs:DescribeClusters ecs:UpdateCluster ecs:DeleteCluster
        ecs:TagResource ecs:UntagResource ecs:ListTagsForResource iam:CreateServiceLinkedRole""",
    "ecs/service:Service": """
        ecs:CreateService ecs:DescribeServices ecs:UpdateService ecs:DeleteService
        ecs:TagResource ecs:UntagResource ecs:ListTagsForResource""",
    "ecs/taskDefinition:TaskDefinition": """
        ecs:RegisterTaskDefinition ecs:DescribeTaskDefinition ecs:DeregisterTaskDefinition
        ecs:TagResource ecs:UntagResource ecs:ListTagsForResource iam:PassRole""",
    "iam/role:Role": """
        iam:CreateRole iam:GetRole iam:UpdateAssumeRolePolicy iam:ListRolePolicies iam:ListAttachedRolePolicies
        iam:ListInstanceProfilesForRole iam:DeleteRole iam:TagRole iam:UntagRole iam:PutRolePermissionsBoundary""",
    "iam/rolePolicy:RolePolicy": "iam:PutRolePolicy iam:GetRolePolicy iam:DeleteRolePolicy",
    "lb/listener:Listener": """
        elasticloadbalancing:CreateListener elasticloadbalancing:DescribeListeners elasticloadbalancing:ModifyListener
        elasticloadbalancing:DescribeListenerAttributes elasticloadbalancing:ModifyListenerAttributes
        elasticloadbalancing:DeleteListener elasticloadbalancing:AddTags elasticloadbalancing:RemoveTags
        elasticloadbalancing:DescribeTags""",
    "lb/loadBalancer:LoadBalancer": """
        elasticloadbalancing:CreateLoadBalancer elasticloadbalancing:DescribeLoadBalancers
        elasticloadbalancing:DescribeLoadBalancerAttributes elasticloadbalancing:ModifyLoadBalancerAttributes
        elasticloadbalancing:SetSecurityGroups elasticloadbalancing:SetSubnets elasticloadbalancing:DeleteLoadBalancer
        elasticloadbalancing:AddTags elasticloadbalancing:RemoveTags
        ec2:DescribeNetworkInterfaces iam:CreateServiceLinkedRole""",
    "lb/targetGroup:TargetGroup": """
        elasticloadbalancing:CreateTargetGroup elasticloadbalancing:DescribeTargetGroups
        elasticloadbalancing:DescribeTargetGroupAttributes elasticloadbalancing:ModifyTargetGroup
        elasticloadbalancing:ModifyTargetGroupAttributes elasticloadbalancing:DeleteTargetGroup
        elasticloadbalancing:AddTags elasticloadbalancing:RemoveTags""",
    "rds/instance:Instance": """
        rds:CreateDBInstance rds:DescribeDBInstances rds:ModifyDBInstance rds:RebootDBInstance rds:DeleteDBInstance
        rds:RestoreDBInstanceFromDBSnapshot rds:RestoreDBInstanceToPointInTime
        rds:CreateDBSnapshot rds:AddTagsToResource rds:RemoveTagsFromResource rds:ListTagsForResource
        iam:CreateServiceLinkedRole""",
    "rds/parameterGroup:ParameterGroup": """
        rds:CreateDBParameterGroup rds:DescribeDBParameterGroups rds:DescribeDBParameters rds:ModifyDBParameterGroup
        rds:ResetDBParameterGroup rds:DeleteDBParameterGroup
        rds:AddTagsToResource rds:RemoveTagsFromResource rds:ListTagsForResource""",
    "rds/subnetGroup:SubnetGroup": """
        rds:CreateDBSubnetGroup rds:DescribeDBSubnetGroups rds:ModifyDBSubnetGroup rds:DeleteDBSubnetGroup
        rds:AddTagsToResource rds:RemoveTagsFromResource rds:ListTagsForResource""",
    "route53/record:Record": """
        route53:ChangeResourceRecordSets route53:GetChange route53:GetHostedZone route53:ListResourceRecordSets""",
    "s3/bucket:Bucket": """
        s3:CreateBucket s3:ListBucket s3:GetBucketAcl s3:GetBucketCORS s3:GetBucketLogging s3:GetBucketLocation
        s3:GetBucketObjectLockConfiguration s3:GetBucketPolicy s3:GetBucketRequestPayment s3:GetBucketTagging
        s3:GetBucketVersioning s3:GetBucketWebsite s3:GetAccelerateConfiguration s3:GetEncryptionConfiguration
        s3:GetLifecycleConfiguration s3:GetReplicationConfiguration s3:PutBucketTagging
        s3:ListBucketVersions s3:DeleteObject s3:DeleteObjectVersion s3:DeleteBucket
        s3:TagResource s3:UntagResource s3:ListTagsForResource""",
    "s3/bucketCorsConfiguration:BucketCorsConfiguration": "s3:GetBucketCORS s3:PutBucketCORS",
    "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": """
        s3:GetLifecycleConfiguration s3:PutLifecycleConfiguration""",
    "s3/bucketLogging:BucketLogging": "s3:GetBucketLogging s3:PutBucketLogging",
    "s3/bucketOwnershipControls:BucketOwnershipControls": """
        s3:GetBucketOwnershipControls s3:PutBucketOwnershipControls""",
    "s3/bucketPolicy:BucketPolicy": "s3:GetBucketPolicy s3:PutBucketPolicy s3:DeleteBucketPolicy",
    "s3/bucketPublicAccessBlock:BucketPublicAccessBlock": """
        s3:GetBucketPublicAccessBlock s3:PutBucketPublicAccessBlock""",
    "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": """
        s3:GetEncryptionConfiguration s3:PutEncryptionConfiguration""",
    "s3/bucketVersioning:BucketVersioning": "s3:GetBucketVersioning s3:PutBucketVersioning",
    "secretsmanager/secret:Secret": """
        secretsmanager:CreateSecret secretsmanager:DescribeSecret secretsmanager:GetResourcePolicy
        secretsmanager:UpdateSecret secretsmanager:DeleteSecret secretsmanager:TagResource
        secretsmanager:UntagResource""",
    "secretsmanager/secretVersion:SecretVersion": """
        secretsmanager:PutSecretValue secretsmanager:GetSecretValue secretsmanager:DescribeSecret
        secretsmanager:UpdateSecretVersionStage""",
    "sns/topic:Topic": """
        sns:CreateTopic sns:GetTopicAttributes sns:SetTopicAttributes sns:DeleteTopic
        sns:TagResource sns:UntagResource sns:ListTagsForResource""",
    "sns/topicPolicy:TopicPolicy": "sns:SetTopicAttributes sns:GetTopicAttributes",
    "sns/topicSubscription:TopicSubscription": """
        sns:Subscribe sns:GetSubscriptionAttributes sns:SetSubscriptionAttributes sns:Unsubscribe""",
    "vpc/securityGroupEgressRule:SecurityGroupEgressRule": """
        ec2:AuthorizeSecurityGroupEgress ec2:DescribeSecurityGroupRules ec2:ModifySecurityGroupRules
        ec2:RevokeSecurityGroupEgress ec2:CreateTags ec2:DeleteTags""",
    "vpc/securityGroupIngressRule:SecurityGroupIngressRule": """
        ec2:AuthorizeSecurityGroupIngress ec2:DescribeSecurityGroupRules ec2:ModifySecurityGroupRules
        ec2:RevokeSecurityGroupIngress ec2:CreateTags ec2:DeleteTags""",
    "wafv2/webAcl:WebAcl": """
        wafv2:CreateWebACL wafv2:GetWebACL wafv2:UpdateWebACL wafv2:DeleteWebACL
        wafv2:TagResource wafv2:UntagResource wafv2:ListTagsForResource""",
}
# What the program asks AWS through the provider, and what our own programs call.
FUNCTIONS = "ec2:DescribeAvailabilityZones ec2:DescribeManagedPrefixLists ec2:GetManagedPrefixListEntries"
PROGRAMS = """
    ecs:RunTask ecs:StopTask ecs:DescribeTasks ecs:ListTasks ecs:DescribeServices ecs:UpdateService
    logs:GetLogEvents iam:PassRole rds:DescribeDBInstances rds:DescribeDBSnapshots
    rds:DescribeDBInstanceAutomatedBackups freetier:GetAccountPlanState servicequotas:GetServiceQuota
    ecr:GetAuthorizationToken ecr:DescribeImages ecr:BatchCheckLayerAvailability
    ecr:BatchGetImage ecr:GetDownloadUrlForLayer ecr:InitiateLayerUpload ecr:UploadLayerPart ecr:CompleteLayerUpload
    ecr:PutImage logs:FilterLogEvents secretsmanager:GetSecretValue cloudwatch:DescribeAlarms
    elasticloadbalancing:DescribeTargetHealth"""
# Lists, of which AWS asks whether everything may be seen, whatever the reference says of single ones.
LISTS = {"cloudwatch:DescribeAlarms", "ecs:ListTasks", "rds:DescribeDBInstances"}


# The types of EC2 that the program makes; all of them carry the tags of the stack.
EC2 = (
    "internet-gateway",
    "natgateway",
    "route-table",
    "security-group",
    "security-group-rule",
    "subnet",
    "vpc",
    "vpc-endpoint",
    "vpc-flow-log",
)


def policy() -> dict[str, Any]:
    """The policy in the docs."""
    document: dict[str, Any] = json.loads((ROOT / "docs" / "cloud-deployer-policy.json").read_text())
    return document


@cache
def reference() -> dict[str, Any]:
    """AWS's services by prefix: their actions in small letters, each with the types of resources it is asked of."""
    text = (files("cfnlint") / "data" / "AdditionalSpecs" / "Policies.json").read_text()
    services: dict[str, Any] = json.loads(text)
    return services


def names(run: Run) -> dict[tuple[str, str], list[str]]:
    """The ARNs of what a run of the program makes, by service and type; a type without a name of its own isn't here."""
    cluster, service = run["network-cluster"].inputs["name"], run["web"].inputs["name"]
    balancer, database = run["address-load-balancer"].inputs["name"], run["database"].inputs
    prefix = cluster  # what all names of the stack begin with; the firewall is not in every run
    logs, repository = run["task-logs"].inputs["name"], run["image-repository"].inputs["name"]
    bucket = f"arn:aws:s3:::{run['media'].inputs['bucketPrefix']}20260101"
    front, ecs, rds = f"arn:aws:elasticloadbalancing:{WHERE}", f"arn:aws:ecs:{WHERE}", f"arn:aws:rds:{WHERE}"
    return {
        ("budgets", "budget"): [f"arn:aws:budgets::123456789012:budget/{cluster}-monthly"],
        ("cloudwatch", "dashboard"): [
            f"arn:aws:cloudwatch::123456789012:dashboard/{run['dashboard'].inputs['dashboardName']}"
        ],
        ("events", "rule-on-default-event-bus"): [
            f"arn:aws:events:{WHERE}:rule/{run['event-failed-release'].inputs['name']}"
        ],
        ("cloudwatch", "alarm"): [
            f"arn:aws:cloudwatch:{WHERE}:alarm:{run['alarm-no-task'].inputs['name']}",
            # The ones that autoscaling makes in the caller's name.
            f"arn:aws:cloudwatch:{WHERE}:alarm:TargetTracking-service/{cluster}/{service}-AlarmHigh-0a1b",
        ],
        **{("ec2", kind): [f"arn:aws:ec2:{WHERE}:{kind}/{kind}-0a1b"] for kind in EC2},
        ("acm", "certificate"): [f"arn:aws:acm:{WHERE}:certificate/0a1b"],
        ("cloudfront", "distribution"): ["arn:aws:cloudfront::123456789012:distribution/E1"],
        ("cloudfront", "vpcorigin"): ["arn:aws:cloudfront::123456789012:vpcorigin/vo_1"],
        ("ecr", "repository"): [f"arn:aws:ecr:{WHERE}:repository/{repository}"],
        ("ecs", "cluster"): [f"{ecs}:cluster/{cluster}"],
        ("ecs", "service"): [f"{ecs}:service/{cluster}/{service}"],
        ("ecs", "task"): [f"{ecs}:task/{cluster}/0123456789abcdef"],
        ("ecs", "task-definition"): [f"{ecs}:task-definition/{run['task'].inputs['family']}:1"],
        ("elasticloadbalancing", "listener/app"): [f"{front}:listener/app/{balancer}/0a/1b"],
        ("elasticloadbalancing", "loadbalancer/app/"): [f"{front}:loadbalancer/app/{balancer}/0a"],
        ("elasticloadbalancing", "targetgroup"): [f"{front}:targetgroup/{run['address-targets'].inputs['name']}/0a"],
        ("iam", "role"): [
            f"arn:aws:iam::123456789012:role/{run[role].inputs['name']}"
            for role in ("task-app-role", "task-execution-role", "static-files-publisher")
        ],
        ("logs", "log-group"): [
            f"arn:aws:logs:{WHERE}:log-group:{group.inputs['name']}:*"
            for group in run.of_type("aws:cloudwatch/logGroup:LogGroup")
        ],
        ("logs", "delivery"): ["arn:aws:logs:us-east-1:123456789012:delivery:0A1b"],
        **{
            ("logs", f"delivery-{end}"): [f"arn:aws:logs:us-east-1:123456789012:delivery-{end}:{prefix}"]
            for end in ("destination", "source")
        },
        ("logs", "log-stream"): [f"arn:aws:logs:{WHERE}:log-group:{logs}:log-stream:app/web/0a1b"],
        ("rds", "db"): [f"{rds}:db:{database['identifier']}"],
        ("rds", "og"): [f"{rds}:og:default:postgres-17"],
        ("rds", "pg"): [f"{rds}:pg:{database['parameterGroupName']}"],
        ("rds", "snapshot"): [f"{rds}:snapshot:{database['finalSnapshotIdentifier']}"],
        ("rds", "subgrp"): [f"{rds}:subgrp:{database['dbSubnetGroupName']}"],
        ("route53", "hostedzone"): ["arn:aws:route53:::hostedzone/Z0123456789ABC"],
        ("s3", "bucket"): [bucket],
        ("s3", "object"): [f"{bucket}/photos/cat.jpg"],
        ("secretsmanager", "secret"): [
            f"arn:aws:secretsmanager:{WHERE}:secret:{run['task-secret'].inputs['namePrefix']}20260101-AbCdEf"
        ],
        ("wafv2", "managedruleset"): ["arn:aws:wafv2:us-east-1:123456789012:global/managedruleset/AWS/Common"],
        ("wafv2", "webacl"): [f"arn:aws:wafv2:us-east-1:123456789012:global/webacl/{prefix}/0a1b"],
        ("sns", "topic"): [f"arn:aws:sns:{WHERE}:{run['alarms'].inputs['name']}"],
    }


def asked_of(action: str, ours: dict[tuple[str, str], list[str]]) -> list[str]:
    """The resources that AWS asks about for an action: the stack's own of its types, or all."""
    service, _, name = action.partition(":")
    if action == "iam:CreateServiceLinkedRole":
        return ["arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"]
    kinds = reference()[service]["Actions"][name.lower()].get("Resources", [])
    found = [arn for kind in kinds for arn in ours.get((service, kind.lower()), [])]
    return ["*"] if action in LISTS or not found else found


def lacking(document: dict[str, Any], needed: set[str], ours: dict[tuple[str, str], list[str]]) -> Iterator[str]:
    """What the policy doesn't allow of the actions that are needed."""
    for action in sorted(needed):
        for resource in asked_of(action, ours):
            if not any(
                any(fnmatchcase(action, allowed) for allowed in _listed(statement["Action"]))
                and any(fnmatchcase(resource, allowed) for allowed in _listed(statement["Resource"]))
                for statement in document["Statement"]
            ):
                yield f"{action} on {resource}"


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def all_needed() -> set[str]:
    """All actions that anything of the cloud platform needs."""
    dependent = [action for actions in DEPENDENT.values() for action in actions]
    return set(" ".join([*CALLS.values(), FUNCTIONS, PROGRAMS, *dependent]).split())


@pytest.fixture
def needed() -> set[str]:
    return all_needed()


@pytest.fixture
def ours(program: Any) -> dict[tuple[str, str], list[str]]:
    return names(run_variant(program, "shipped"))


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_the_provider_calls_is_known_for_every_type_that_is_used(program: Any, variant: str) -> None:
    used = {resource.type for resource in run_variant(program, variant).resources.values()}
    assert {token.removeprefix("aws:") for token in used if token.startswith("aws:")} <= CALLS.keys()


def test_every_type_of_the_list_is_used_and_every_action_exists(program: Any, needed: set[str]) -> None:
    runs = [run_variant(program, variant) for variant in VARIANTS]
    runs.append(program(OTHER, platform="cloud"))
    used = {resource.type.removeprefix("aws:") for run in runs for resource in run.resources.values()}
    assert used >= CALLS.keys()
    assert needed >= DEPENDENT.keys()
    for action in needed:
        service, _, name = action.partition(":")
        assert name.lower() in reference()[service]["Actions"], action


def test_the_policy_allows_every_call_on_the_stacks_own(
    needed: set[str], ours: dict[tuple[str, str], list[str]]
) -> None:
    assert list(lacking(policy(), needed, ours)) == []


def test_the_policy_covers_every_stack_of_this_project_and_of_no_other(program: Any, needed: set[str]) -> None:
    assert list(lacking(policy(), needed, names(program(stack="pr-12", platform="cloud")))) == []
    others = json.loads(json.dumps(policy()).replace("django-stack", "shop"))
    assert (
        "ecs:UpdateService on arn:aws:ecs:us-east-1:123456789012:service/django-stack-cloud/django-stack-cloud-web"
        in (lacking(others, needed, names(run_variant(program, "shipped"))))
    )


def test_the_policy_allows_nothing_that_is_not_called(needed: set[str]) -> None:
    for statement in policy()["Statement"]:
        for allowed in _listed(statement["Action"]):
            assert any(fnmatchcase(action, allowed) for action in needed), allowed


def test_whole_services_are_allowed_on_the_stacks_own_names_only() -> None:
    for statement in policy()["Statement"]:
        for allowed in _listed(statement["Action"]):
            if allowed.endswith(":*"):
                assert all(
                    "django-stack" in resource or ":og:default" in resource
                    for resource in _listed(statement["Resource"])
                ), statement["Sid"]


@pytest.mark.parametrize(
    ("take_away", "lacks"),
    [
        ("cloudwatch:DescribeAlarms", "cloudwatch:DescribeAlarms on *"),
        ("acm:*Tags*", "acm:RemoveTagsFromCertificate on arn:aws:acm"),
        ("arn:aws:cloudwatch:*:*:alarm:TargetTracking-service/django-stack-*", "alarm:TargetTracking-service/"),
        ("arn:aws:rds:*:*:og:default*", "rds:CreateDBInstance on arn:aws:rds:us-east-1:123456789012:og:default"),
        ("ec2:Replace*", "ec2:ReplaceRoute on arn:aws:ec2:us-east-1:123456789012:route-table/"),
        ("wafv2:*", "wafv2:CreateWebACL on arn:aws:wafv2:us-east-1:123456789012:global/webacl/django-stack-cloud/"),
        ("arn:aws:wafv2:us-east-1:*:global/managedruleset/*", "wafv2:CreateWebACL on arn:aws:wafv2:us-east-1:"),
        ("ec2:GetSecurityGroupsForVpc", "ec2:GetSecurityGroupsForVpc on arn:aws:ec2:us-east-1:123456789012:vpc/"),
        ("arn:aws:ecs:*:*:task/django-stack-*", "ecs:StopTask on arn:aws:ecs:us-east-1:123456789012:task/"),
    ],
)
def test_an_action_or_a_resource_that_is_missing_is_found(
    needed: set[str], ours: dict[tuple[str, str], list[str]], take_away: str, lacks: str
) -> None:
    document = deepcopy(policy())
    for statement in document["Statement"]:
        for key in ("Action", "Resource"):
            statement[key] = [entry for entry in _listed(statement[key]) if entry != take_away]
    assert any(lacks in found for found in lacking(document, needed, ours))
