"""The site: the app's image with the contract's environment, published on this machine."""

from collections.abc import Sequence

import pulumi
import pulumi_command as command
import pulumi_docker as docker

from infra.local.app_container import app_container
from infra.local.containers import CHECKED_EVERY, container_options
from infra.local.context import LocalContext
from infra.local.environment import LocalEnvironment
from infra.local.labels import label_args
from infra.local.maintenance import FOLDER
from infra.local.process import Process
from infra.local.release import Release
from infra.local.requests import RolloutRequest
from infra.local.starts import check_starts
from infra.reserved import PORT
from infra.steps import step_command, step_input

ROLLOUT_TIMEOUT = 60  # seconds


class Web(pulumi.ComponentResource):
    """One container on 127.0.0.1:`web-port`, which moves to a new image only after the release of that image succeeded
    and the processes moved to it and have started.

    The roll-out check waits until the site is ready and has a home page. Otherwise the update fails with the last lines
    of the container, which stays.
    """

    def __init__(
        self,
        name: str,
        context: LocalContext,
        environment: LocalEnvironment,
        release: Release,
        after: Sequence[Process],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("django-stack:local:Web", name, None, opts)
        settings = context.settings
        volume = docker.Volume(
            f"{name}-maintenance",
            name=f"{settings.prefix}-maintenance",
            labels=label_args(settings),
            opts=pulumi.ResourceOptions(parent=self),
        )
        started = [check_starts("processes-start", after, pulumi.ResourceOptions(parent=self))] if after else []
        app = app_container(context, release, environment, "web")
        app["volumes"] = [*app["volumes"], {"volume_name": volume.name, "container_path": FOLDER}]
        container = docker.Container(
            name,
            name=f"{settings.prefix}-web",
            **app,
            command=list(settings.web_command) or None,
            ports=[{"internal": PORT, "external": settings.web_port, "ip": "127.0.0.1"}],
            labels=label_args(settings),
            healthcheck={
                "tests": ["CMD", "python", "-c", _alive(PORT)],
                "interval": CHECKED_EVERY,
                "timeout": "5s",
                "retries": 3,
                "start_period": "30s",
            },
            destroy_grace_seconds=30,
            opts=container_options(self, depends_on=[release, *after, *started]),
        )
        command.local.Command(
            f"{name}-rollout",
            create=step_command("infra.local.steps.rollout"),
            add_previous_output_in_env=False,
            stdin=step_input(
                RolloutRequest,
                container=container.id,
                port=settings.web_port,
                domain=environment.address.domain,
                timeout=ROLLOUT_TIMEOUT,
                secrets=environment.secret_values,
            ),
            opts=pulumi.ResourceOptions(parent=self, additional_secret_outputs=["stdout", "stderr"]),
        )
        self.id: pulumi.Output[str] = container.id
        self.register_outputs({"id": self.id})


def _alive(port: int) -> str:
    """A Python program that fails unless the site is alive; every image has Python, but not every one has curl.

    It uses no proxy, and it checks the body, because other programs answer with 200, too.
    """
    return (
        f"import http.client as h, json; c = h.HTTPConnection('127.0.0.1', {port}, timeout=4); "
        "c.request('GET', '/healthz/live'); r = c.getresponse(); "
        "exit(r.status != 200 or json.load(r).get('status') != 'ok')"
    )
