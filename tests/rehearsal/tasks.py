"""What ECS and ECR have of a stack: tasks of the site and of releases, the zones that they may be in, images."""

from datetime import datetime
from typing import Any

from tests.rehearsal.stacks import Stack

CLUSTER, SERVICE = "django-stack-rehearsal", "django-stack-rehearsal-web"


def service(stack: Stack) -> Any:
    """The site's service as ECS describes it."""
    return stack.client("ecs").describe_services(cluster=CLUSTER, services=[SERVICE])["services"][0]


def running(stack: Stack) -> int:
    """The number of tasks of the site that run."""
    return int(service(stack)["runningCount"])


def release_tasks(stack: Stack, status: str = "RUNNING") -> list[Any]:
    """The release's tasks: all that aren't the service's."""
    ecs = stack.client("ecs")
    arns = ecs.list_tasks(cluster=CLUSTER, desiredStatus=status)["taskArns"]
    tasks = ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"] if arns else []
    return [task for task in tasks if not task["group"].startswith("service:")]


def command(task: Any) -> str:
    """What a task of a release runs, after `python manage.py` if it begins with it."""
    (override,) = task["overrides"]["containerOverrides"]
    return " ".join(override["command"]).removeprefix("python manage.py ")


def releases(stack: Stack) -> dict[str, str]:
    """The commands of the release's tasks that ended, by their ARNs."""
    return {task["taskArn"]: command(task) for task in release_tasks(stack, "STOPPED")}


def zones_of_tasks(stack: Stack) -> dict[str, str]:
    """The zones in which ECS may start tasks of the site, each with its subnet."""
    subnets = service(stack)["networkConfiguration"]["awsvpcConfiguration"]["subnets"]
    found = stack.client("ec2").describe_subnets(SubnetIds=subnets)["Subnets"]
    return {subnet["AvailabilityZone"]: subnet["SubnetId"] for subnet in found}


def images(stack: Stack) -> dict[str, datetime]:
    """When each image in the stack's registry was pushed, by its digest."""
    found = stack.client("ecr").describe_images(repositoryName="django-stack/rehearsal")["imageDetails"]
    return {image["imageDigest"]: image["imagePushedAt"] for image in found}
