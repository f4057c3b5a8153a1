"""The app's image: built by the Docker engine on this machine, as on the local platform, and pushed to ECR."""

import json

import pulumi
import pulumi_aws as aws
import pulumi_command as command
import pulumi_docker as docker

from infra.checkout import seen_from_program
from infra.cloud.requests import PushImageRequest
from infra.cloud.settings import CloudSettings
from infra.cloud.tags import tags
from infra.content import image_tag
from infra.steps import step_command, step_input

UNTAGGED_DAYS = 7  # that the remains of an interrupted push are kept


class AppImage(pulumi.ComponentResource):
    """Builds the folder `app-path` and pushes it once per content.

    Exposes `name` (repository:hash of the content), `id` (the image by its digest in the registry) and
    `repository_arn`. docker.Image doesn't push the image itself: tags are immutable, and ECR refuses even the same
    image a second time (aws/containers-roadmap #2380), so that a return to older content would fail.
    """

    def __init__(self, name: str, settings: CloudSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        build_args = {"PYTHON_IMAGE": settings.python_image}
        platform = settings.image_platform
        tag = image_tag(settings.app_path, build_args, platform)  # before anything is registered; it may be unreadable
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
        image = docker.Image(
            name,
            image_name=self.name,
            skip_push=True,
            build={
                "context": seen_from_program(settings.app_path),
                "dockerfile": seen_from_program(settings.app_path / "Dockerfile"),
                "args": build_args,
                "platform": platform,
            },
            opts=own,
        )
        push = command.local.Command(
            f"{name}-push",
            create=step_command("infra.cloud.steps.push_image"),
            add_previous_output_in_env=False,
            stdin=step_input(
                PushImageRequest,
                image=image.repo_digest,  # with skip_push, the image's id on this machine's engine
                built_by=image.urn,
                repository=repository.name,
                url=repository.repository_url,
                tag=tag,
                region=settings.region,
                profile=settings.profile,
            ),
            triggers=[tag, repository.arn],
            logging=command.local.Logging.STDERR,
            opts=own,
        )
        digest = push.stdout.apply(lambda text: text.strip().rpartition("\n")[2])
        self.id: pulumi.Output[str] = pulumi.Output.concat(repository.repository_url, "@", digest)
        self.repository_arn: pulumi.Output[str] = repository.arn
        self.register_outputs({"name": self.name, "id": self.id})


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
