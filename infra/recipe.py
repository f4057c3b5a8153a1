"""How the app's image is built, on both platforms: its folder, Dockerfile, stage and arguments."""

from pulumi_docker import DockerBuildArgsDict

from infra.checkout import seen_from_program
from infra.content import Recipe
from infra.settings import Settings


def recipe(settings: Settings) -> Recipe:
    """What of the settings makes another image, besides the folder, the arguments and the processor."""
    return Recipe(settings.dockerfile, settings.build_target, settings.mount_points)


def docker_build(settings: Settings, platform: str) -> DockerBuildArgsDict:
    """The input `build` of a `docker.Image` for `platform`, such as linux/amd64."""
    build: DockerBuildArgsDict = {
        "context": seen_from_program(settings.app_path),
        "dockerfile": seen_from_program(settings.app_path / settings.dockerfile),
        "args": settings.all_build_args,
        "platform": platform,
    }
    if settings.build_target:
        build["target"] = settings.build_target
    return build
