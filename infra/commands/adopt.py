"""`django-stack adopt`: writes what somebody's Django project needs on a stack, and proves it."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path

import click

from infra import fixes
from infra.adoption.choices import Choices, ask, defaults, stack_name
from infra.adoption.contract import Contract, extras, had_cache
from infra.adoption.files import Planned, State
from infra.adoption.images import usable
from infra.adoption.planning import Plan, plan
from infra.adoption.project import AdoptionError, Project, read_project
from infra.adoption.proof import ProofError, is_made, prove
from infra.adoption.server import asgi_server
from infra.adoption.stack_settings import free_ports, platform_in, project_in, project_name
from infra.checkout import ROOT
from infra.cloud.names import CloudNames
from infra.names import Names
from infra.plain import without_escapes
from infra.setting_kinds import declared
from infra.settings import PLATFORMS, Settings
from infra.stack_file import StackFile
from infra.wheel import WheelError, wheel


@click.command
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--stack", metavar="NAME", default="", help="The new stack's name; else that of the folder.")
@click.option(
    "--platform",
    type=click.Choice(PLATFORMS),
    default="local",
    help="Where the stack will be; for the cloud, AWS, it writes the files alone.",
)
@click.option("--settings", metavar="MODULE", default="", help="The settings module that production runs with.")
@click.option("--python-image", metavar="IMAGE", default="", help="The base image; else that of the project's Python.")
@click.option("--yes", is_flag=True, help="Ask nothing: take the defaults, and write.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@click.option("--no-prove", is_flag=True, help="Write the files alone; build and start nothing.")
def command(  # click passes them by name
    path: Path,
    stack: str,
    platform: str,
    settings: str,
    python_image: str,
    yes: bool,
    dry_run: bool,
    no_prove: bool,
) -> int:
    """Reads the Django project in PATH, writes what it needs on a stack, and proves that it runs there.

    Nothing of the project is changed or run on this machine: there are only new files beside its own. It asks four
    things at most, shows what it is going to write, then builds the image, brings the stack up and looks at the home
    page, the admin, a static file and an upload. Run again, it changes nothing; a file that you edited is left alone.

    \b
    Example:
      django-stack adopt ../shop
      django-stack adopt ../shop --dry-run
      django-stack adopt ../shop --platform cloud
    """
    folder, here = path.resolve(), Path.cwd()
    if not folder.is_dir():
        raise click.ClickException(f"There is no folder {path}. Fix: name the folder of a Django project")
    checkout = here if (here / "Pulumi.yaml").is_file() else ROOT
    stack = _stack(stack, folder, platform, checkout)
    try:
        project = read_project(folder, settings)
        asks = not yes and not dry_run and sys.stdin.isatty()
        if asks and not settings and not project.modules.sure and len(project.modules.candidates) > 1:
            named = click.prompt(
                f"Which settings does production run with ({', '.join(project.modules.candidates)})?",
                default=project.settings,
            )
            project = read_project(folder, named)
        choices = _choices(project, stack, platform, python_image, asks=asks, pulls=not dry_run)
        planned = _planned(project, choices, checkout)
    except (AdoptionError, WheelError) as error:
        raise click.ClickException(str(error)) from None
    _show(planned)
    states = {one.path: one.state() for one in planned.files}
    foreign = [file for file, state in states.items() if state is State.FOREIGN]
    if foreign:
        flags = [name for name, given in (("--yes", yes), ("--dry-run", dry_run), ("--no-prove", no_prove)) if given]
        again = ["--platform", platform, *flags] if platform == "cloud" else flags
        again = [*again, "--stack", _free_name(stack, platform, checkout)]
        raise click.ClickException(
            f"Not written by adopt, so nothing was written: {', '.join(map(str, foreign))}. "
            f"Fix: {_fix(foreign, _file(checkout, stack), _adopt(path, project, python_image, *again))}"
        )
    wanted = [one for one in planned.files if states[one.path] in (State.NEW, State.CHANGED)]
    for one in wanted if dry_run or asks else []:
        click.echo(one.diff())
    if dry_run:
        _show_left(planned, "the same without --dry-run" if wanted else _first(choices, checkout))
        click.echo(f"{len(wanted)} files would be written; nothing was.")
        return 0
    if wanted and asks and not click.confirm("Write these files?", default=True):
        return 1
    _write(planned.files, states)
    if no_prove or not choices.is_local:
        _end(planned, choices, _first(choices, checkout))
        return 0
    try:
        prove(choices, project.admin, checkout, click.echo)
    except ProofError as error:
        click.echo(f"Not proved: {error}", err=True)
        _end(planned, choices, _first(choices, checkout))
        return 1
    _end(planned, choices)
    to_aws = _adopt(path, project, python_image, "--platform", "cloud")
    click.echo(f"To AWS: {to_aws} (docs/adopt.md)")
    return 0


def _stack(name: str, folder: Path, platform: str, checkout: Path) -> str:
    """The stack's name: the one that was given, if the platform takes it, or one that is made of the folder's."""
    names = CloudNames if platform == "cloud" else Names
    made = stack_name(folder.name) + ("-cloud" if platform == "cloud" else "")
    _, proposed = names(project_name(checkout), name or made).proposed()
    if name and name != proposed:
        raise click.ClickException(f"{name} can't be the name of a stack. Fix: --stack {proposed}")
    there = platform_in(_file(checkout, proposed))
    if there not in ("", platform):
        raise click.ClickException(
            f"The stack {proposed} is on the platform {there} already. Fix: --platform {there}, or another --stack"
        )
    if other := project_in(_file(checkout, proposed), folder):
        moved = fixes.set_value(proposed, "app-path", str(folder))
        raise click.ClickException(
            f"The stack {proposed} serves {other} already. Fix: --stack {_free_name(proposed, platform, checkout)}; "
            f"or, if this is the same project, {moved}"
        )
    return proposed


def _file(checkout: Path, stack: str) -> Path:
    return checkout / f"Pulumi.{stack}.yaml"


def _free_name(stack: str, platform: str, checkout: Path) -> str:
    """A name like the stack's that no stack with a file has."""
    names = CloudNames if platform == "cloud" else Names
    return names(project_name(checkout), stack, taken=StackFile(checkout, stack).stacks()).another()


