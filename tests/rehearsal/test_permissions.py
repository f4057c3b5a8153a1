"""The policies in the docs are enough for a whole run of the cloud stack, and IAM is enforced as AWS enforces it.

The calls are those that the emulator got and wrote down, of the very run; what the policy doesn't allow is refused, and
the refusal names the action. tools/rehearsal/emulator/authorization.py has what AWS asks besides, with the sources.
"""

import json
import re
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import docker
import pytest
from botocore.exceptions import ClientError

from tests.infra.cloud.test_deployer import DOCUMENTS, all_needed, policy, reference
from tests.infra.conftest import ROOT
from tests.rehearsal.conftest import ACCOUNT, AWS, REGION
from tests.rehearsal.stacks import Stack

pytestmark = pytest.mark.docker

PLACEHOLDER = "Z0123456789ABC"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/django-stack-boundary"
TAG = {"Key": "django-stack.project", "Value": "django-stack"}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def deployer(iam: Any, zone: str = "Z1", without: str = "") -> tuple[str, str]:
    """An access key of a new user who has the policies in the docs, and its secret; the boundary is there, too.

    `without`: an action that this user is denied.
    """
    name = f"deployer{without.replace(':', '-')}"
    iam.create_user(UserName=name)
    for file in DOCUMENTS:
        document = (ROOT / "docs" / file).read_text().replace(PLACEHOLDER, zone)
        iam.put_user_policy(UserName=name, PolicyName=file.removesuffix(".json"), PolicyDocument=document)
    if without:
        denied = [{"Effect": "Deny", "Action": without, "Resource": "*"}]
        document = json.dumps({"Version": "2012-10-17", "Statement": denied})
        iam.put_user_policy(UserName=name, PolicyName="without", PolicyDocument=document)
    boundary = (ROOT / "docs" / "cloud-tasks-boundary.json").read_text()
    if not without:
        iam.create_policy(PolicyName=BOUNDARY.rpartition("/")[2], PolicyDocument=boundary)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


class Deployer:
    """The deployer's clients."""

    def __init__(self, aws: AWS, key: tuple[str, str]) -> None:
        self._aws, self._key = aws, key

    def client(self, service: str) -> Any:
        return self._aws.client(service, aws_access_key_id=self._key[0], aws_secret_access_key=self._key[1])


@pytest.fixture(scope="module")
def root(aws_with_iam: AWS) -> AWS:
    return aws_with_iam


@pytest.fixture(scope="module")
def user(root: AWS) -> Deployer:
    return Deployer(root, deployer(root.client("iam")))


def denial_message(call: Any, **arguments: Any) -> str:
    """The words with which AWS refuses a call."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
    return str(caught.value)


def permission_checks(url: str) -> list[dict[str, Any]]:
    """What the emulator asked of its callers' policies."""
    with urllib.request.urlopen(f"{url}/_rehearsal/permission-checks") as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found


def test_the_deployer_makes_clusters_of_this_project_and_no_others(user: Deployer) -> None:
    ecs = user.client("ecs")
    ecs.create_cluster(clusterName="django-stack-pr-12")
    assert "ecs:CreateCluster" in denial_message(ecs.create_cluster, clusterName="shop")


def test_each_resource_of_a_call_has_to_be_allowed(user: Deployer) -> None:
    rds = user.client("rds")
    given = {
        "DBInstanceIdentifier": "django-stack-x",
        "DBInstanceClass": "db.t4g.micro",
        "Engine": "postgres",
        "MasterUsername": "app",
        "MasterUserPassword": "a-password",
        "AllocatedStorage": 20,
    }
    assert "rds:CreateDBInstance" in denial_message(
        rds.create_db_instance, **given, DBSubnetGroupName="of-somebody-else"
    )


