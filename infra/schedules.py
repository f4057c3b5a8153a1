"""The setting `schedules`: commands that run at their times, from the same image with the same environment."""

from dataclasses import dataclass

from infra.setting_kinds import Boolean, Command, Cron, Entries, Integer, TimeZone, setting

LONGEST_RUN = 86400  # seconds
SKIPPED = 75  # the exit status of a run that found the one before it still going on (django_stack.once)


@dataclass(frozen=True)
class ScheduleSettings:
    """A schedule of the stack. `timeout` is in seconds."""

    name: str
    command: tuple[str, ...] = setting(
        Command(required=True),
        None,
        'What it runs, never twice at the same time; shell syntax ($X, &&) needs sh -c "...".',
    )
    cron: str = setting(Cron(), None, "When it runs, in quotes, since YAML gives * a meaning of its own.")
    timezone: str = setting(
        TimeZone(),
        "UTC",
        "The time zone of cron. A time that clocks skip in spring is left out, and one that comes twice in autumn "
        "counts once.",
    )
    timeout: int = setting(
        Integer(1, LONGEST_RUN, "seconds"),
        3600,
        "Seconds that a run may take before it gets SIGTERM, and SIGKILL ten seconds later.",
    )
    enabled: bool = setting(
        Boolean(), True, "Whether it runs by itself; by hand (django-stack schedule run) it does in any case."
    )


SCHEDULES: Entries[ScheduleSettings] = Entries(ScheduleSettings, "schedule")


def once(schedule: ScheduleSettings) -> list[str]:
    """The words of the command under the package's lock, of which a run consists wherever it is started."""
    words = ["python", "-m", "django_stack.once", "--timeout", str(schedule.timeout), schedule.name, "--"]
    return [*words, *schedule.command]