def _fix(foreign: list[Path], file: Path, again: str) -> str:
    """What to do about files of somebody else's. The stack's stays: a stack that is up may run with it."""
    others = ", ".join(str(one) for one in foreign if one != file)
    if file not in foreign:
        return "rename or remove it"
    return f"rename or remove {others}, then: {again}" if others else again


def _choices(project: Project, stack: str, platform: str, python_image: str, *, asks: bool, pulls: bool) -> Choices:
    chosen = defaults(project, stack, platform)
    if asks:
        chosen = ask(chosen, lambda text, default: click.prompt(text, default=default))
    default = _default("python_image")
    found = python_image or usable(f"python:{project.python}-slim-trixie", default, pulls=pulls)
    postgres = chosen.postgres and f"postgres:{chosen.postgres}-trixie"
    ours = f"postgres:{_default('postgres_version')}-trixie"
    version = usable(postgres, ours, pulls=pulls).removeprefix("postgres:").removesuffix("-trixie") if postgres else 0
    return replace(chosen, python_image=found, postgres=int(version))


def _default(field: str) -> str:
    """The default of a setting of every stack."""
    return str(declared(Settings)[field].default)


def _planned(project: Project, choices: Choices, checkout: Path) -> Plan:
    name, content = wheel()
    contract = Contract(
        name,
        content,
        extras(
            project.dependencies,
            cache=choices.cache or had_cache(project.tree),
            gunicorn=not asgi_server(project.modules, project.dependencies),
        ),
    )
    return plan(project, choices, contract, free_ports(checkout, choices.stack), checkout)


def _show(planned: Plan) -> None:
    for text in planned.said:
        click.echo(f"  {without_escapes(text)}")
    for text in planned.doubts:
        click.echo(f"  not sure {without_escapes(text)}")


def _adopt(path: Path, project: Project, python_image: str, *options: str) -> str:
    """The command for another stack of the project, with what was said of the files that both stacks share."""
    settings = ["--settings", project.settings] if project.is_named else []
    image = ["--python-image", python_image] if python_image else []
    return shlex.join(["django-stack", "adopt", str(path), *settings, *image, *options])


def _write(files: list[Planned], states: dict[Path, State]) -> None:
    for one in files:
        state = states[one.path]
        if state in (State.NEW, State.CHANGED):
            one.write()
        click.echo(f"{state.value:<10} {one.path}")


def _first(choices: Choices, checkout: Path) -> str:
    """What comes before every command for the stack; nothing for one that is made."""
    if is_made(choices.stack, checkout):
        return ""
    if choices.is_local:
        return f"pulumi stack init --no-select {choices.stack}"
    return f"make the stack {choices.stack}, as in docs/cloud.md, step 3"


def _show_left(planned: Plan, first: str) -> None:
    if first:
        click.echo(f"First: {first}")
    if planned.left:
        click.echo("What stays behind:")
        for text in planned.left:
            click.echo(f"  - {without_escapes(text)}")


def _end(planned: Plan, choices: Choices, first: str = "") -> None:
    _show_left(planned, first)
    if choices.is_local:
        name = choices.stack
        click.echo(f"Next: pulumi up -s {name}; django-stack manage -s {name} createsuperuser")
    else:
        click.echo(f"Next: docs/cloud.md, with {choices.stack} as the stack's name in the place of cloud")
