"""The stack's own Docker network, and where the site answers on this machine."""

import pulumi
import pulumi_docker as docker

from infra.local.labels import label_args
from infra.settings import Settings


class Network(pulumi.ComponentResource):
    """A bridge network in which the containers know each other by name. Exposes `name`."""

    def __init__(self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:local:Network", name, None, opts)
        network = docker.Network(
            name, name=settings.prefix, labels=label_args(settings), opts=pulumi.ResourceOptions(parent=self)
        )
        self.name: pulumi.Output[str] = network.name
        self.register_outputs({"name": self.name})


class Address(pulumi.ComponentResource):
    """The published port, plain http. `domain` is localhost unless set; the loopback's names are always aliases."""

    https = False
    proxy_ssl_header = ""

    def __init__(
        self, name: str, settings: Settings, network: Network, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        del network  # the cloud's load balancer stands in its network; a published port in none
        super().__init__("django-stack:local:Address", name, None, opts)
        self.domain = settings.domain or "localhost"
        self.domain_aliases = tuple(dict.fromkeys((*settings.domain_aliases, "localhost", "127.0.0.1")))
        self.url = f"http://{self.domain}:{settings.web_port}"
        self.register_outputs({"domain": self.domain, "url": self.url})
