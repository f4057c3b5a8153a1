"""What the commands ask of a stack on this machine's Docker engine."""

import os
import shlex
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING, NoReturn

from docker.errors import APIError, NotFound
from docker.types import LogConfig

from infra import podman
from infra.commands import stack
from infra.commands.operations import RELEASE, LogLine, LogQuery
from infra.commands.operations.local_logs import lines, moment
from infra.commands.operations.local_maintenance import LocalMaintenance
from infra.commands.operations.local_schedules import SCHEDULER, command_of, schedules_of
from infra.commands.operations.local_status import SECONDS, LocalStatus, release_lines
from infra.commands.operations.log_order import in_order, last
from infra.commands.operations.maintenance import Maintenance
from infra.commands.operations.schedules import StackSchedule
from infra.commands.operations.status import PATIENCE, ProcessStatus, Status, ask
from infra.local import asking
from infra.local.labels import PROCESS, PROJECT, STACK, STATE, state
from infra.secret_forms import secret_values

if TYPE_CHECKING:
    from docker.models.containers import Container

WRITES_SOURCE = {"makemigrations", "makemessages", "compilemessages", "squashmigrations", "startapp"}


class StackOperations:
    """Those of a stack on Docker."""

    has_terminal = True

    def __init__(self, name: str, settings: Mapping[str, object]) -> None:
        del settings  # the containers say all
        self._name = name
        self._prefix = f"{stack.project_name()}-{name}"
        self._runs = stack.runs(name)
        self._engine = stack.engine()

    # One-off containers

    def run(
        self, command: Sequence[str], environment: Mapping[str, str], *, timeout: float | None, detach: bool
    ) -> int:
        web = stack.web(self._engine, self._name)
        return self._one_off(web, command, environment, timeout=timeout, detach=detach)

    def schedules(self) -> list[StackSchedule]:
        found = self._engine.containers.list(filters=stack.filters(self._name), ignore_removed=True)
        running = [str(one.id) for one in found]
        return [one for scheduler in self._scheduler() for one in schedules_of(scheduler, running)]

    def run_schedule(self, schedule: str, *, detach: bool) -> int:
        (scheduler,) = self._scheduler()
        words = command_of(scheduler, schedule) or []
        return self._one_off(scheduler, words, {}, timeout=None, detach=detach)

    def _scheduler(self) -> "list[Container]":
        """The scheduler's container, running or not; none in a stack without schedules."""
        filters = {**stack.filters(self._name), "name": f"^/{self._prefix}-{SCHEDULER}$"}
        return self._engine.containers.list(all=True, filters=filters, ignore_removed=True)

    def _one_off(
        self,
        like: "Container",
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        timeout: float | None,
        detach: bool,
    ) -> int:
        """Runs a command in a container of its own that is like another: its image, environment, mounts, network."""
        config, host = like.attrs["Config"], like.attrs["HostConfig"]
        terminal = not detach and sys.stdin.isatty() and sys.stdout.isatty()
        api = self._engine.api
        name = f"{self._runs}{uuid.uuid4().hex[:8]}"
        try:
            container = api.create_container(
                like.attrs["Image"],
                list(command),
                name=name,
                environment=stack.environment(like) | dict(environment),
                user=config["User"],
                volumes=list(config.get("Volumes") or ()),  # those without a name aren't among the binds
                labels={PROJECT: stack.project_name(), STACK: self._name, STATE: state()},
                stdin_open=not detach,
                tty=terminal,
                healthcheck={"test": ["NONE"]},
                host_config=api.create_host_config(
                    binds=host["Binds"],
                    mounts=host.get("Mounts"),
                    network_mode=next(iter(like.attrs["NetworkSettings"]["Networks"])),
                    init=True,  # passes signals on to the command
                    log_config=LogConfig(type="json-file"),
                ),
                use_config_proxy=False,  # the web's environment has no proxies either
            )
        except APIError as error:
            sys.exit(f"The container for the command can't be created: {error.explanation}")
        identity = str(container["Id"])
        if detach:
            self._start(identity)
            print(f"{name}\nIts output and end: {self._attach_line(name)}")
            return 0
        return self._follow(["docker", "start", "--attach", "--interactive", identity], identity, timeout)

    def attach(self, run: str) -> int:
        filters = {**stack.filters(self._name), "name": f"^/{self._runs}"}
        there = self._engine.containers.list(all=True, filters=filters, ignore_removed=True)
        runs = {str(one.name): one for one in there}
        found = runs.get(run)
        if not found:
            sys.exit(f"There is no run {run} of the stack {self._name}. There are: {', '.join(sorted(runs)) or 'none'}")
        client = subprocess.Popen(["docker", "logs", "--follow", str(found.id)])
        try:
            status = client.wait()
        except KeyboardInterrupt:
            client.wait()
            return 130
        status = (128 - status if status < 0 else status) or 1  # the client's, unless it is known how the run ended
        try:
            found.reload()
        except NotFound:  # somebody else waited for it, too, and was told
            print(f"The run {run} has ended, and another --attach has its exit status.", file=sys.stderr)
            return status
        if found.attrs["State"]["Running"]:  # the client ends before the run when nobody reads on, as in a pipe to head
            print(f"The run goes on. Its output and end: {self._attach_line(run)}", file=sys.stderr)
            return status
        self._remove(str(found.id))
        return int(found.attrs["State"]["ExitCode"])

    def manage(self, arguments: Sequence[str], environment: Mapping[str, str]) -> int:
        web = stack.web(self._engine, self._name)
        if arguments[0] in WRITES_SOURCE and not stack.has_source_mounted(web):
            sys.exit(
                f"{arguments[0]} writes source files, and the source isn't mounted into the container. "
                f"Fix: pulumi config set -s {self._name} mount-source true, then pulumi up -s {self._name}"
            )
        options = ["--interactive", *(["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else [])]
        # Only the names: docker takes the values, which include a password, from our environment.
        options += [f"--env={variable}" for variable in environment]
        # exec, so that docker has the terminal, and its exit status is ours.
        line = ["docker", "exec", *options, web.id or "", "python", "manage.py", *arguments]
        os.execvpe("docker", line, {**os.environ, **environment})

    def output(self, command: Sequence[str]) -> tuple[int, str]:
        try:
            status, said, complaints = asking.ask(stack.web(self._engine, self._name), command)
        except APIError as error:  # an update replaces the container at this moment, say
            return 1, str(error.explanation)
        return status, (said + complaints).decode(errors="replace")

    def url(self) -> str:
        return stack.url(self._known("web"))

    def environment(self) -> Mapping[str, str]:
        return stack.environment(self._known("web"))

    def maintenance(self) -> Maintenance | None:
        return self._maintenance.look()

    def set_maintenance(self, wanted: Maintenance | None) -> None:
        self._maintenance.put(wanted)

    @property
    def _maintenance(self) -> LocalMaintenance:
        return LocalMaintenance(self._known("web"), stack.make("local", self._name))

    # Sessions

    def shell(self, command: Sequence[str], limit: float) -> int:
        return self.run(command, {}, timeout=limit, detach=False)

    def psql(self, arguments: Sequence[str], limit: float) -> int:
        del limit  # nobody is billed for it
        container = self._running("database")
        environment = stack.environment(container)
        user = environment.get("POSTGRES_USER", "postgres")
        options = ["--interactive", *(["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else [])]
        line = ["psql", "-U", user, "-d", environment.get("POSTGRES_DB", user), *arguments]
        os.execvp("docker", ["docker", "exec", *options, container.id or "", *line])

    def tunnel(self, port: int, limit: float) -> int:
        del port, limit  # it is published already
        container = self._running("database")
        published = stack.published(container)
        if not published:
            sys.exit(f"The container {container.name} publishes no port. Fix: {stack.make('local', self._name)}")
        environment = stack.environment(container)
        user = environment.get("POSTGRES_USER", "postgres")
        words = f"host=127.0.0.1 port={published} dbname={environment.get('POSTGRES_DB', user)} user={user}"
        print(
            "The local database is on this machine already, without a tunnel:\n\n"
            f'  psql "{words}"\n\n'
            f"Its password is in: pulumi stack output -s {self._name} DATABASE_URL --show-secrets"
        )
        return 0

    def _running(self, process: str) -> "Container":
        """The container of a process that runs; ends the command with one line when it doesn't."""
        container = self._known(process)
        if container.status != "running":
            sys.exit(f"The container {container.name} is not running. Fix: {stack.make('local', self._name)}")
        return container

    def _start(self, identity: str) -> None:
        try:
            self._engine.api.start(identity)
        except APIError as error:
            self._remove(identity)
            sys.exit(f"The command can't be started: {error.explanation}")

    def _follow(self, line: list[str], identity: str, timeout: float | None) -> int:
        """Runs docker's command line, which has the terminal; the exit status of the container, which is removed."""
        process = subprocess.Popen(line)
        is_late = threading.Event()  # Timer's own event comes after the stop, which may be after the process's end

        def end() -> None:
            is_late.set()
            self._stop(identity)

        timer = threading.Timer(timeout or 0, end)
        timer.daemon = True
        if timeout:
            timer.start()
        try:
            status = process.wait()
        except KeyboardInterrupt:  # not with a terminal, which passes Ctrl-C on to the command as a character
            self._stop(identity)
            self._remove(identity)
            process.wait()
            return 130
        if is_late.is_set():
            print(f"The command was ended after {timeout:g} seconds.", file=sys.stderr)
            status = 124
        else:
            timer.cancel()
            self._stop(identity)  # the client ends before the command when nobody reads on, as in a pipe to head
            with suppress(NotFound):  # somebody removed it
                status = int(self._container(identity).attrs["State"]["ExitCode"]) or status
        self._remove(identity)
        return status

    def _container(self, identity: str) -> "Container":
        return self._engine.containers.get(identity)

    def _attach_line(self, run: str) -> str:
        return f"django-stack run -s {self._name} --attach {run}"

    def _stop(self, identity: str) -> None:
        with suppress(APIError):
            self._container(identity).stop(timeout=10)

    def _remove(self, identity: str) -> None:
        try:
            self._engine.api.remove_container(identity, v=True, force=True)
        except APIError as error:
            if error.status_code not in {404, 409}:  # somebody removed it, or is about to
                raise

    # What there is to be seen

    def secrets(self) -> list[str]:
        of_the_app = [self._known("web")]
        of_the_app += [one for found in self._processes().values() for one in found if PROCESS in one.labels]
        return list(dict.fromkeys(value for one in of_the_app for value in secret_values(stack.environment(one))))

    def logs(self, query: LogQuery) -> Iterator[LogLine]:
        if query.processes == (RELEASE,):
            since = query.since
            return last((one for one in release_lines(self._name) if not since or one.time >= since), query.tail)
        processes = self._processes()
        streams = []
        for process in query.processes or sorted(name for name, found in processes.items() if _is_apps(name, found)):
            if process not in processes:
                self._misses(process, sorted(processes))
            streams += [lines(self._engine, process, container, query) for container in processes[process]]
        if not streams:
            self._known("web")
        return last(in_order(streams), None if query.follow else query.tail)

    def status(self, *, cost: bool, patient: bool = False) -> Status:
        del cost  # a local stack has none
        processes = self._processes()
        if "web" not in processes:
            sys.exit(f"The container {self._prefix}-web is not running. Fix: {stack.make('local', self._name)}")
        web = processes["web"][0]
        started = str(web.attrs["State"]["StartedAt"])
        questions = LocalStatus(self._name, {name: found[0] for name, found in processes.items()}).questions()
        return Status(
            url=stack.url(web),
            image=self._image(web),
            since=moment(started) if web.status == "running" else None,
            processes=[
                _process_status(name, found)
                for name, found in sorted(processes.items(), key=lambda one: (one[0] != "web", one[0]))
                if name not in questions or PROCESS in found[0].labels  # a process may be called as a section is
            ],
            sections=ask(questions, PATIENCE * SECONDS if patient else SECONDS),
        )

    def _image(self, web: "Container") -> str:
        """The image by the stack's own tag, since another stack or a registry may have the same image under another."""
        tags = [podman.as_docker(tag) for tag in web.image.tags] if web.image else []
        own = [tag for tag in tags if tag.startswith(f"{stack.project_name()}/{self._name}:")]
        return next(iter([*own, *tags]), str(web.attrs["Image"]))

    def _processes(self) -> dict[str, list["Container"]]:
        """The stack's containers by the process whose instances they are; one-off ones aren't here."""
        found: dict[str, list[Container]] = {}
        there = self._engine.containers.list(all=True, filters=stack.filters(self._name), ignore_removed=True)
        for container in there:
            own = str(container.name).removeprefix(f"{self._prefix}-")
            if not str(container.name).startswith(self._runs):
                found.setdefault(container.labels.get(PROCESS, own), []).append(container)
        return {name: sorted(containers, key=lambda one: str(one.name)) for name, containers in found.items()}

    def _known(self, process: str) -> "Container":
        """The container of a process, running or not; ends the command with one line when there is none."""
        processes = self._processes()
        if process not in processes:
            there = f"There are: {', '.join(sorted(processes))}. " if processes else ""
            sys.exit(f"There is no container {self._prefix}-{process}. {there}Fix: {stack.make('local', self._name)}")
        return processes[process][0]

    def _misses(self, process: str, there: list[str]) -> NoReturn:
        """Ends the command for a process that somebody named and that isn't there, with the logs that are meant."""
        if not there:
            self._known(process)  # the stack isn't up
        meant = get_close_matches(process, [*there, RELEASE], 1)
        fix = shlex.join(["django-stack", "logs", "-s", self._name, *meant])
        sys.exit(f"There is no container {self._prefix}-{process}. There are: {', '.join(there)}. Fix: {fix}")


def _is_apps(process: str, containers: Sequence["Container"]) -> bool:
    """Whether a process is the app's, and no service that it uses."""
    return process == "web" or any(PROCESS in container.labels for container in containers)


def _process_status(process: str, containers: Sequence["Container"]) -> ProcessStatus:
    """All instances of a process together; their health is the worst of them."""
    running = sum(container.status == "running" for container in containers)
    health = {_health(container) for container in containers}
    worst = next((one for one in ("unhealthy", "restarting", "exited", "starting") if one in health), min(health))
    return ProcessStatus(process, running, len(containers), worst)


def _health(container: "Container") -> str:
    state = container.attrs["State"]
    known = str(state.get("Health", {}).get("Status", ""))
    return known if container.status == "running" and known else container.status
