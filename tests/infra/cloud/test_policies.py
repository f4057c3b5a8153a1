"""What must stay true of the cloud platform, whatever somebody changes in infra/: each rule says why it matters."""

import importlib
import inspect
import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from functools import cache
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

INSTANCE = "aws:rds/instance:Instance"
BUCKET = "aws:s3/bucket:Bucket"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration"
REPOSITORY = "aws:ecr/repository:Repository"
SERVICE = "aws:ecs/service:Service"
DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
TARGETS = "aws:lb/targetGroup:TargetGroup"
SECRET = "aws:secretsmanager/secret:Secret"
ROLE = "aws:iam/role:Role"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
DATABASE_ADMITS = ("network-database-id", "network-app-id", 5432)
ALARMS = {
    "HTTPCode_Target_5XX_Count": "the site answers with errors",
    "HTTPCode_ELB_5XX_Count": "the load balancer answers with errors in the tasks' stead",
    "UnHealthyHostCount": "a task doesn't answer",
    "HealthyHostCount": "no task is left",
    "CPUUtilization": "the database is busy",
    "FreeStorageSpace": "the database's storage is almost full",
    "DatabaseConnections": "the database is out of connections",
}

Rule = Callable[[Run], Iterator[str]]


def the_parts_are_there(run: Run) -> Iterator[str]:
    """The other rules look at what there is; this one sees to it that there is something to look at."""
    for token in (INSTANCE, BUCKET, REPOSITORY, SERVICE, DEFINITION, BALANCER, TARGETS, SECRET, ROLE):
        if not run.of_type(token):
            yield f"There is no {token.rpartition(':')[2]}, or one of a kind that these tests don't look at."


def the_database_is_never_public(run: Run) -> Iterator[str]:
    private = {f"{subnet.name}-id" for subnet in run.of_type("aws:ec2/subnet:Subnet") if "private" in subnet.name}
    groups = {group.inputs["name"]: group for group in run.of_type("aws:rds/subnetGroup:SubnetGroup")}
    for database in run.of_type(INSTANCE):
        if database.inputs.get("publiclyAccessible") is not False:
            yield "The database has a public address: a guessed or leaked password is then enough to read everything."
        group = groups.get(database.inputs.get("dbSubnetGroupName"))
        if group is None:
            yield "The database stands in a network that isn't this stack's, by AWS's default in a public subnet."
        elif not set(group.inputs["subnetIds"]) <= private:
            yield "The database stands in a public subnet: one changed flag would put it on the internet."
    private_routes = [r for r in run.of_type("aws:ec2/route:Route") if "private" in r.inputs["routeTableId"]]
    if private_routes:
        yield "The database's subnets have a route out of the network, which nothing in them needs."
    routed = {
        association.inputs["subnetId"]
        for association in run.of_type("aws:ec2/routeTableAssociation:RouteTableAssociation")
        if "private" in association.inputs["routeTableId"]
    }
    if not private or private - routed:
        yield "The database's subnets have no route table of their own, so the network's main one decides."


def the_database_takes_tls_only(run: Run) -> Iterator[str]:
    groups = run.of_type("aws:rds/parameterGroup:ParameterGroup")
    for database in run.of_type(INSTANCE):
        used = database.inputs.get("parameterGroupName", "")
        if not any(used.startswith(group.inputs["namePrefix"]) for group in groups):
            yield "The database has no parameters of this stack's: whether it takes TLS only is AWS's default to say."
    for group in groups:
        values = {entry["name"]: entry["value"] for entry in group.inputs.get("parameters", [])}
        if values.get("rds.force_ssl") != "1":
            yield "The database takes connections in clear: passwords and data could be read on the way."
    if "sslmode=verify-full" not in run.outputs["DATABASE_URL"]:
        yield "The app doesn't check whose database it talks to: anyone in the way could pose as it."


def stored_data_is_encrypted(run: Run) -> Iterator[str]:
    for database in run.of_type(INSTANCE):
        if database.inputs.get("storageEncrypted") is not True:
            yield "The database's storage isn't encrypted, and can't be later without a move of all data."
    rules = [
        rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"]
        for token in (f"{ENCRYPTION}:BucketServerSideEncryptionConfiguration",)
        for encryption in run.of_type(token)
        for rule in encryption.inputs["rules"]
    ]
    if not rules or not set(rules) <= {"AES256", "aws:kms", "aws:kms:dsse"}:
        yield "The bucket's encryption is left to AWS's default, which an account can change."
    for repository in run.of_type(REPOSITORY):
        if not repository.inputs.get("encryptionConfigurations"):
            yield "The registry's encryption isn't stated."


