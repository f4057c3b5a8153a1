"""What AWS asks of a caller's policy for a call, as its service authorization reference has it."""

import pytest

from tools.rehearsal.emulator.authorization import Call, in_path, parameters, permission_checks

FIREWALL = "arn:aws:wafv2:us-east-1:1:global/webacl/x/2"
BOUNDARY = "arn:aws:iam::1:policy/django-stack-boundary"


class Account:
    """An account with a role, a task definition and an association."""

    def boundary_of(self, role: str) -> str:
        return BOUNDARY if role == "bounded" else ""

    def roles_of(self, definition: str) -> list[str]:
        return {"app:1": ["arn:aws:iam::1:role/app"]}.get(definition, [])

    def route_table_of(self, association: str) -> list[str]:
        return {"rtbassoc-1": ["rtb-1", "subnet-1"]}.get(association, [])


def checks(action: str, resource: str = "*", **given: object) -> list[str]:
    """What is asked for a call with these parameters."""
    call = Call(action, "us-east-1", "1", parameters({}, given), resource)
    found = permission_checks(call, Account())
    return [
        " ".join([one.action, one.resource, *(f"{key}={value}" for key, value in one.context.items())]) for one in found
    ]


@pytest.mark.parametrize(
    ("action", "given", "expected"),
    [
        (
            "ecs:UpdateService",
            {"cluster": "arn:aws:ecs:us-east-1:1:cluster/c", "service": "s", "taskDefinition": "app:1"},
            ["ecs:UpdateService arn:aws:ecs:us-east-1:1:service/c/s"],
        ),
        ("ecs:DescribeTasks", {"cluster": "c", "tasks": ["t"]}, ["ecs:DescribeTasks arn:aws:ecs:us-east-1:1:task/c/t"]),
        ("ecs:ListTasks", {"cluster": "c"}, ["ecs:ListTasks *"]),
        (
            "ecs:RunTask",
            {"cluster": "c", "taskDefinition": "app:1"},
            [
                "ecs:RunTask arn:aws:ecs:us-east-1:1:task-definition/app:1",
                "iam:PassRole arn:aws:iam::1:role/app iam:PassedToService=ecs-tasks.amazonaws.com",
            ],
        ),
        (
            "ecs:RunTask",
            {"cluster": "c", "taskDefinition": "app:1", "overrides": {"taskRoleArn": "arn:aws:iam::1:role/publisher"}},
            [
                "ecs:RunTask arn:aws:ecs:us-east-1:1:task-definition/app:1",
                "iam:PassRole arn:aws:iam::1:role/app iam:PassedToService=ecs-tasks.amazonaws.com",
                "iam:PassRole arn:aws:iam::1:role/publisher iam:PassedToService=ecs-tasks.amazonaws.com",
            ],
        ),
        (
            "ecs:RunTask",
            {"cluster": "c", "taskDefinition": "app:2", "propagateTags": "TASK_DEFINITION"},
            [
                "ecs:RunTask arn:aws:ecs:us-east-1:1:task-definition/app:2",
                "ecs:TagResource arn:aws:ecs:us-east-1:1:task/c/* ecs:CreateAction=RunTask",
            ],
        ),
        (
            "ecs:RunTask",
            {"cluster": "c", "taskDefinition": "app:2", "propagateTags": "NONE"},
            ["ecs:RunTask arn:aws:ecs:us-east-1:1:task-definition/app:2"],
        ),
        (
            "ecs:CreateService",
            {"cluster": "c", "serviceName": "s", "propagateTags": "SERVICE", "tags": [{"key": "x", "value": "y"}]},
            [
                "ecs:CreateService arn:aws:ecs:us-east-1:1:service/c/s",
                "ecs:TagResource arn:aws:ecs:us-east-1:1:service/c/s",
            ],
        ),
        (
            "ecr:CreateRepository",
            {"repositoryName": "a/b", "tags": [{"Key": "x", "Value": "y"}]},
            [
                "ecr:CreateRepository arn:aws:ecr:us-east-1:1:repository/a/b",
                "ecr:TagResource arn:aws:ecr:us-east-1:1:repository/a/b",
            ],
        ),
        (
            "elasticloadbalancing:CreateListener",
            {
                "LoadBalancerArn": "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/x/1",
                "DefaultActions": [{"TargetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/y/2"}],
            },
            [
                "elasticloadbalancing:CreateListener arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/x/1",
            ],
        ),
        (
            "ec2:CreateSubnet",
            {"VpcId": "vpc-1", "TagSpecification": [{"Tag": [{"Key": "x", "Value": "y"}]}]},
            [
                "ec2:CreateSubnet arn:aws:ec2:us-east-1:1:vpc/vpc-1",
                "ec2:CreateSubnet arn:aws:ec2:us-east-1:1:subnet/*",
                "ec2:CreateTags arn:aws:ec2:us-east-1:1:subnet/* ec2:CreateAction=CreateSubnet",
            ],
        ),
        (
            "ec2:DisassociateRouteTable",
            {"AssociationId": "rtbassoc-1"},
            [
                "ec2:DisassociateRouteTable arn:aws:ec2:us-east-1:1:route-table/rtb-1",
                "ec2:DisassociateRouteTable arn:aws:ec2:us-east-1:1:subnet/subnet-1",
            ],
        ),
        ("ec2:DescribeVpcs", {"VpcId": "vpc-1"}, ["ec2:DescribeVpcs *"]),
        (
            "elasticloadbalancing:DescribeTargetGroups",
            {"TargetGroupArns": ["arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/y/2"]},
            ["elasticloadbalancing:DescribeTargetGroups *"],
        ),
        (
            "ec2:CreateRoute",
            {"RouteTableId": "rtb-1", "GatewayId": "igw-1"},
            ["ec2:CreateRoute arn:aws:ec2:us-east-1:1:route-table/rtb-1"],
        ),
        (
            "events:PutRule",
            {"Name": "r", "EventPattern": "{}", "Tags": [{"Key": "x", "Value": "y"}]},
            [
                "events:PutRule arn:aws:events:us-east-1:1:rule/r",
                "events:TagResource arn:aws:events:us-east-1:1:rule/r",
            ],
        ),
        (
            "budgets:CreateBudget",
            {"AccountId": "1", "Budget": {"BudgetName": "b"}},
            ["budgets:ModifyBudget arn:aws:budgets::1:budget/b"],
        ),
        (
            "cloudwatch:GetDashboard",
            {"DashboardName": "d"},
            ["cloudwatch:GetDashboard arn:aws:cloudwatch::1:dashboard/d"],
        ),
        ("cloudwatch:DescribeAlarms", {"AlarmNames": ["a"]}, ["cloudwatch:DescribeAlarms *"]),
        (
            "cloudfront:CreateDistribution",
            {"text": f"<a><WebACLId>{FIREWALL}</WebACLId><Tag><Key>x</Key></Tag></a>"},
            [
                "cloudfront:CreateDistribution *",
                "cloudfront:TagResource *",
                "cloudfront:GetVpcOrigin *",
                f"wafv2:GetWebACL {FIREWALL}",
            ],
        ),
        (
            "iam:PutRolePolicy",
            {"RoleName": "bounded"},
            [f"iam:PutRolePolicy arn:aws:iam::1:role/bounded iam:PermissionsBoundary={BOUNDARY}"],
        ),
        ("iam:PutRolePolicy", {"RoleName": "free"}, ["iam:PutRolePolicy arn:aws:iam::1:role/free"]),
        (
            "logs:GetLogEvents",
            {"logGroupName": "/g", "logStreamName": "a/b"},
            ["logs:GetLogEvents arn:aws:logs:us-east-1:1:log-group:/g:log-stream:a/b"],
        ),
        (
            "rds:CreateDBSnapshot",
            {"DBInstanceIdentifier": "d", "DBSnapshotIdentifier": "s"},
            [
                "rds:CreateDBSnapshot arn:aws:rds:us-east-1:1:db:d",
                "rds:CreateDBSnapshot arn:aws:rds:us-east-1:1:snapshot:s",
            ],
        ),
    ],
)
def test_each_resource_of_a_call_is_checked_and_what_aws_asks_besides(
    action: str, given: dict[str, object], expected: list[str]
) -> None:
    assert checks(action, **given) == expected


