"""Tasks have few rights, no secrets in clear, the image that was built, and logs."""

import json
from collections.abc import Iterator
from typing import Any

from tests.infra.cloud.rules.base import (
    DEFINITION,
    INSTANCE,
    REPOSITORY,
    RIGHTS,
    ROLE,
    SECRET,
    SERVICE,
    Break,
    Edit,
    Rule,
    change,
    change_json,
    gone,
)
from tests.infra.conftest import Run

IDENTITY = "aws:sesv2/emailIdentity:EmailIdentity"
# AWS knows these actions on no resource but all; nothing else may have "*" for a resource.
ON_EVERYTHING = {
    "ecr:GetAuthorizationToken",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
}
WRITABLE = {"/tmp"}  # uploads on their way
SHELL = "-shell"  # the end of the family that `execute-command` makes: AWS's agent needs a writable root


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


def each_variable_has_one_source(run: Run) -> Iterator[str]:
    for definition in run.of_type(DEFINITION):
        for container in json.loads(definition.inputs["containerDefinitions"]):
            names = [entry["name"] for key in ("environment", "secrets") for entry in container.get(key, [])]
            for name in sorted({name for name in names if names.count(name) > 1}):
                yield f"{container['name']} gets {name} twice, and ECS refuses such a definition."


def rights_name_what_they_are_for(run: Run) -> Iterator[str]:
    for policy in run.of_type(RIGHTS):
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            actions, resources = _listed(statement["Action"]), _listed(statement["Resource"])
            if any("*" in action for action in actions):
                yield f"{policy.name} allows {actions}: whoever breaks into the app gets every such right."
            if "*" in resources and not set(actions) <= ON_EVERYTHING:
                yield f"{policy.name} allows {actions} on everything in the account, not on this stack's own."
            # A sender's name is its domain, not the stack's.
            own = [f":identity/{one.inputs['emailIdentity']}" for one in run.of_type(IDENTITY)]
            foreign = [r for r in resources if r != "*" and "django-stack" not in r and not r.endswith((*own,))]
            if foreign:
                yield f"{policy.name} allows {actions} on {foreign}, which isn't this stack's."
    for token in ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "aws:iam/policyAttachment:PolicyAttachment"):
        for attachment in run.of_type(token):
            yield f"{attachment.name} attaches a ready-made policy, which grants more than this stack needs."
    for role in run.of_type(ROLE):
        if role.inputs.get("managedPolicyArns") or role.inputs.get("inlinePolicies"):
            yield f"{role.name} has policies of its own, which these tests don't look at; use aws.iam.RolePolicy."


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
    policies = run.of_type("aws:ecr/lifecyclePolicy:LifecyclePolicy")
    if not policies:
        yield "The registry keeps what an interrupted push left, and it's billed."
    for policy in policies:
        for rule in json.loads(policy.inputs["policy"])["rules"]:
            if rule["selection"]["tagStatus"] != "untagged":
                yield "An image may expire while tasks run it: ECR counts pushes and pulls, and knows no running tasks."


def tasks_can_do_little(run: Run) -> Iterator[str]:
    for definition in run.of_type(DEFINITION):
        for container in json.loads(definition.inputs["containerDefinitions"]):
            name = container["name"]
            shell = container["essential"] and definition.inputs["family"].endswith(SHELL)
            if container.get("readonlyRootFilesystem") is not True and not shell:
                yield f"{name} can change its own file system: an intruder could plant a program there."
            if container.get("privileged"):
                yield f"{name} is privileged."
            if container["essential"] and container.get("user", "0").partition(":")[0] in {"0", "root"}:
                yield f"{name} runs as root."
            writable = {m["containerPath"] for m in container["mountPoints"] if not m["readOnly"]}
            if container["essential"] and not writable <= WRITABLE:
                yield f"{name} can write to {sorted(writable - WRITABLE)}."
            if shell and container["portMappings"]:
                yield f"{name} of the shell listens to somebody."
    for service in run.of_type(SERVICE):
        if service.inputs.get("enableExecuteCommand"):
            yield "There is a shell into the tasks of the site: whoever opens it has what visitors' requests have."
    channels = {policy.inputs["role"] for policy in run.of_type(RIGHTS) if "ssmmessages:" in policy.inputs["policy"]}
    if channels - {role.inputs["name"] for role in run.of_type(ROLE) if role.inputs["name"].endswith(f"{SHELL}-app")}:
        yield "Another role than the shell's may open the channels of a shell."


def volumes_are_those_that_containers_mount(run: Run) -> Iterator[str]:
    for definition in run.of_type(DEFINITION):
        volumes = {volume["name"] for volume in definition.inputs["volumes"]}
        mounted = {
            mount["sourceVolume"]
            for container in json.loads(definition.inputs["containerDefinitions"])
            for mount in container["mountPoints"]
        }
        if mounted - volumes:
            yield f"Containers mount {sorted(mounted - volumes)}, which the task doesn't have: AWS refuses it."
        if volumes - mounted:
            yield f"The task has volumes that no container mounts: {sorted(volumes - mounted)}."


