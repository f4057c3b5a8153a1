"""The processes and schedules of the stack, as compose, a Procfile and the project's code have them."""

import re
from dataclasses import dataclass, field, replace

from infra.adoption import dockerfile
from infra.adoption.commands import portable, split_words
from infra.adoption.dependencies import Dependencies
from infra.adoption.dockerfile import OwnDockerfile
from infra.adoption.programs import programs
from infra.adoption.schedules import Job, read_jobs
from infra.adoption.services import Services
from infra.adoption.tree import Tree, dotted_name
from infra.processes import TAKEN

# Which words of a command say what it is; what isn't in here is named, and left to the project's owner.
_KINDS = {
    "worker": r"\bcelery\b.*\bworker\b|db_worker|rqworker|\brq worker|qcluster|procrastinate.*\bworker|rundramatiq|"
    r"\bdramatiq\b|run_huey|huey_consumer|process_tasks|\barq\b|taskiq worker|django_q",
    "beat": r"\bcelery\b.*\bbeat\b|rqscheduler|rq_scheduler",
}
_WEB_PAGE = re.compile(r"\bflower\b|jupyter|nginx|mailhog|vite|npm run (?:dev|start|watch)|docs|sphinx|storybook")
_WEB = re.compile(r"runserver|gunicorn|uvicorn|uwsgi|daphne|granian|hypercorn|waitress|mod_wsgi")
_NAME = re.compile(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,31}")
_LONGEST = 24  # characters of a name that is made of another
_LASTING = "process"  # the kind of a management command that something keeps running


@dataclass(frozen=True)
class Process:
    """A command line for the setting `processes`, with the reason why it is there."""

    name: str
    command: str
    source: str
    stop_timeout: int = 0  # seconds; 0 for the setting's own default
    is_beat: bool = False


@dataclass(frozen=True)
class Found:
    """What was found to run beside the web, and what wasn't taken over, with the reason."""

    processes: list[Process] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    celery: str = ""  # the dotted module of Celery's app
    uses_redis: bool = False


def read_processes(
    tree: Tree,
    own: OwnDockerfile,
    services: Services,
    dependencies: Dependencies,
    roots: list[str],
    settings: str,
    chain: list[str],
) -> Found:
    processes: dict[str, Process] = {}
    left: list[str] = []
    for command in [*services.commands, *programs(tree)]:
        line = _resolved(tree, own, command.line)
        kind = _kind(line) or (_LASTING if command.lasting and _is_lasting(line) else "")
        if kind and not any(_is_same(one, line, command.source) for one in processes.values()):
            name = _named(kind, _command_name(line) if kind == _LASTING else command.name, processes)
            processes[name] = Process(name, line, command.source, 60 if kind == "worker" else 0, kind == "beat")
        elif not kind and line and not _WEB.search(line) and not _known(command.name, line):
            left.append(f"{command.name} ({command.source}) runs `{line}`: the stack has no process for it")
        elif _WEB_PAGE.search(f"{command.name} {line}") and not any(one.startswith(f"{command.name} ") for one in left):
            left.append(_page(command.name, command.source))
    celery = _celery_module(tree, roots) if "celery" in dependencies else ""
    if celery and not any("celery" in one.command for one in processes.values()):
        processes["worker"] = Process("worker", f"celery -A {celery} worker --concurrency 2", "the Celery app", 60)
    beats = _beats(tree, dependencies, settings)
    if celery and beats and not any(_is_beat(one) for one in processes.values()):
        options = " -S redbeat.RedBeatScheduler" if beats == "redbeat" else ""
        processes["beat"] = Process("beat", f"celery -A {celery} beat{options}", "the project's schedule", is_beat=True)
    left += [_page(name, "compose") for name in services.images if _WEB_PAGE.search(name)]
    redis = any("redis" in image or "valkey" in image for image in services.images.values())
    jobs = read_jobs(tree, dependencies, chain)
    left = list(dict.fromkeys([*left, *jobs.left]))
    return Found([_writable(one, beats) for one in processes.values()], left, jobs.jobs, celery, redis)


def _page(name: str, source: str) -> str:
    return f"{name} ({source}) has a page of its own for developers: the stack publishes the site alone"


