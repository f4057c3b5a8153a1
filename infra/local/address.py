"""Where the site answers on this machine: a published port, plain http."""

import pulumi

from infra.local.context import LocalContext
from infra.origins import origin


class Address(pulumi.ComponentResource):
    """The published port, plain http. `domain` is localhost unless set; localhost and 127.0.0.1 are always aliases."""

    https = False
    proxy_ssl_header = ""

    def __init__(self, name: str, context: LocalContext, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:local:Address", name, None, opts)
        settings = context.settings
        self.domain = settings.domain or "localhost"
        self.domain_aliases = tuple(dict.fromkeys((*settings.domain_aliases, "localhost", "127.0.0.1")))
        self.url = f"http://{self.domain}:{settings.web_port}"
        names = dict.fromkeys((self.domain, *self.domain_aliases))
        # With https, too, for a tunnel to this machine.
        self.origins = [
            own for name in names for own in (origin("http", name, settings.web_port), origin("https", name))
        ]
        self.register_outputs({"domain": self.domain, "url": self.url})