def only_the_load_balancer_is_open_to_the_world(run: Run) -> Iterator[str]:
    for rule in run.of_type(INGRESS):
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


def each_part_admits_the_one_before_it_only(run: Run) -> Iterator[str]:
    """Load balancer, tasks, database: each knows the one before it by its security group."""
    for group, source, port in (("network-app-id", "network-load-balancer-id", 8000), DATABASE_ADMITS):
        admitted = [
            (rule.inputs.get("referencedSecurityGroupId"), rule.inputs.get("fromPort"), rule.inputs.get("toPort"))
            for rule in run.of_type(INGRESS)
            if rule.inputs["securityGroupId"] == group
        ]
        if admitted != [(source, port, port)]:
            yield f"{group} admits {admitted}, not just {source} on port {port}: a way round what stands before it."
    out = {
        (rule.inputs["securityGroupId"], rule.inputs.get("referencedSecurityGroupId"), rule.inputs.get("fromPort"))
        for rule in run.of_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    }
    if ("network-load-balancer-id", "network-app-id", 8000) not in out or any(
        group == "network-load-balancer-id" and target != "network-app-id" for group, target, _ in out
    ):
        yield "The load balancer reaches something else than the tasks, or not them."
    if any(group == "network-database-id" for group, _, _ in out):
        yield "The database can open connections, which it has no need of: a way out for stolen data."
    wears = [(database.inputs.get("vpcSecurityGroupIds"), "network-database-id") for database in run.of_type(INSTANCE)]
    wears += [(balancer.inputs.get("securityGroups"), "network-load-balancer-id") for balancer in run.of_type(BALANCER)]
    wears += [
        (service.inputs["networkConfiguration"].get("securityGroups"), "network-app-id")
        for service in run.of_type(SERVICE)
    ]
    for groups, own in wears:
        if groups != [own]:
            yield f"Something is in the security groups {groups} instead of {own}, whose rules then don't count."


def files_go_to_the_bucket_inside_awss_network(run: Run) -> Iterator[str]:
    ways = [
        endpoint.inputs
        for endpoint in run.of_type("aws:ec2/vpcEndpoint:VpcEndpoint")
        if endpoint.inputs["serviceName"].endswith(".s3") and endpoint.inputs.get("vpcEndpointType") == "Gateway"
    ]
    tables = {
        association.inputs["routeTableId"]
        for association in run.of_type("aws:ec2/routeTableAssociation:RouteTableAssociation")
        if "public" in association.inputs["subnetId"]
    }
    if not tables or not any(tables <= set(way.get("routeTableIds", [])) for way in ways):
        yield "Tasks have no gateway to S3: uploads go over the internet, and through a NAT they would be billed."


def visitors_come_by_https(run: Run) -> Iterator[str]:
    for distribution in run.of_type("aws:cloudfront/distribution:Distribution"):
        behaviors = [distribution.inputs["defaultCacheBehavior"], *distribution.inputs.get("orderedCacheBehaviors", [])]
        if any(behavior["viewerProtocolPolicy"] not in {"redirect-to-https", "https-only"} for behavior in behaviors):
            yield f"{distribution.name} serves over plain http: sessions could be stolen in any café."
    listeners = run.of_type("aws:lb/listener:Listener")
    if not any(listener.inputs["protocol"] == "HTTPS" for listener in listeners) and not any(
        origin.get("customOriginConfig")
        for distribution in run.of_type("aws:cloudfront/distribution:Distribution")
        for origin in distribution.inputs["origins"]
    ):
        yield "Nothing speaks TLS: neither the load balancer nor a CloudFront before it."
    for listener in listeners:
        policy = listener.inputs.get("sslPolicy", "")
        if listener.inputs["protocol"] == "HTTPS" and not policy.startswith("ELBSecurityPolicy-TLS13-1-2-"):
            yield f"{listener.name} takes TLS before 1.2, by AWS's default, or ciphers that are known to be weak."
        action = listener.inputs["defaultActions"][0]["type"]
        if listener.inputs["protocol"] == "HTTP" and action not in {"redirect", "fixed-response"}:
            yield f"{listener.name} serves over plain http: sessions could be stolen in any café."
    for balancer in run.of_type(BALANCER):
        if balancer.inputs.get("dropInvalidHeaderFields") is not True:
            yield "The load balancer hands malformed headers on, with which requests can be smuggled past it."


