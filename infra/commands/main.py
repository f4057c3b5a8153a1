"""`django-stack`: the commands for a running stack. Each is a module in this folder, imported when it is run."""

import signal
import sys
from importlib import import_module

import click

COMMANDS = {
    "ready": "Show where the site is and what to do next.",
    "status": "Say what runs, and how it is.",
    "doctor": "Find out what is wrong with a running stack.",
    "compare": "Say how two running stacks differ.",
    "logs": "Show and follow what the containers print.",
    "manage": "Run a Django management command.",
    "run": "Run any command in a one-off container.",
    "shell": "Open a shell in a one-off container.",
    "psql": "Open a prompt of the database.",
    "tunnel": "Lead the database to this machine, for other programs.",
    "schedule": "List the schedules with their last runs, or run one.",
    "versions": "List the versions that a stack can run.",
    "rollback": "Run an earlier version again.",
    "promote": "Run one stack's version on another one.",
    "maintenance": "Show visitors a page instead of the site, for a while.",
    "copy": "Copy one stack's database and media into another one.",
    "data": "Show and remove what copies left behind.",
    "dump": "Write a stack's data into one file.",
    "load": "Replace a stack's data with those in a file.",
    "backup": "Look whether a backup can be used.",
    "restore": "Show what a database can go back to, and go back.",
    "upgrade-database": "Move a local stack to a newer PostgreSQL.",
    "repair": "Repair what a killed pulumi left behind.",
    "base-image": "Pin the newest base image of a stack.",
    "clean": "Remove the images of all of this project's stacks.",
    "adopt": "Bring your own Django project to a stack.",
    "new": "Begin a Django project on a stack of its own.",
    "wheel": "Write the package that a project installs.",
    "rehearse": "Try the cloud stack on this machine.",
}
# In the help, by the first command below each.
HEADINGS = {
    "ready": "See what runs, and what is wrong",
    "manage": "Run something in it",
    "versions": "What visitors get",
    "copy": "Data",
    "repair": "Mend and clean up",
    "adopt": "Begin",
}


class Commands(click.Group):
    """The modules of this folder that COMMANDS lists. Each has a click command named `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"infra.commands.{cmd_name.replace('-', '_')}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"There is no command {args[0]}. There are: {', '.join(COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        names = list(COMMANDS)
        begins = [*(names.index(first) for first in HEADINGS), len(names)]
        width = max(map(len, names))
        for heading, begin, end in zip(HEADINGS.values(), begins, begins[1:], strict=False):
            with formatter.section(heading):
                formatter.write_dl([(f"{name:<{width}}", COMMANDS[name]) for name in names[begin:end]])


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Operates a stack of the project in the working directory, after `pulumi up` created it.

    \b
    Example:
      django-stack manage createsuperuser          the first login
      django-stack doctor -s cloud                 a page answers with an error: why?
      django-stack logs -s cloud --level error     the traceback of an error 500
      django-stack rollback -s cloud               the version before, without a build

    \b
    For tab completion of commands and stacks, add a line to your shell's start-up file:
      bash  eval "$(_DJANGO_STACK_COMPLETE=bash_source django-stack)"
      zsh   eval "$(_DJANGO_STACK_COMPLETE=zsh_source django-stack)"
      fish  _DJANGO_STACK_COMPLETE=fish_source django-stack | source
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> None:
    """Ends with the exit status of the command; 2 for a wrong command line, 130 after Ctrl-C.

    SIGTERM and a closed terminal end a command as Ctrl-C does, with what it started; under nohup it outlives the
    terminal.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        status = cli.main(prog_name="django-stack", standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"{error.format_message()} (django-stack --help)", err=True)
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)
