"""The app's image in ECR: built by the Docker engine on this machine, as on the local platform, or there already."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_command as command
import pulumi_docker as docker

from infra.checkout import ROOT
from infra.cloud import versions
from infra.cloud.aws import AWSError, client, explain_errors
from infra.cloud.requests import CopyImageRequest, PushImageRequest
from infra.cloud.settings import CloudSettings
from infra.cloud.tags import tags
from infra.content import image_tag
from infra.pinned import PinError, neighbours, pinned_tag, refusal
from infra.recipe import docker_build, recipe
from infra.steps import step_command, step_input

UNTAGGED_DAYS = 7  # that the remains of an interrupted push are kept


class AppImage(pulumi.ComponentResource):
    """Builds the folder `app-path` and pushes it once per content, or takes the version that the setting `image` names.

    Exposes `name` (repository:hash of the content), `id` (the image by its digest in the registry) and
    `repository_arn`. docker.Image doesn't push the image itself: tags are immutable, and ECR refuses even the same
    image a second time (aws/containers-roadmap #2380), so that a return to older content would fail.
    """

    def __init__(self, name: str, settings: CloudSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        # Before anything is registered, since the folder may be unreadable, or the version gone.
        pinned = _pinned(settings) if settings.image else None
        tag = pinned.tag if pinned else _tag(settings)
        super().__init__("django-stack:cloud:AppImage", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        self.name = f"{settings.project}/{settings.stack}:{tag}"
        repository = aws.ecr.Repository(
            f"{name}-repository",
            name=f"{settings.project}/{settings.stack}",
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[{"encryption_type": "AES256"}],
            force_delete=True,  # images can be built again
            tags=tags(settings),
            opts=own,
        )
        aws.ecr.LifecyclePolicy(
            f"{name}-lifecycle", repository=repository.name, policy=json.dumps(_lifecycle(), sort_keys=True), opts=own
        )
        push = command.local.Command(
            f"{name}-push",
            **(_copied(pinned) if pinned else _built(name, settings, self.name, repository, own)),
            add_previous_output_in_env=False,
            triggers=[tag, repository.arn],
            logging=command.local.Logging.STDERR,
            opts=pulumi.ResourceOptions(parent=self),
        )
        digest = push.stdout.apply(lambda text: text.strip().rpartition("\n")[2])
        self.id: pulumi.Output[str] = pulumi.Output.concat(repository.repository_url, "@", digest)
        self.repository_arn: pulumi.Output[str] = repository.arn
        self.register_outputs({"name": self.name, "id": self.id})


def _tag(settings: CloudSettings) -> str:
    return image_tag(settings.app_path, settings.all_build_args, settings.image_platform, recipe(settings))


def _built(
    name: str, settings: CloudSettings, image_name: str, repository: aws.ecr.Repository, opts: pulumi.ResourceOptions
) -> dict[str, Any]:
    """Builds the image; the command that pushes it, and what it is told."""
    image = docker.Image(
        name,
        image_name=image_name,
        skip_push=True,
        build=docker_build(settings, settings.image_platform),
        opts=opts,
    )
    request = step_input(
        PushImageRequest,
        image=image.repo_digest,  # with skip_push, the image's id on this machine's engine
        built_by=image.urn,
        repository=repository.name,
        url=repository.repository_url,
        tag=image_name.rpartition(":")[2],
        region=settings.region,
        profile=settings.profile,
    )
    return {"create": step_command("infra.cloud.steps.push_image"), "stdin": request}


def _copied(request: CopyImageRequest) -> dict[str, Any]:
    """The command that gets the version into the repository, and what it is told."""
    return {
        "create": step_command("infra.cloud.steps.copy_image"),
        "stdin": step_input(CopyImageRequest, **asdict(request)),
    }


def _pinned(settings: CloudSettings) -> CopyImageRequest:
    """The version that the setting `image` names, for the stack's repository.

    Raises `pulumi.RunError` when neither a stack of the project nor this machine has it.
    """
    folder = Path(pulumi.get_root_directory() or ROOT)
    repository = f"{settings.project}/{settings.stack}"
    others = versions.others(settings.project, settings.stack, neighbours(folder, settings.project))
    try:
        request = CopyImageRequest(
            region=settings.region,
            profile=settings.profile,
            repository=repository,
            tag=pinned_tag(settings, folder),
            others=others,
        )
        with explain_errors():
            if versions.find(request):
                return request
            own = [one.tag for one in versions.pushed(client("ecr", settings), repository)]
            where = "neither a stack with a file here nor the Docker engine of this machine"
            why = refusal(settings.stack, settings.image, where, own)
    except (AWSError, PinError) as error:
        why = str(error)
    raise pulumi.RunError(f"Stack {settings.stack} can't have that version, nothing was changed.\n  - {why}")


def _lifecycle() -> dict[str, object]:
    """Tagged images never expire: ECR knows when an image was pushed or pulled, but not whether a task runs it, and a
    rule by age or number would take the image of a site that was last changed long ago.
    """
    return {
        "rules": [
            {
                "rulePriority": 1,
                "description": "What an interrupted push left",
                "selection": {
                    "tagStatus": "untagged",
                    "countType": "sinceImagePushed",
                    "countUnit": "days",
                    "countNumber": UNTAGGED_DAYS,
                },
                "action": {"type": "expire"},
            }
        ]
    }