def secrets_reach_tasks_as_references_only(run: Run) -> Iterator[str]:
    secrets = [run.outputs["DATABASE_URL"], run.outputs["SECRET_KEY"], "database-password-random", "TOPSECRET"]
    for definition in run.of_type(DEFINITION):
        text = definition.inputs["containerDefinitions"]
        if any(secret in text for secret in secrets):
            yield "A secret stands in the task definition in clear, which everybody who may describe tasks can read."
        referred = {secret["name"] for container in json.loads(text) for secret in container.get("secrets", [])}
        if not referred >= {"DATABASE_URL", "SECRET_KEY", "API_TOKEN"}:
            yield f"Of the secrets only {sorted(referred)} reach the task as references."
        for container in json.loads(text):
            for variable in container.get("environment", []):
                if any(word in variable["name"] for word in ("SECRET", "PASSWORD", "TOKEN", "DATABASE_URL", "DSN")):
                    yield f"{variable['name']} is a plain variable of the task; secret ones belong under `secrets`."
    for secret in run.of_type(SECRET):
        if secret.inputs.get("recoveryWindowInDays", 0) < 7:
            yield "A deleted secret is gone at once: after a slip of the hand no task can start any more."
    for version in run.of_type("aws:secretsmanager/secretVersion:SecretVersion"):
        if version.inputs.get("versionStages"):
            yield "Labels of a secret's version are AWS's to move; stated here, they'd be a change at each update."
        if not version.request.retainOnDelete:
            yield "A changed secret takes the version away that a failed roll-out goes back to."


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
    for role in run.of_type(ROLE):
        if role.inputs.get("managedPolicyArns") or role.inputs.get("inlinePolicies"):
            yield f"{role.name} has policies of its own, which these tests don't look at; use aws.iam.RolePolicy."