def logs_are_kept_and_end_some_day(run: Run) -> Iterator[str]:
    groups = {group.inputs["name"] for group in run.of_type("aws:cloudwatch/logGroup:LogGroup")}
    for definition in run.of_type(DEFINITION):
        for container in json.loads(definition.inputs["containerDefinitions"]):
            if container.get("logConfiguration", {}).get("options", {}).get("awslogs-group") not in groups:
                yield f"{container['name']} prints to no log group of this stack: nobody will know why it failed."
    for database in run.of_type(INSTANCE):
        exported = set(database.inputs.get("enabledCloudwatchLogsExports", []))
        if not exported >= {"postgresql", "upgrade"}:
            yield "What the database says stays on its own disk, where it is gone after three days."
        made = {f"/aws/rds/instance/{database.inputs['identifier']}/{log}" for log in exported}
        if made - groups:
            yield f"RDS makes {sorted(made - groups)} by itself, and CloudWatch keeps them for ever."
    for group in run.of_type("aws:cloudwatch/logGroup:LogGroup"):
        if not group.inputs.get("retentionInDays"):
            yield f"{group.name} keeps logs for ever: visitors' addresses too, and it's billed."


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def edit_web(**values: Any) -> Edit:
    return change_json("containerDefinitions", lambda containers: containers[1].update(values))


RULES: list[Rule] = [
    secrets_reach_tasks_as_references_only,
    each_variable_has_one_source,
    rights_name_what_they_are_for,
    images_are_what_was_built,
    tasks_can_do_little,
    volumes_are_those_that_containers_mount,
    logs_are_kept_and_end_some_day,
]
OF_PARTS_THAT_ARE_THERE: list[Rule] = [
    secrets_reach_tasks_as_references_only,
    each_variable_has_one_source,
    rights_name_what_they_are_for,
    tasks_can_do_little,
    volumes_are_those_that_containers_mount,
    logs_are_kept_and_end_some_day,
]
BREAKS = [
    Break("task-secret", change(recoveryWindowInDays=0), "gone at once"),
    Break("task-secret-version", change(versionStages=["AWSCURRENT"]), "a change at each update"),
    Break("image-lifecycle", gone, "what an interrupted push left"),
    Break(
        "image-lifecycle",
        change_json("policy", lambda policy: policy["rules"][0]["selection"].update(tagStatus="any")),
        "may expire while tasks run it",
    ),
    Break("image-repository", change(imageScanningConfiguration={}), "aren't scanned"),
    Break("task-logs", gone, "no log group of this stack"),
    Break("task", edit_web(environment=[{"name": "MY_TOKEN", "value": "x"}]), "MY_TOKEN is a plain variable"),
    Break("task", edit_web(secrets=[]), "reach the task as references"),
    Break("task", edit_web(environment=[{"name": "URL", "value": "database-password-random"}]), "in clear"),
    Break("task", edit_web(environment=[{"name": "API_TOKEN", "value": ""}]), "gets API_TOKEN twice"),
    Break(
        "task-app-rights",
        change_json("policy", lambda policy: policy["Statement"][0].update(Action="s3:*")),
        "gets every such right",
    ),
    Break(
        "task-app-rights",
        change_json("policy", lambda policy: policy["Statement"][0].update(Resource="*")),
        "on everything in the account",
    ),
    Break(
        "task-app-rights",
        change_json("policy", lambda policy: policy["Statement"][0].update(Resource="arn:aws:s3:::somebody-elses")),
        "isn't this stack's",
    ),
    Break("task", edit_web(image="registry/app:latest"), "by a tag"),
    Break("image-repository", change(imageTagMutability="MUTABLE"), "lets tags be moved"),
    Break("task", edit_web(readonlyRootFilesystem=False), "change its own file system"),
    Break("task", edit_web(user="0"), "runs as root"),
    Break("web", change(enableExecuteCommand=True), "a shell into the tasks of the site"),
    Break(
        "task-app-rights",
        change_json("policy", lambda policy: policy["Statement"][0].update(Action="ssmmessages:OpenDataChannel")),
        "Another role than the shell's",
    ),
    Break("shell", edit_web(user="0"), "runs as root", "execute-command"),
    Break("shell", edit_web(portMappings=[{"containerPort": 8000}]), "listens to somebody", "execute-command"),
    Break(
        "shell",
        change_json("containerDefinitions", lambda containers: containers[0].update(readonlyRootFilesystem=False)),
        "change its own file system",
        "execute-command",
    ),
    Break("task", change(volumes=[{"name": "tmp"}]), "mount ['certificates'], which the task doesn't have"),
    Break("shell", change(volumes=[]), "which the task doesn't have", "execute-command"),
    Break("task", lambda task: task.inputs["volumes"].append({"name": "old"}), "no container mounts: ['old']"),
    Break("task-logs", change(retentionInDays=0), "for ever"),
    Break("database", change(enabledCloudwatchLogsExports=["upgrade"]), "gone after three days"),
    Break("database-log-upgrade", gone, "upgrade'] by itself"),
    Break("database-log-postgresql", change(name="/aws/rds/instance/x/postgresql"), "postgresql'] by itself"),
]
