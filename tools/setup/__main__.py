"""Prepares this machine: `python3 tools/setup local` or `cloud` for `pulumi up`, `rehearse` for a rehearsal of the
cloud, `test` or `unit` for the tests.

It needs only the standard library of the system's own Python. What is installed already is used. What is missing is
installed once, from the official source, or built where the network reaches only package mirrors. On a prepared machine
it takes less than a second. Single steps work, too: `python3 tools/setup images`.

Environment: STACK (default `local`), INSTALL_DOCKER=0 (never install or start a Docker engine), DEBIAN_MIRROR (for
images that are built here), XDG_CACHE_HOME (what is built is kept there, for all checkouts).
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path


def use_new_enough_python() -> None:
    """Continues in a newer Python of this machine if the one that runs this is too old for the project."""
    if sys.version_info >= (3, 11):  # noqa: UP036  (this very file may be run by an older one)
        return
    for name in ("python3.13", "python3.12", "python3.11", "python3.14"):
        python = shutil.which(name)
        if python and subprocess.call([python, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            os.execv(python, [python, *sys.argv])
    print(f"error      Python 3.11 or newer is needed, this is {sys.version.split()[0]}.", file=sys.stderr)
    print("           Install one (as python3.13, say), then try again.", file=sys.stderr)
    sys.exit(1)


use_new_enough_python()
# The project's folder comes first, whether this runs as a folder or as a module.
sys.path[0] = str(Path(__file__).resolve().parents[2])

from tools.setup import engine, images, plugins, pulumi_cli, stack, testkit, virtualenv  # noqa: E402
from tools.setup.machine import CommandError, Machine, SetupError  # noqa: E402

STEPS = {
    "engine": engine.ensure,
    "python": virtualenv.ensure_infra,
    "python-cloud": virtualenv.ensure_cloud,
    "python-dev": virtualenv.ensure_dev,
    "pulumi": pulumi_cli.ensure,
    "plugins": plugins.ensure,
    "plugin-aws": plugins.ensure_aws,
    "images": images.ensure,
    "all-images": images.ensure_all,
    "stack": stack.ensure,
    "testkit": testkit.ensure,
}
# The engine comes first, so that problems which only a person can solve are reported before minutes are spent.
TARGETS = {
    "local": ["engine", "python", "pulumi", "plugins", "images", "stack"],
    "cloud": ["engine", "python-cloud", "pulumi", "plugins"],
    "rehearse": ["engine", "python-cloud", "pulumi", "plugins", "plugin-aws", "images"],
    "test": ["engine", "testkit", "python-dev", "pulumi", "plugins", "plugin-aws", "all-images"],
    "unit": ["python-dev"],
}


def main() -> int:
    """Runs the requested steps; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="tools/setup", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = f"one of {', '.join(TARGETS)} (default: local), or single steps of {', '.join(STEPS)}"
    parser.add_argument("wanted", nargs="*", default=["local"], metavar="STEP", help=what)
    parser.add_argument("--stack", default=os.environ.get("STACK") or "local", help="the stack that is created")
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.wanted if name not in TARGETS and name not in STEPS]:
        parser.error(f"no such step: {', '.join(unknown)}; there are {', '.join([*TARGETS, *STEPS])}")

    for stream in (sys.stdout, sys.stderr):  # what programs print may not fit the locale
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    machine = Machine(stack=arguments.stack)
    steps = dict.fromkeys(step for name in arguments.wanted for step in TARGETS.get(name, [name]))
    try:
        for machine.step in steps:
            STEPS[machine.step](machine)
    except KeyboardInterrupt:
        machine.fail("interrupted", "Run it again: it continues where it stopped.")
        return 130
    except (SetupError, CommandError, OSError) as error:
        if arguments.debug:
            raise
        machine.fail(str(error), getattr(error, "remedy", "") or "`--debug` shows where this error comes from.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
