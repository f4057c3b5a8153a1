"""The app's image, built by the Docker engine on this machine, or there already."""

from contextlib import closing
from pathlib import Path

import pulumi
import pulumi_docker as docker

from infra import built
from infra.checkout import ROOT
from infra.content import PLATFORM, image_tag
from infra.engine import connect
from infra.local.settings import LocalSettings
from infra.pinned import PinError, pinned_tag, refusal
from infra.recipe import docker_build, recipe


class AppImage(pulumi.ComponentResource):
    """Builds the folder `app-path` once per content, or takes the version that the setting `image` names.

    Exposes `name` (repository:hash of the content) and `id`, the image ID; a container that is given the tag instead
    would be replaced by every update (pulumi-docker #325).
    """

    def __init__(self, name: str, settings: LocalSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        # Before anything is registered, since the folder may be unreadable, or the version gone.
        image_id = ""
        if settings.image:
            tag, image_id = _pinned(settings)
        else:
            tag = image_tag(settings.app_path, settings.all_build_args, recipe=recipe(settings))
        super().__init__("django-stack:local:AppImage", name, None, opts)
        self.name = f"{settings.project}/{settings.stack}:{tag}"
        if image_id:
            self.id: pulumi.Output[str] = pulumi.Output.from_input(image_id)
        else:
            image = docker.Image(
                name,
                image_name=self.name,
                skip_push=True,
                build=docker_build(settings, PLATFORM),
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.id = image.repo_digest
        self.register_outputs({"name": self.name, "id": self.id})


def _pinned(settings: LocalSettings) -> tuple[str, str]:
    """The hash and the image's id of the version that the setting `image` names.

    Raises `pulumi.RunError` when the engine doesn't have it.
    """
    with closing(connect()) as engine:
        kept = built.kept(engine, settings.project)
        own = [one for one in kept if one.stack == settings.stack]
        try:
            tag = pinned_tag(settings, Path(pulumi.get_root_directory() or ROOT))
        except PinError as error:
            raise _refused(settings, str(error)) from None
        found = next((one for one in [*own, *kept] if one.tag == tag), None)
        if not found:
            where = "no stack of the project on this machine's Docker engine"
            raise _refused(settings, refusal(settings.stack, settings.image, where, [one.tag for one in own]))
        if found not in own and not pulumi.runtime.is_dry_run():
            engine.api.tag(found.id, f"{settings.project}/{settings.stack}", tag)
        return tag, found.id


def _refused(settings: LocalSettings, why: str) -> pulumi.RunError:
    return pulumi.RunError(f"Stack {settings.stack} can't have that version, nothing was changed.\n  - {why}")