def test_a_new_load_balancer_asks_for_its_service_and_the_security_groups() -> None:
    found = checks("elasticloadbalancing:CreateLoadBalancer", Name="x")
    assert "ec2:GetSecurityGroupsForVpc arn:aws:ec2:us-east-1:1:vpc/*" in found
    role = "arn:aws:iam::1:role/aws-service-role/elasticloadbalancing.amazonaws.com/AWSServiceRole"
    service = "iam:AWSServiceName=elasticloadbalancing.amazonaws.com"
    assert f"iam:CreateServiceLinkedRole {role} {service}" in found


def test_what_a_path_names_is_checked() -> None:
    assert checks("s3:CreateBucket", "arn:aws:s3:::b") == ["s3:CreateBucket arn:aws:s3:::b"]


def test_a_form_and_a_document_are_read_alike() -> None:
    form = {"Tags.member.1.Key": ["x"], "IpPermissions.1.Groups.2.GroupId": ["sg-1"], "VpcId": ["vpc-1"]}
    assert parameters(form, None) == {"Tags.Key": ["x"], "IpPermissions.Groups.GroupId": ["sg-1"], "VpcId": ["vpc-1"]}
    assert parameters({}, {"tags": [{"key": "x"}], "count": 1}) == {"tags.key": ["x"], "count": ["1"]}


@pytest.mark.parametrize(
    ("service", "path", "expected"),
    [
        ("cloudfront", "/2020-05-31/function/x-maintenance/publish", "arn:aws:cloudfront::1:function/x-maintenance"),
        ("cloudfront", "/2020-05-31/key-value-store/x", "arn:aws:cloudfront::1:key-value-store/x"),
        ("cloudfront", "/2020-05-31/function", ""),
        ("s3", "/2020-05-31/function/x", ""),
    ],
)
def test_cloudfronts_functions_and_stores_are_named_by_the_path(service: str, path: str, expected: str) -> None:
    assert in_path(service, path, "1") == expected