def test_a_role_is_made_within_the_boundary_and_passed_to_tasks(root: AWS, user: Deployer) -> None:
    iam, ecs = user.client("iam"), user.client("ecs")
    role = {"RoleName": "django-stack-x-app", "AssumeRolePolicyDocument": json.dumps(TRUST)}
    assert "iam:CreateRole" in denial_message(iam.create_role, **role)
    arn = iam.create_role(**role, PermissionsBoundary=BOUNDARY)["Role"]["Arn"]
    admin = root.client("iam").create_role(**(role | {"RoleName": "admin"}))["Role"]["Arn"]
    task = {"family": "django-stack-x", "containerDefinitions": [{"name": "web", "image": "x"}]}
    assert "iam:PassRole" in denial_message(ecs.register_task_definition, **task, taskRoleArn=admin)
    ecs.register_task_definition(**task, taskRoleArn=arn)


def test_rights_are_given_only_to_a_role_that_has_the_boundary(root: AWS, user: Deployer) -> None:
    role = {"RoleName": "django-stack-y-app", "AssumeRolePolicyDocument": json.dumps(TRUST)}
    root.client("iam").create_role(**role)
    rights = {"RoleName": "django-stack-y-app", "PolicyName": "all", "PolicyDocument": json.dumps(policy())}
    assert "iam:PutRolePolicy" in denial_message(user.client("iam").put_role_policy, **rights)


def test_what_has_no_name_is_removed_only_with_the_tag_of_the_project(root: AWS, user: Deployer) -> None:
    ec2 = user.client("ec2")
    tags = [{"ResourceType": "vpc", "Tags": [TAG]}]
    own = ec2.create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=tags)["Vpc"]["VpcId"]
    other = root.client("ec2").create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
    assert "ec2:DeleteVpc" in denial_message(ec2.delete_vpc, VpcId=other)
    assert "ec2:CreateTags" in denial_message(ec2.create_tags, Resources=[other], Tags=[TAG])
    ec2.delete_vpc(VpcId=own)


def test_cloudfronts_functions_are_known_by_their_names_and_its_stores_by_their_tags(root: AWS, user: Deployer) -> None:
    front, ours = user.client("cloudfront"), root.client("cloudfront")
    code = {"FunctionConfig": {"Comment": "", "Runtime": "cloudfront-js-2.0"}, "FunctionCode": b"// nothing"}
    for name in ("django-stack-x-maintenance", "shop"):
        ours.create_function(Name=name, **code)
    tag = front.describe_function(Name="django-stack-x-maintenance", Stage="DEVELOPMENT")["ETag"]
    assert "cloudfront:DeleteFunction" in denial_message(front.delete_function, Name="shop", IfMatch=tag)
    front.delete_function(Name="django-stack-x-maintenance", IfMatch=tag)
    store = ours.create_key_value_store(Name="shop")
    assert "cloudfront:DeleteKeyValueStore" in denial_message(
        front.delete_key_value_store, Name="shop", IfMatch=store["ETag"]
    )
    ours.tag_resource(Resource=store["KeyValueStore"]["ARN"], Tags={"Items": [TAG]})
    front.delete_key_value_store(Name="shop", IfMatch=store["ETag"])


def test_a_service_of_our_own_asks_as_the_others_do(user: Deployer, root: AWS) -> None:
    user.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")
    without = Deployer(root, deployer(root.client("iam"), without="application-autoscaling:DescribeScalableTargets"))
    call = without.client("application-autoscaling").describe_scalable_targets
    assert "application-autoscaling:DescribeScalableTargets" in denial_message(call, ServiceNamespace="ecs")


def test_a_task_that_takes_its_definitions_tags_asks_for_the_right_to_give_them(root: AWS) -> None:
    task = {"family": "django-stack-z", "containerDefinitions": [{"name": "web", "image": "x"}]}
    made = root.client("ecs").register_task_definition(**task)["taskDefinition"]["taskDefinitionArn"]
    without = Deployer(root, deployer(root.client("iam"), without="ecs:TagResource"))
    given = {"cluster": "django-stack-z", "taskDefinition": made, "propagateTags": "TASK_DEFINITION"}
    assert "ecs:TagResource" in denial_message(without.client("ecs").run_task, **given)