def the_bucket_is_private(run: Run) -> Iterator[str]:
    blocks = run.of_type("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
    switches = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    if len(blocks) != len(run.of_type(BUCKET)) or not all(
        block.inputs.get(switch) is True for block in blocks for switch in switches
    ):
        yield "A bucket doesn't block public access: one careless policy would show all uploads to the world."
    owners = [
        ownership.inputs["rule"]["objectOwnership"]
        for ownership in run.of_type("aws:s3/bucketOwnershipControls:BucketOwnershipControls")
    ]
    if owners != ["BucketOwnerEnforced"]:
        yield "The bucket takes ACLs, with which single files can be made public unnoticed."
    policies = run.of_type("aws:s3/bucketPolicy:BucketPolicy")
    if not policies:
        yield "The bucket has no policy, so it takes requests in clear."
    for policy in policies:
        statements = json.loads(policy.inputs["policy"])["Statement"]
        for statement in statements:
            if statement["Effect"] == "Allow" and statement["Principal"] in ("*", {"AWS": "*"}):
                yield "The bucket's policy lets everybody in; public media go through CloudFront."
        if not any(s["Effect"] == "Deny" and "aws:SecureTransport" in json.dumps(s) for s in statements):
            yield "The bucket takes requests in clear."


def overwritten_files_are_kept_a_while(run: Run) -> Iterator[str]:
    states = [
        versioning.inputs["versioningConfiguration"]["status"]
        for versioning in run.of_type("aws:s3/bucketVersioning:BucketVersioning")
    ]
    if states != ["Enabled"]:
        yield "The bucket keeps no versions: an overwritten or deleted upload is gone."
    rules = [
        rule
        for lifecycle in run.of_type("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")
        for rule in lifecycle.inputs["rules"]
        if rule["status"] == "Enabled"
    ]
    if not any(rule.get("noncurrentVersionExpiration", {}).get("noncurrentDays", 0) >= 30 for rule in rules):
        yield "Old versions of uploads are kept for ever, and billed, or go before anybody misses them."
    if any(rule.get("expiration") for rule in rules):
        yield "Uploads that are in use come to an end by themselves."


def data_survives_a_slip_of_the_hand(run: Run) -> Iterator[str]:
    for data in (*run.of_type(INSTANCE), *run.of_type(BUCKET)):
        if not data.request.protect:
            yield f"{data.name} isn't protected: `pulumi destroy`, or a change that replaces it, takes the data away."
        if data.inputs.get("forceDestroy"):
            yield f"{data.name} is emptied when it's deleted."
    for database in run.of_type(INSTANCE):
        if database.inputs.get("deletionProtection") is not True:
            yield "The database can be deleted by one click in AWS's console."
        if database.inputs.get("skipFinalSnapshot") is not False or not database.inputs.get("finalSnapshotIdentifier"):
            yield "A deleted database leaves no last snapshot."
        if database.inputs.get("backupRetentionPeriod", 0) < 1:
            yield "The database has no backups."


def images_are_what_was_built(run: Run) -> Iterator[str]:
    for definition in run.of_type(DEFINITION):
        for container in json.loads(definition.inputs["containerDefinitions"]):
            if "@sha256:" not in container["image"]:
                yield f"{container['name']} names its image by a tag, under which another image may stand tomorrow."
    for repository in run.of_type(REPOSITORY):
        if repository.inputs.get("imageTagMutability") != "IMMUTABLE":
            yield "The registry lets tags be moved, so a tag says nothing about what runs."
        if repository.inputs.get("imageScanningConfiguration", {}).get("scanOnPush") is not True:
            yield "Pushed images aren't scanned for known holes."
    if not run.of_type("aws:ecr/lifecyclePolicy:LifecyclePolicy"):
        yield "The registry keeps every image for ever, and they're billed."


def tasks_can_do_little(run: Run) -> Iterator[str]:
    for definition in run.of_type(DEFINITION):
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
    for service in run.of_type(SERVICE):
        definition_folders = {
            mount["containerPath"]
            for definition in run.of_type(DEFINITION)
            for container in json.loads(definition.inputs["containerDefinitions"])
            for mount in container["mountPoints"]
        }
        if service.inputs["enableExecuteCommand"] != ("/var/lib/amazon" in definition_folders):
            yield "A shell into tasks, and the folders that its agent writes to, belong together."


def logs_are_kept_and_end_some_day(run: Run) -> Iterator[str]:
    groups = {group.inputs["name"] for group in run.of_type("aws:cloudwatch/logGroup:LogGroup")}
    for definition in run.of_type(DEFINITION):
        for container in json.loads(definition.inputs["containerDefinitions"]):
            if container.get("logConfiguration", {}).get("options", {}).get("awslogs-group") not in groups:
                yield f"{container['name']} prints to no log group of this stack: nobody will know why it failed."
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
    for service in run.of_type(SERVICE):
        if service.inputs.get("deploymentCircuitBreaker") != {"enable": True, "rollback": True}:
            yield "A version that doesn't start is tried for ever instead of being rolled back."
        if service.inputs.get("waitForSteadyState") is not False:
            yield "The provider waits for the service, and takes a roll-back for a success; the roll-out check waits."
        if service.inputs["deploymentMinimumHealthyPercent"] < 100:
            yield "A roll-out stops tasks before the new ones serve."
    for targets in run.of_type(TARGETS):
        check = targets.inputs.get("healthCheck", {})
        if (check.get("path"), check.get("matcher")) != ("/healthz/live", "200"):
            yield "The load balancer doesn't ask if tasks are alive, or has all replaced when the database is away."
    if "web-rollout" not in run.resources:
        yield "Nothing compares what runs with what was wanted: a rolled-back deployment would look like a success."


def load_is_met_with_more_tasks(run: Run) -> Iterator[str]:
    targets = run.of_type("aws:appautoscaling/target:Target")
    policies = run.of_type("aws:appautoscaling/policy:Policy")
    followed = {policy.inputs["resourceId"] for policy in policies if policy.inputs["policyType"].startswith("Target")}
    for service in run.of_type(SERVICE):
        if list(service.request.ignoreChanges) != ["desiredCount"]:
            yield "Each update takes back the number of tasks that autoscaling chose, in the midst of a rush."
    if not targets or any(target.inputs["resourceId"] not in followed for target in targets):
        yield "Nothing starts more tasks under load: the site gets slow, then it is down."
    if any(target.inputs["minCapacity"] < 1 for target in targets):
        yield "Autoscaling may stop the last task."


def somebody_is_told(run: Run) -> Iterator[str]:
    alarms = {
        alarm.inputs["metricName"]: alarm.inputs for alarm in run.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    }
    for metric, what in ALARMS.items():
        if not alarms.get(metric, {}).get("alarmActions"):
            yield f"Nobody is told when {what}."
    # Without any target there is no metric: silence is the alarm.
    none = alarms.get("HealthyHostCount", {})
    if (none.get("treatMissingData"), none.get("comparisonOperator"), none.get("threshold")) != (
        "breaching",
        "LessThanThreshold",
        1,
    ):
        yield "When the last task is gone, no alarm fires: the load balancer then reports no tasks, healthy or not."


RULES: list[Rule] = [
    the_parts_are_there,
    the_database_is_never_public,
    the_database_takes_tls_only,
    stored_data_is_encrypted,
    only_the_load_balancer_is_open_to_the_world,
    each_part_admits_the_one_before_it_only,
    files_go_to_the_bucket_inside_awss_network,
    visitors_come_by_https,
    secrets_reach_tasks_as_references_only,
    rights_name_what_they_are_for,
    the_bucket_is_private,
    overwritten_files_are_kept_a_while,
    data_survives_a_slip_of_the_hand,
    images_are_what_was_built,
    tasks_can_do_little,
    logs_are_kept_and_end_some_day,
    everything_says_whose_it_is,
    a_failed_roll_out_is_noticed,
    load_is_met_with_more_tasks,
    somebody_is_told,
]
# These look at parts alone that `the_parts_are_there` demands, or say what must not be; all others demand more.
OF_PARTS_THAT_ARE_THERE = [
    the_database_takes_tls_only,
    only_the_load_balancer_is_open_to_the_world,
    secrets_reach_tasks_as_references_only,
    rights_name_what_they_are_for,
    data_survives_a_slip_of_the_hand,
    tasks_can_do_little,
    logs_are_kept_and_end_some_day,
    everything_says_whose_it_is,
]


def cloud(program: Any, variant: str) -> Run:
    """The program run with the settings of a variant, and a secret variable of the user's own."""
    settings = {**VARIANTS[variant], "env": {"API_TOKEN": "TOPSECRET"}}
    run: Run = program(settings, secrets=("env",), platform="cloud")
    return run


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_cloud_platform_keeps_every_rule(program: Any, variant: str) -> None:
    run = cloud(program, variant)
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


def gone(resource: Registered) -> None:
    """Somebody takes the resource out of the program."""


BREAKING: list[tuple[str, Callable[[Registered], None], str]] = [
    # resource, what somebody changes, what the rule says
    ("database", gone, "There is no Instance"),
    ("task-secret", gone, "There is no Secret"),
    ("database-subnets", gone, "a network that isn't this stack's"),
    ("network-private-a-routes", gone, "no route table of their own"),
    ("database-parameters", gone, "no parameters of this stack's"),
    ("media-encryption", gone, "left to AWS's default"),
    (
        "media-encryption",
        change(rules=[{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "none"}}]),
        "left to AWS's default",
    ),
    ("network-app-to-database-in", gone, "network-database-id admits []"),
    ("network-load-balancer-to-app-out", gone, "The load balancer reaches something else"),
    ("network-app-to-database-in", change(referencedSecurityGroupId="network-load-balancer-id"), "a way round"),
    ("network-load-balancer-to-app-in", change(toPort=9000), "a way round"),
    ("network-app-to-world", change(securityGroupId="network-database-id"), "a way out for stolen data"),
    ("database", change(vpcSecurityGroupIds=["default"]), "whose rules then don't count"),
    ("network-s3", gone, "no gateway to S3"),
    ("network-s3", change(vpcEndpointType="Interface"), "no gateway to S3"),
    ("network-s3", change(routeTableIds=["network-private-id"]), "no gateway to S3"),
    ("address-cloudfront", gone, "Nothing speaks TLS"),
    ("address", change(dropInvalidHeaderFields=False), "requests can be smuggled"),
    ("task-secret", change(recoveryWindowInDays=0), "gone at once"),
    ("task-secret-version", change(versionStages=["AWSCURRENT"]), "a change at each update"),
    ("media-private", gone, "doesn't block public access"),
    ("media-ownership", gone, "takes ACLs"),
    ("media-policy", gone, "no policy"),
    ("media-versions", gone, "keeps no versions"),
    ("media-lifecycle", gone, "kept for ever"),
    ("media-lifecycle", change(rules=[{"status": "Enabled", "expiration": {"days": 90}}]), "come to an end"),
    ("image-lifecycle", gone, "keeps every image for ever"),
    ("image-repository", change(encryptionConfigurations=[]), "encryption isn't stated"),
    ("image-repository", change(imageScanningConfiguration={}), "aren't scanned"),
    ("task-logs", gone, "no log group of this stack"),
    ("address-tasks", change(healthCheck={"path": "/healthz/ready", "matcher": "200"}), "if tasks are alive"),
    ("address-tasks", change(healthCheck={"path": "/healthz/live", "matcher": "200-499"}), "if tasks are alive"),
    ("web-rollout", gone, "would look like a success"),
    ("web-scaling", gone, "Nothing starts more tasks"),
    ("web-scaling-by-cpu", gone, "Nothing starts more tasks"),
    ("web-scaling", change(minCapacity=0), "may stop the last task"),
    ("alarm-no-task", gone, "Nobody is told when no task is left"),
    ("alarm-no-task", change(treatMissingData="notBreaching"), "When the last task is gone, no alarm fires"),
    ("alarm-errors-of-the-balancer", gone, "Nobody is told when the load balancer answers with errors"),
    ("alarm-database-storage", change(alarmActions=[]), "storage is almost full"),
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
    ("task", edit_web(secrets=[]), "reach the task as references"),
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


OF_AN_OWN_DOMAIN: list[tuple[str, Callable[[Registered], None], str]] = [
    ("address-https", gone, "Nothing speaks TLS"),
    ("address-https", change(sslPolicy="ELBSecurityPolicy-2016-08"), "takes TLS before 1.2"),
    ("address-http", change(defaultActions=[{"type": "forward"}]), "over plain http"),
    ("address-admits-443", change(fromPort=22), "opens port 22"),
]


def broken(run: Run, name: str, edit: Callable[[Registered], None]) -> Run:
    """The run with one resource changed or gone; the run itself stays as it is."""
    others = {key: resource for key, resource in run.resources.items() if key != name}
    changed = deepcopy(run[name])
    edit(changed)
    return replace(run, resources=others if edit is gone else others | {name: changed})


@pytest.mark.parametrize(
    ("variant", "name", "edit", "said"),
    [("shipped", *case) for case in BREAKING] + [("own domain", *case) for case in OF_AN_OWN_DOMAIN],
    ids=lambda value: "" if callable(value) else str(value),
)
def test_a_change_that_breaks_a_rule_is_met_with_its_reason(
    program: Any, variant: str, name: str, edit: Callable[[Registered], None], said: str
) -> None:
    run = broken(cloud(program, variant), name, edit)
    sentences = [sentence for rule in RULES for sentence in rule(run)]
    assert any(said in sentence for sentence in sentences), sentences


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_that_demands_something_is_not_kept_by_having_nothing(program: Any, rule: Rule) -> None:
    nothing = Run(outputs=cloud(program, "shipped").outputs)
    assert bool(list(rule(nothing))) is (rule not in OF_PARTS_THAT_ARE_THERE)


@cache
def takes_tags(token: str) -> bool:
    """Whether the SDK's class of a type takes tags; fails when the locked SDK doesn't have the type."""
    return "tags" in inspect.signature(sdk_class(token).__init__).parameters or "tags" in inspect.getsource(
        sdk_class(token)._internal_init
    )


def sdk_class(token: str) -> Any:
    _, module, name = token.split(":")
    return getattr(importlib.import_module(f"pulumi_aws.{module.split('/')[0]}"), name)


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_type_is_in_the_locked_sdk_under_its_own_token(program: Any, variant: str) -> None:
    run = cloud(program, variant)
    aws = {resource.type for resource in run.resources.values() if resource.type.startswith("aws:")}
    assert len(aws) > 30
    for token in aws:
        assert sdk_class(token).pulumi_type == token
