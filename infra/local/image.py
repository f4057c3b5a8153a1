"""The app's image, built by the Docker engine on this machine."""

import pulumi
import pulumi_docker as docker

from infra.checkout import seen_from_program
from infra.content import PLATFORM, image_tag
from infra.local.settings import LocalSettings


class AppImage(pulumi.ComponentResource):
    """Builds the folder `app-path` once per content.

    Exposes `name` (repository:hash of the content) and `id`, the image ID; a container that is given the tag instead
    would be replaced by every update (pulumi-docker #325).
    """

    def __init__(self, name: str, settings: LocalSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        build_args = {"PYTHON_IMAGE": settings.python_image}
        tag = image_tag(settings.app_path, build_args)  # before anything is registered; the folder may be unreadable
        super().__init__("django-stack:local:AppImage", name, None, opts)
        self.name = f"{settings.project}/{settings.stack}:{tag}"
        image = docker.Image(
            name,
            image_name=self.name,
            skip_push=True,
            build={
                "context": seen_from_program(settings.app_path),
                "dockerfile": seen_from_program(settings.app_path / "Dockerfile"),
                "args": build_args,
                "platform": PLATFORM,
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.id: pulumi.Output[str] = image.repo_digest
        self.register_outputs({"name": self.name, "id": self.id})
