"""Docker's official images under the names that ECR's public gallery gives them. MiniStack has the engine pull
`public.ecr.aws/docker/library/NAME`; here the engine's own image NAME is taken, which set-up made or pulled.
https://docs.aws.amazon.com/AmazonECR/latest/public/docker-official-images.html
"""

from collections.abc import Mapping
from typing import Any

from ministack.services import ecs

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace

GALLERY = "public.ecr.aws/docker/library/"


def apply(config: EmulatorConfig) -> None:
    """Wraps how the container of a task is started."""
    del config
    run = ecs._run_docker_container

    def run_docker_container(client: Any, container: Mapping[str, Any], kwargs: Any, **named: Any) -> Any:
        image = str(container.get("image", ""))
        if image.startswith(GALLERY):
            container, named = {**container, "image": image.removeprefix(GALLERY)}, {**named, "refresh_image": False}
        return run(client, container, kwargs, **named)

    replace(ecs, "_run_docker_container", run_docker_container)
