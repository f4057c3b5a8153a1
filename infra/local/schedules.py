"""The scheduler: a process of the app's image that runs the stack's `schedules` at their times."""

import json
import os
from collections.abc import Iterable

import pulumi
import pulumi_command as command
import pulumi_docker as docker
from pulumi_docker import ContainerVolumeArgsDict

from infra.environment import AppEnvironment
from infra.local.containers import container_options
from infra.local.context import LocalContext
from infra.local.database import Database
from infra.local.labels import label_args
from infra.local.release import Release
from infra.local.requests import MakeWritableRequest, SchedulerRequest
from infra.local.source import source_mounts
from infra.local.storage import MediaStorage, media_volumes
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
        environment: AppEnvironment[Database, MediaStorage],
        release: Release,
        web: Web,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("django-stack:local:Schedules", name, None, opts)
        settings, own = context.settings, pulumi.ResourceOptions(parent=self)
        volume = docker.Volume(
            f"{name}-records", name=f"{settings.prefix}-schedules", labels=label_args(settings), opts=own
        )
        writable = command.local.Command(
            f"{name}-writable",
            create=step_command("infra.local.steps.make_writable"),
            update="exit 0",  # a new image changes nothing in the volume
            add_previous_output_in_env=False,
            stdin=step_input(
                MakeWritableRequest, volume=volume.name, image=release.image.id, mounted=settings.mount_source
            ),
            triggers=[volume.id, settings.mount_source],
            opts=own,
        )
        records: ContainerVolumeArgsDict = {"volume_name": volume.name, "container_path": FOLDER}
        longest = max((one.timeout for one in settings.schedules.values() if one.enabled), default=0)
        container = docker.Container(
            name,
            name=f"{settings.prefix}-scheduler",
            image=release.image.id,
            command=["python", "-m", "django_stack.scheduler", FOLDER, as_json(settings.schedules.values())],
            envs=[pulumi.Output.concat(key, "=", value) for key, value in environment.variables.items()],
            user=f"{os.getuid()}:{os.getgid()}" if settings.mount_source else None,
            init=True,  # passes SIGTERM on to the scheduler alone, and not to its runs
            volumes=[*media_volumes(settings), records],
            mounts=source_mounts(settings, release.image),
            network_mode="bridge",
            networks_advanced=[{"name": context.network.name, "aliases": ["scheduler"]}],
            labels=label_args(settings),
            healthcheck={
                "tests": ["CMD", "python", "-m", "django_stack.scheduler", "healthy", FOLDER],
                "interval": "30s",
                "timeout": "10s",
                "retries": 3,
                "start_period": "10s",
            },
            restart="unless-stopped",
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
                secrets=[environment.secret[key] for key in sorted(environment.secret)],
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
