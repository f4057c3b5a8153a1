"""The stack's own Docker network."""

import pulumi
import pulumi_docker as docker

from infra.local.labels import label_args
from infra.local.settings import LocalSettings


class Network(pulumi.ComponentResource):
    """A bridge network in which the containers reach each other by name. Exposes `name`."""

    def __init__(self, name: str, settings: LocalSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:local:Network", name, None, opts)
        network = docker.Network(
            name, name=settings.prefix, labels=label_args(settings), opts=pulumi.ResourceOptions(parent=self)
        )
        self.name: pulumi.Output[str] = network.name
        self.register_outputs({"name": self.name})