def _known(name: str, line: str) -> bool:
    """Commands of compose that the stack does by itself, or that are a page for developers."""
    words = r"\b(?:migrate|collectstatic|wait-for)\b|^(?:\S*/)?(?:crond?|supercronic|supervisord)\b"
    return bool(_WEB_PAGE.search(f"{name} {line}") or re.search(words, line))


def _is_lasting(line: str) -> bool:
    """Whether a command that its source keeps running is one of the project's own."""
    return bool(re.match(r"python manage\.py \w", line)) and not _WEB.search(line) and not _known("", line)


def _command_name(line: str) -> str:
    """The name of the management command."""
    return line.partition("manage.py ")[2].split()[0].replace("_", "-")


def _is_same(process: Process, line: str, source: str) -> bool:
    """Whether it is the same command, or the same work that another file says in other words."""
    return process.command == line or (process.source != source and _work(process.command) == _work(line))


def _work(line: str) -> tuple[str, ...]:
    """What a command works on: an app of Celery with its queues, or a management command with its arguments."""
    words = split_words(line)
    if kind := re.search(r"\bcelery\b.*\b(worker|beat)\b", line):
        queues = [words[at + 1] for at, word in enumerate(words[:-1]) if word in {"-Q", "--queues"}]
        return ("celery", kind[1], *queues, *(word for word in words if word.startswith("--queues=")))
    if "manage.py" in words:
        return tuple(word for word in words[words.index("manage.py") :] if not word.startswith("-"))
    return (line,)


def _resolved(tree: Tree, own: OwnDockerfile, line: str) -> str:
    """The line as the settings take it, or what the script that it names runs in the end; as it is, if they can't."""
    plain = portable(line) or line
    parts = split_words(plain)
    if len(parts) == 1 and (parts[0].startswith("/") or parts[0].endswith(".sh") or parts[0].startswith("./")):
        inner = dockerfile.script(tree, own, parts[0])
        return portable(inner) or inner or plain
    return plain


def _kind(line: str) -> str:
    if re.search(r"\bflower\b", line):
        return ""
    return next((kind for kind, expression in _KINDS.items() if re.search(expression, line)), "")


def _named(kind: str, name: str, taken: dict[str, Process]) -> str:
    """The name of the process: worker or beat, or else that of the file."""
    own = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST].strip("-")
    first = (own, kind) if kind == _LASTING else (kind, own)
    for proposed in (*first, f"{kind}-{own}", f"{kind}-{len(taken)}"):
        if proposed not in taken and proposed not in TAKEN and _NAME.fullmatch(proposed):
            return proposed
    return f"{kind}-{len(taken) + 1}"


def _celery_module(tree: Tree, roots: list[str]) -> str:
    for path in tree.python_files:
        if re.search(r"^\s*\w+\s*(?::[^=\n]+)?=\s*(?:celery\.)?Celery\(", tree.text(path), re.MULTILINE):
            root = max((root for root in roots if not root or path.startswith(f"{root}/")), key=len, default=None)
            if root is not None and "test" not in path:
                return dotted_name(path, root)
    return ""


def _beats(tree: Tree, dependencies: Dependencies, settings: str) -> str:
    """How a schedule of Celery is kept: in the database, by redbeat, in a file; nothing without one."""
    if "DatabaseScheduler" in settings or "django-celery-beat" in dependencies:
        return "database"
    if "RedBeatScheduler" in settings:
        return "settings"
    scheduled = re.search(r"beat_schedule|BEAT_SCHEDULE|add_periodic_task", settings) or any(
        re.search(r"beat_schedule\s*=|add_periodic_task\(", tree.text(path)) for path in tree.python_files
    )
    if "celery-redbeat" in dependencies:
        return "redbeat" if scheduled else ""
    return "file" if scheduled else ""


def _is_beat(process: Process) -> bool:
    return process.is_beat or bool(re.search(r"\s(?:--beat|-B)\b", process.command))


def _writable(process: Process, beats: str) -> Process:
    """Beat's schedule file goes to /tmp, since the rest of a container is read-only in the cloud."""
    own = re.search(r"\s(?:-s|--schedule|-S|--scheduler)[ =]", process.command)
    if process.is_beat and beats == "file" and not own and "celery" in process.command:
        return replace(process, command=f"{process.command} --schedule /tmp/celerybeat-schedule")
    return process