def test_a_dependent_action_that_is_not_allowed_is_named_and_written_down(root: AWS) -> None:
    without = Deployer(root, deployer(root.client("iam"), without="ec2:GetSecurityGroupsForVpc"))
    call = without.client("elbv2").create_load_balancer
    assert "ec2:GetSecurityGroupsForVpc" in denial_message(call, Name="django-stack-x", Subnets=["subnet-1"])
    denied = [check for check in permission_checks(root.ports.url) if not check["granted"]]
    found = [one["action"] for one in denied if one["call"] == "elasticloadbalancing:CreateLoadBalancer"]
    assert found == ["ec2:GetSecurityGroupsForVpc"]


# The whole run


@pytest.fixture(scope="module")
def deployed(
    tmp_path_factory: pytest.TempPathFactory, engine: docker.DockerClient, task_network_lock: None
) -> Iterator[tuple[Stack, str]]:
    """A stack that the deployer brings up under the policies in the docs, and the id of the zone that is in it."""
    stack = Stack(tmp_path_factory.mktemp("rehearsal"), engine)
    try:
        stack.emulator.start(print, REGION, enforce_iam=True)
        dns = stack.client("route53")
        zone = dns.create_hosted_zone(Name="example.com", CallerReference="x")["HostedZone"]["Id"].rpartition("/")[2]
        stack.credentials = deployer(stack.client("iam"), zone)
        stack.change(permissions_boundary=BOUNDARY)
        stack.up(print)
        yield stack, zone
    finally:
        stack.credentials = ACCOUNT, "root"
        stack.down()


@pytest.mark.pulumi
@pytest.mark.rehearsal
def test_a_stack_lives_under_the_policies_in_the_docs_from_the_first_up_to_destroy(
    deployed: tuple[Stack, str],
) -> None:
    stack, zone = deployed
    base = stack.app / "gallery/templates/base.html"
    saved = (
        "from django.core.files.base import ContentFile; from django.core.files.storage import default_storage as s;"
        "print(s.url(s.save('it.txt', ContentFile(b'by the role of the task, within its boundary'))))"
    )
    status, output = stack.web().exec_run(["python", "manage.py", "shell", "--verbosity", "0", "-c", saved])
    assert status == 0, output
    url = urlsplit(output.decode().strip())
    assert stack.get(f"{url.path}?{url.query}", str(url.hostname)).read().startswith(b"by the role of the task")
    assert stack.get(url.path, str(url.hostname)).status == 403  # without a signature

    def update(**settings: Any) -> None:
        stack.change(**settings)
        ended, output = stack.update("--refresh")
        assert ended == 0, output

    base.write_text(base.read_text().replace("</head>", "<!-- the second version --></head>"))
    update()
    update(domain="www.example.com", hosted_zone=zone, media_access="public", tasks_max=3, alarm_email="a@example.com")
    update(domain=None, hosted_zone=None, media_access=None, tasks_max=1, alarm_email=None)
    update(keep_data=False)
    status, output = stack.run_pulumi("destroy", "--yes", "--skip-preview")
    assert status == 0, output
    found = [one for one in permission_checks(stack.ports.url) if ":user/deployer" in one["caller"]]
    assert [one for one in found if not one["granted"]] == []
    actions = {one["action"] for one in found}
    assert actions >= {
        "iam:PassRole",
        "iam:CreateServiceLinkedRole",
        "ec2:GetSecurityGroupsForVpc",
        "acm:DeleteCertificate",
    }
    # The list that the unit tests check the policy by knows them all; AWS refuses nobody the last one.
    assert actions - all_needed() == {"sts:GetCallerIdentity"}
    pairs = {(one["action"], one["resource"]) for one in found}
    assert {pair for pair in pairs if not is_in_the_reference(*pair)} == set()


def is_in_the_reference(action: str, resource: str) -> bool:
    """Whether the resource is of a type that AWS's reference names for the action."""
    service, _, name = action.partition(":")
    if resource == "*" or action == "iam:CreateServiceLinkedRole":
        return True
    formats = [
        pattern
        for kind in reference()[service]["Actions"][name.lower()].get("Resources", [])
        for pattern in reference()[service]["Resources"][kind.lower()]["ARNFormats"]
    ]
    return any(re.fullmatch(re.sub(r"\$\{\w+\}", "[^:]*", pattern), resource) for pattern in formats)
