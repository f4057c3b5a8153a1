"""The setting `processes`: what runs beside the web, from the same image with the same environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.setting_kinds import Command, Entries, Env, Integer, setting

# What the stack's own containers, services and one-off tasks are called, or may be called one day.
TAKEN = frozenset(
    {
        "cache",
        "database",
        "mail",
        "maintenance",
        "media",
        "media-files",
        "migrate",
        "release",
        "run",
        "schedule",
        "scheduler",
        "shell",
        "web",
    }
)
LONGEST_STOP = 120  # seconds, the most that Fargate allows


@dataclass(frozen=True)
class ProcessSettings:
    """A process of the stack. `stop_timeout` is in seconds, `memory` in MiB, `secret_env` the names in `env` whose
    values are secret.
    """

    name: str
    secret_env: frozenset[str]
    command: tuple[str, ...] = setting(
        Command(required=True),
        None,
        'What it runs in place of the image\'s own CMD; shell syntax ($X, &&) needs sh -c "exec ...", since SIGTERM '
        "has to reach the program itself.",
    )
    count: int = setting(
        Integer(1, 100, "a number of containers"),
        1,
        "Number of containers. One, without max, is never two at the same moment, as a scheduler needs it.",
    )
    max: int = setting(
        Integer(1, 100, "a number of containers", zero="for no autoscaling"),
        0,
        "Number of containers up to which autoscaling by CPU may go; 0 for none.",
        only="cloud",
    )
    cpu: int = setting(
        Integer(256, 16384, "Fargate's CPU units, 1024 for one vCPU", zero="for that of the setting cpu"),
        0,
        "CPU units of a container; 0 for that of the setting cpu.",
        only="cloud",
    )
    memory: int = setting(
        Integer(512, 122880, "MiB", zero="for that of the setting memory"),
        0,
        "Memory of a container in MiB; 0 for that of the setting memory.",
        only="cloud",
    )
    connections: int = setting(
        Integer(1, 1000, "a number of connections", zero="for a process without a database"),
        6,
        "Database connections that a container opens at most, its library's pool and one for each thread or child "
        "process that works; counted against the connections that database-class has.",
        only="cloud",
    )
    stop_timeout: int = setting(
        Integer(1, LONGEST_STOP, "seconds"),
        30,
        "Seconds after SIGTERM in which it ends by itself, before it is killed.",
    )
    env: Mapping[str, str] = setting(
        Env(),
        {},
        "Environment variables of this process alone, beside those of the setting env, by the same rules.",
        secret=True,
    )

    @property
    def is_single(self) -> bool:
        """Whether there are never two of it at the same moment."""
        return self.count == 1 and not self.max

    @property
    def most(self) -> int:
        """The number of containers up to which autoscaling may go."""
        return max(self.count, self.max)


PROCESSES: Entries[ProcessSettings] = Entries(ProcessSettings, "process", TAKEN)
