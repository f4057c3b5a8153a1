"""What must stay true of the cloud platform, whatever somebody changes in infra/: each rule says why it matters."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest

from tests.infra.conftest import Registered, Run

ZONE = "Z0123456789ABC"
VARIANTS: dict[str, dict[str, Any]] = {
    "shipped": {},
    "own domain": {"domain": "www.example.com", "hosted-zone": ZONE, "domain-aliases": "example.com"},
    "public media": {"media-access": "public"},
    "execute-command": {"execute-command": True},
}
# AWS knows these actions on no resource but all; nothing else may have "*" for a resource.
ON_EVERYTHING = {
    "ecr:GetAuthorizationToken",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
}
# The folders of the agent behind `execute-command`, and a place for uploads on their way.
WRITABLE = {"/tmp", "/var/lib/amazon", "/var/log/amazon"}

Rule = Callable[[Run], Iterator[str]]


def the_database_is_never_public(run: Run) -> Iterator[str]:
    for database in run.of_type("aws:rds/instance:Instance"):
        if database.inputs.get("publiclyAccessible") is not False:
            yield "The database has a public address: a guessed or leaked password is then enough to read everything."
        subnets = {subnet.name for subnet in run.of_type("aws:ec2/subnet:Subnet") if "private" in subnet.name}
        group = run["database-subnets"].inputs["subnetIds"]
        if not all(any(subnet in entry for subnet in subnets) for entry in group):
            yield "The database stands in a public subnet: one changed flag would put it on the internet."
    private_routes = [r for r in run.of_type("aws:ec2/route:Route") if "private" in r.inputs["routeTableId"]]
    if private_routes:
        yield "The database's subnets have a route out of the network, which nothing in them needs."


def the_database_takes_tls_only(run: Run) -> Iterator[str]:
    for group in run.of_type("aws:rds/parameterGroup:ParameterGroup"):
        values = {entry["name"]: entry["value"] for entry in group.inputs.get("parameters", [])}
        if values.get("rds.force_ssl") != "1":
            yield "The database takes connections in clear: passwords and data could be read on the way."
    if "sslmode=verify-full" not in run.outputs["DATABASE_URL"]:
        yield "The app doesn't check whose database it talks to: anyone in the way could pose as it."


def stored_data_is_encrypted(run: Run) -> Iterator[str]:
    for database in run.of_type("aws:rds/instance:Instance"):
        if database.inputs.get("storageEncrypted") is not True:
            yield "The database's storage isn't encrypted, and can't be later without a move of all data."
    if not run.of_type("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"):
        yield "The bucket's encryption is left to AWS's default, which an account can change."


def only_the_load_balancer_is_open_to_the_world(run: Run) -> Iterator[str]:
    for rule in run.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"):
        world = {rule.inputs.get("cidrIpv4"), rule.inputs.get("cidrIpv6")} & {"0.0.0.0/0", "::/0"}
        if world and "load-balancer" not in rule.inputs["securityGroupId"]:
            yield f"{rule.name} opens {rule.inputs['securityGroupId']} to the whole internet, not the load balancer."
        if world and rule.inputs.get("fromPort") not in {80, 443}:
            yield f"{rule.name} opens port {rule.inputs.get('fromPort')} of the load balancer, where nothing answers."
    for group in run.of_type("aws:ec2/securityGroup:SecurityGroup"):
        if group.inputs.get("ingress") or group.inputs.get("egress"):
            yield f"{group.name} has rules of its own, which take back those that stand beside it at each other update."
    for token in ("aws:ec2/securityGroupRule:SecurityGroupRule", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"):
        for rule in run.of_type(token):
            yield f"{rule.name} is of a kind that these tests don't look at; use aws.vpc.SecurityGroupIngressRule."


def visitors_come_by_https(run: Run) -> Iterator[str]:
    for distribution in run.of_type("aws:cloudfront/distribution:Distribution"):
        behaviors = [distribution.inputs["defaultCacheBehavior"], *distribution.inputs.get("orderedCacheBehaviors", [])]
        if any(behavior["viewerProtocolPolicy"] not in {"redirect-to-https", "https-only"} for behavior in behaviors):
            yield f"{distribution.name} serves over plain http: sessions could be stolen in any café."
    for listener in run.of_type("aws:lb/listener:Listener"):
        action = listener.inputs["defaultActions"][0]["type"]
        if listener.inputs["protocol"] == "HTTP" and action not in {"redirect", "fixed-response"}:
            yield f"{listener.name} serves over plain http: sessions could be stolen in any café."


def secrets_reach_tasks_as_references_only(run: Run) -> Iterator[str]:
    secrets = [run.outputs["DATABASE_URL"], run.outputs["SECRET_KEY"], "database-password-random", "TOPSECRET"]
    for definition in run.of_type("aws:ecs/taskDefinition:TaskDefinition"):
        text = definition.inputs["containerDefinitions"]
        if any(secret in text for secret in secrets):
            yield "A secret stands in the task definition in clear, which everybody who may describe tasks can read."
        for container in json.loads(text):
            for variable in container.get("environment", []):
                if any(word in variable["name"] for word in ("SECRET", "PASSWORD", "TOKEN", "DATABASE_URL", "DSN")):
                    yield f"{variable['name']} is a plain variable of the task; secret ones belong under `secrets`."


def rights_name_what_they_are_for(run: Run) -> Iterator[str]:
    for policy in run.of_type("aws:iam/rolePolicy:RolePolicy"):
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            actions, resources = _listed(statement["Action"]), _listed(statement["Resource"])
            if any("*" in action for action in actions):
                yield f"{policy.name} allows {actions}: whoever breaks into the app gets every such right."
            if "*" in resources and not set(actions) <= ON_EVERYTHING:
                yield f"{policy.name} allows {actions} on everything in the account, not on this stack's own."
            foreign = [r for r in resources if r != "*" and "django-stack" not in r]
            if foreign:
                yield f"{policy.name} allows {actions} on {foreign}, which isn't this stack's."
    for token in ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "aws:iam/policyAttachment:PolicyAttachment"):
        for attachment in run.of_type(token):
            yield f"{attachment.name} attaches a ready-made policy, which grants more than this stack needs."
    for role in run.of_type("aws:iam/role:Role"):
        if role.inputs.get("managedPolicyArns") or role.inputs.get("inlinePolicies"):
            yield f"{role.name} has policies of its own, which these tests don't look at; use aws.iam.RolePolicy."


def the_bucket_is_private(run: Run) -> Iterator[str]:
    blocks = run.of_type("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
    switches = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    if len(blocks) != len(run.of_type("aws:s3/bucket:Bucket")) or not all(
        block.inputs.get(switch) is True for block in blocks for switch in switches
    ):
        yield "A bucket doesn't block public access: one careless policy would show all uploads to the world."
    for ownership in run.of_type("aws:s3/bucketOwnershipControls:BucketOwnershipControls"):
        if ownership.inputs["rule"]["objectOwnership"] != "BucketOwnerEnforced":
            yield "The bucket takes ACLs, with which single files can be made public unnoticed."
    for policy in run.of_type("aws:s3/bucketPolicy:BucketPolicy"):
        statements = json.loads(policy.inputs["policy"])["Statement"]
        for statement in statements:
            if statement["Effect"] == "Allow" and statement["Principal"] in ("*", {"AWS": "*"}):
                yield "The bucket's policy lets everybody in; public media go through CloudFront."
        if not any(s["Effect"] == "Deny" and "aws:SecureTransport" in json.dumps(s) for s in statements):
            yield "The bucket takes requests in clear."
    for versioning in run.of_type("aws:s3/bucketVersioning:BucketVersioning"):
        if versioning.inputs["versioningConfiguration"]["status"] != "Enabled":
            yield "The bucket keeps no versions: an overwritten or deleted upload is gone."


def data_survives_a_slip_of_the_hand(run: Run) -> Iterator[str]:
    for data in (*run.of_type("aws:rds/instance:Instance"), *run.of_type("aws:s3/bucket:Bucket")):
        if not data.request.protect:
            yield f"{data.name} isn't protected: `pulumi destroy`, or a change that replaces it, takes the data away."
        if data.inputs.get("forceDestroy"):
            yield f"{data.name} is emptied when it's deleted."
    for database in run.of_type("aws:rds/instance:Instance"):
        if database.inputs.get("deletionProtection") is not True:
            yield "The database can be deleted by one click in AWS's console."
        if database.inputs.get("skipFinalSnapshot") is not False or not database.inputs.get("finalSnapshotIdentifier"):
            yield "A deleted database leaves no last snapshot."
        if database.inputs.get("backupRetentionPeriod", 0) < 1:
            yield "The database has no backups."


def images_are_what_was_built(run: Run) -> Iterator[str]:
    for definition in run.of_type("aws:ecs/taskDefinition:TaskDefinition"):
        for container in json.loads(definition.inputs["containerDefinitions"]):
            if "@sha256:" not in container["image"]:
                yield f"{container['name']} names its image by a tag, under which another image may stand tomorrow."
    for repository in run.of_type("aws:ecr/repository:Repository"):
        if repository.inputs.get("imageTagMutability") != "IMMUTABLE":
            yield "The registry lets tags be moved, so a tag says nothing about what runs."
        if repository.inputs.get("imageScanningConfiguration", {}).get("scanOnPush") is not True:
            yield "Pushed images aren't scanned for known holes."


def tasks_can_do_little(run: Run) -> Iterator[str]:
    for definition in run.of_type("aws:ecs/taskDefinition:TaskDefinition"):
        for container in json.loads(definition.inputs["containerDefinitions"]):
            name = container["name"]
            if container.get("readonlyRootFilesystem") is not True:
                yield f"{name} can change its own file system: an intruder could plant a program there."
            if container.get("privileged"):
                yield f"{name} is privileged."
            if container["essential"] and container.get("user", "0").partition(":")[0] in {"0", "root"}:
                yield f"{name} runs as root."
            writable = {m["containerPath"] for m in container["mountPoints"] if not m["readOnly"]}
            if container["essential"] and not writable <= WRITABLE:
                yield f"{name} can write to {sorted(writable - WRITABLE)}."
    for service in run.of_type("aws:ecs/service:Service"):
        definition_folders = {
            mount["containerPath"]
            for definition in run.of_type("aws:ecs/taskDefinition:TaskDefinition")
            for container in json.loads(definition.inputs["containerDefinitions"])
            for mount in container["mountPoints"]
        }
        if service.inputs["enableExecuteCommand"] != ("/var/lib/amazon" in definition_folders):
            yield "A shell into tasks, and the folders that its agent writes to, belong together."


def logs_end_some_day(run: Run) -> Iterator[str]:
    for group in run.of_type("aws:cloudwatch/logGroup:LogGroup"):
        if not group.inputs.get("retentionInDays"):
            yield f"{group.name} keeps logs for ever: visitors' addresses too, and it's billed."


def everything_says_whose_it_is(run: Run) -> Iterator[str]:
    for resource in run.resources.values():
        if resource.type.startswith("aws:") and takes_tags(resource.type):
            tags = resource.inputs.get("tags") or {}
            if tags.get("django-stack.project") != "django-stack" or "django-stack.stack" not in tags:
                yield f"{resource.name} carries no tags of project and stack: nobody knows whose bill it is."


def a_failed_roll_out_is_noticed(run: Run) -> Iterator[str]:
    for service in run.of_type("aws:ecs/service:Service"):
        if service.inputs.get("deploymentCircuitBreaker") != {"enable": True, "rollback": True}:
            yield "A version that doesn't start is tried for ever instead of being rolled back."
        if service.inputs.get("waitForSteadyState") is not False:
            yield "The provider waits for the service, and takes a roll-back for a success; the roll-out check waits."
        if service.inputs["deploymentMinimumHealthyPercent"] < 100:
            yield "A roll-out stops tasks before the new ones serve."
    if "web-rollout" not in run.resources:
        yield "Nothing compares what runs with what was wanted: a rolled-back deployment would look like a success."


RULES: list[Rule] = [
    the_database_is_never_public,
    the_database_takes_tls_only,
    stored_data_is_encrypted,
    only_the_load_balancer_is_open_to_the_world,
    visitors_come_by_https,
    secrets_reach_tasks_as_references_only,
    rights_name_what_they_are_for,
    the_bucket_is_private,
    data_survives_a_slip_of_the_hand,
    images_are_what_was_built,
    tasks_can_do_little,
    logs_end_some_day,
    everything_says_whose_it_is,
    a_failed_roll_out_is_noticed,
]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_cloud_platform_keeps_every_rule(program: Any, variant: str) -> None:
    run = program({**VARIANTS[variant], "env": {"API_TOKEN": "TOPSECRET"}}, secrets=("env",), platform="cloud")
    broken = [f"{rule.__name__}: {sentence}" for rule in RULES for sentence in rule(run)]
    assert not broken, "\n".join(broken)


def change(**inputs: Any) -> Callable[[Registered], None]:
    return lambda resource: resource.inputs.update(inputs)


def change_json(key: str, edit: Callable[[Any], None]) -> Callable[[Registered], None]:
    def apply(resource: Registered) -> None:
        document = json.loads(resource.inputs[key])
        edit(document)
        resource.inputs[key] = json.dumps(document)

    return apply


def edit_web(**values: Any) -> Callable[[Registered], None]:
    return change_json("containerDefinitions", lambda containers: containers[1].update(values))


def unprotect(resource: Registered) -> None:
    resource.request.protect = False


BREAKING: list[tuple[str, Callable[[Registered], None], str]] = [
    # resource, what somebody changes, what the rule says
    ("database", change(publiclyAccessible=True), "has a public address"),
    ("database-subnets", change(subnetIds=["network-public-0-id"]), "in a public subnet"),
    ("network-to-world", change(routeTableId="network-private-id"), "route out of the network"),
    ("database-parameters", change(parameters=[]), "takes connections in clear"),
    ("database", change(storageEncrypted=False), "isn't encrypted"),
    ("network-app-to-database-in", change(cidrIpv4="0.0.0.0/0"), "to the whole internet"),
    ("network-load-balancer-to-app-in", change(cidrIpv6="::/0"), "to the whole internet"),
    ("network-app", change(ingress=[{"cidrBlocks": ["0.0.0.0/0"]}]), "rules of its own"),
    ("address-http", change(defaultActions=[{"type": "forward"}]), "over plain http"),
    ("task", edit_web(environment=[{"name": "MY_TOKEN", "value": "x"}]), "MY_TOKEN is a plain variable"),
    ("task", edit_web(environment=[{"name": "URL", "value": "database-password-random"}]), "in clear"),
    (
        "task-app-rights",
        change_json("policy", lambda policy: policy["Statement"][0].update(Action="s3:*")),
        "gets every such right",
    ),
    (
        "task-app-rights",
        change_json("policy", lambda policy: policy["Statement"][0].update(Resource="*")),
        "on everything in the account",
    ),
    (
        "task-app-rights",
        change_json("policy", lambda policy: policy["Statement"][0].update(Resource="arn:aws:s3:::somebody-elses")),
        "isn't this stack's",
    ),
    ("media-private", change(blockPublicPolicy=False), "doesn't block public access"),
    ("media-ownership", change(rule={"objectOwnership": "ObjectWriter"}), "takes ACLs"),
    (
        "media-policy",
        change_json("policy", lambda policy: policy["Statement"][0].update(Effect="Allow", Principal="*")),
        "lets everybody in",
    ),
    ("media-versions", change(versioningConfiguration={"status": "Suspended"}), "keeps no versions"),
    ("database", unprotect, "isn't protected"),
    ("media", unprotect, "isn't protected"),
    ("database", change(deletionProtection=False), "deleted by one click"),
    ("database", change(skipFinalSnapshot=True), "no last snapshot"),
    ("database", change(backupRetentionPeriod=0), "no backups"),
    ("task", edit_web(image="registry/app:latest"), "by a tag"),
    ("image-repository", change(imageTagMutability="MUTABLE"), "lets tags be moved"),
    ("task", edit_web(readonlyRootFilesystem=False), "change its own file system"),
    ("task", edit_web(user="0"), "runs as root"),
    ("web", change(enableExecuteCommand=True), "belong together"),
    ("task-logs", change(retentionInDays=0), "for ever"),
    ("alarms", change(tags={}), "carries no tags"),
    ("web", change(waitForSteadyState=True), "takes a roll-back for a success"),
    ("web", change(deploymentCircuitBreaker={"enable": False}), "tried for ever"),
]


_runs: list[Run] = []  # of the shipped settings, once for all changes


@pytest.mark.parametrize(("name", "edit", "said"), BREAKING, ids=[f"{name}: {said}" for name, _, said in BREAKING])
def test_a_change_that_breaks_a_rule_is_met_with_its_reason(
    program: Any, name: str, edit: Callable[[Registered], None], said: str
) -> None:
    if not _runs:
        _runs.append(program(platform="cloud"))
    run = deepcopy(_runs[0])
    edit(run[name])
    sentences = [sentence for rule in RULES for sentence in rule(run)]
    assert any(said in sentence for sentence in sentences), sentences


def takes_tags(token: str) -> bool:
    """Whether the SDK's class of a type takes tags; fails when the locked SDK doesn't have the type."""
    import inspect

    return "tags" in inspect.signature(sdk_class(token).__init__).parameters or "tags" in inspect.getsource(
        sdk_class(token)._internal_init
    )


def sdk_class(token: str) -> Any:
    import importlib

    _, module, name = token.split(":")
    return getattr(importlib.import_module(f"pulumi_aws.{module.split('/')[0]}"), name)


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_type_is_in_the_locked_sdk_under_its_own_token(program: Any, variant: str) -> None:
    run = program(VARIANTS[variant], platform="cloud")
    aws = {resource.type for resource in run.resources.values() if resource.type.startswith("aws:")}
    assert len(aws) > 30
    for token in aws:
        assert sdk_class(token).pulumi_type == token
