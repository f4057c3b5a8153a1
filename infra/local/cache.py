"""The cache, and a broker beside it: Valkey in a container. Nothing of it is kept."""

import pulumi
import pulumi_command as command
import pulumi_docker as docker
import pulumi_random as random

from infra.dsn import CacheURL
from infra.local.containers import container_options
from infra.local.context import LocalContext
from infra.local.requests import AnswerRequest
from infra.local.server_container import server_container
from infra.services import BROKER, CACHE, EVICTION
from infra.steps import step_command, step_input

PORT = 6379
MEMORY = "256mb"  # what it takes of this machine at most


class Cache(pulumi.ComponentResource):
    """Valkey, published on 127.0.0.1:`cache-port`.

    Exposes `url` and `broker_url` (for the app), `host_url` and `host_broker_url` (for this machine), which are known
    only once the server accepts the password.
    """

    def __init__(self, name: str, context: LocalContext, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:local:Cache", name, None, opts)
        settings = context.settings
        own = pulumi.ResourceOptions(parent=self)
        password = random.RandomPassword(f"{name}-password", length=32, special=False, opts=own).result
        image = docker.RemoteImage(f"{name}-image", name=settings.cache_image, keep_locally=True, opts=own)
        container = docker.Container(
            name,
            # Without the password it refuses to work for us, but it answers.
            **server_container(
                context,
                "cache",
                image.image_id,
                (PORT, settings.cache_port),
                ["CMD-SHELL", "valkey-cli ping | grep -qE 'PONG|NOAUTH'"],
            ),
            command=[
                "valkey-server",
                *("--requirepass", password),
                *("--save", "--appendonly", "no"),  # at no time, and with no log
                *("--maxmemory", MEMORY, "--maxmemory-policy", EVICTION),
            ],
            destroy_grace_seconds=10,
            opts=container_options(self),
        )
        answers = command.local.Command(
            f"{name}-answers",
            create=step_command("infra.local.steps.answer"),
            add_previous_output_in_env=False,
            stdin=step_input(
                AnswerRequest,
                container=container.id,
                what="The cache",
                port=settings.cache_port,
                question=pulumi.Output.concat("AUTH ", password, "\r\n"),
                answer="+OK",
                secrets=[password],
            ),
            opts=own,
        )

        def url(host: str, port: int, database: int) -> pulumi.Output[str]:
            return pulumi.Output.secret(
                pulumi.Output.all(password, answers.id).apply(
                    lambda known: str(CacheURL(known[0], host, port, database))
                )
            )

        self.url, self.broker_url = (url("cache", PORT, database) for database in (CACHE, BROKER))
        self.host_url, self.host_broker_url = (
            url("127.0.0.1", settings.cache_port, database) for database in (CACHE, BROKER)
        )
        self.register_outputs({"url": self.url, "host_url": self.host_url})
