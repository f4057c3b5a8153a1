"""The scheduler: a process of the app's image that runs the stack's `schedules` at their times."""

import json
from collections.abc import Iterable

import pulumi
import pulumi_command as command
import pulumi_docker as docker

from infra.local.app_container import app_container
from infra.local.containers import CHECKED_EVERY, container_options
from infra.local.context import LocalContext
from infra.local.labels import label_args, labels
from infra.local.release import Release
from infra.local.requests import MakeWritableRequest, SchedulerRequest
from infra.local.web import Web
from infra.schedules import ScheduleSettings
from infra.steps import step_command, step_input

FOLDER = "/data/schedules"  # where the scheduler notes which times it has seen to, and how runs ended
GRACE = 30  # seconds after the time-out of a run, in which it is killed and recorded
START_TIMEOUT = 60  # seconds


class Schedules(pulumi.ComponentResource):
    """One container, which moves to a new image only after the site did.

    A deploy neither kills a run nor starts it twice: the old scheduler begins no more of them, and ends when those that
    go on have ended, at the latest after the longest time-out; the new one makes up for what came due meanwhile. What
    is noted of them is in a volume, so that it outlives the container.
    """

    def __init__(
        self,
        name: str,
        context: LocalContext,
        release: Release,
        web: Web,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("django-stack:local:Schedules", name, None, opts)
        settings, environment = context.settings, release.environment
        own = pulumi.ResourceOptions(parent=self)
        volume = docker.Volume(
            f"{name}-records", name=f"{settings.prefix}-schedules", labels=label_args(settings), opts=own
        )
        writable = command.local.Command(
            f"{name}-writable",
            create=step_command("infra.local.steps.make_writable"),
            update="exit 0",  # a new image changes nothing in the volume
            add_previous_output_in_env=False,
            stdin=step_input(
                MakeWritableRequest,
                volume=volume.name,
                image=release.image.id,
                mounted=settings.mount_source,
                labels=labels(settings),
            ),
            triggers=[volume.id, settings.mount_source],
            opts=own,
        )
        longest = max((one.timeout for one in settings.schedules.values() if one.enabled), default=0)
        app = app_container(context, release, environment, "scheduler")
        app["volumes"] = [*app["volumes"], {"volume_name": volume.name, "container_path": FOLDER}]
        container = docker.Container(
            name,
            name=f"{settings.prefix}-scheduler",
            **app,
            command=["python", "-m", "django_stack.scheduler", FOLDER, as_json(settings.schedules.values())],
            labels=label_args(settings),
            healthcheck={
                "tests": ["CMD", "python", "-m", "django_stack.scheduler", "healthy", FOLDER],
                "interval": CHECKED_EVERY,
                "timeout": "10s",
                "retries": 3,
                "start_period": "10s",
            },
            stop_signal="SIGTERM",  # the image's own may be the web server's
            stop_timeout=longest + GRACE,
            destroy_grace_seconds=longest + GRACE,
            opts=container_options(self, depends_on=[release, web, writable]),
        )
        command.local.Command(
            f"{name}-started",
            create=step_command("infra.local.steps.scheduler"),
            add_previous_output_in_env=False,
            stdin=step_input(
                SchedulerRequest,
                container=container.id,
                folder=FOLDER,
                timeout=START_TIMEOUT,
                secrets=environment.secret_values,
            ),
            opts=pulumi.ResourceOptions(parent=self, additional_secret_outputs=["stdout", "stderr"]),
        )
        self.id: pulumi.Output[str] = container.id
        self.register_outputs({"id": self.id})


def as_json(schedules: Iterable[ScheduleSettings]) -> str:
    """The schedules as the package's scheduler reads them, the same for the same settings."""
    return json.dumps(
        {
            one.name: {
                "command": list(one.command),
                "cron": one.cron,
                "timezone": one.timezone,
                "timeout": one.timeout,
                "enabled": one.enabled,
            }
            for one in schedules
        },
        sort_keys=True,
    )
