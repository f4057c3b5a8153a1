"""Runs one Pulumi program; started by the language host with the Python of the *program's* virtual environment.

It may import nothing but the standard library and that environment's `pulumi`, and lies in a folder of its own because
a script's folder is where Python looks for modules first. The only argument is a JSON object: monitor, engine
(addresses), project, stack, organization, root_directory, pwd, dry_run, parallel, program. Config comes in environment
variables.
"""

import asyncio
import gc
import json
import logging
import os
import runpy
import signal
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ALREADY_SHOWN = 32  # exit code: the user has seen an error


def main() -> int:
    """Run the program; return the exit code."""
    # An interrupted program has nothing to say: what went wrong was shown by the engine.
    signal.signal(signal.SIGINT, lambda *_: os._exit(ALREADY_SHOWN))
    arguments: dict[str, Any] = json.loads(sys.argv[1])
    sys.argv[1:] = []
    sys.path[:1] = []  # this script's folder
    try:
        import pulumi
        import pulumi.runtime
    except ImportError:
        traceback.print_exc()
        print(f"The Pulumi SDK is not installed for {sys.executable}: pip install pulumi", file=sys.stderr)
        return ALREADY_SHOWN
    pulumi.runtime.set_all_config(pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env())
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            **{
                name: arguments[name] or None
                for name in ("monitor", "engine", "project", "stack", "parallel", "organization", "root_directory")
            },
            dry_run=arguments["dry_run"],
        )
    )
    if arguments["pwd"]:
        os.chdir(arguments["pwd"])
    program = Path(arguments["program"]).resolve()
    if program.is_dir() and not (program / "__main__.py").exists():
        pulumi.log.error(f"there is no __main__.py in {program}")
        return ALREADY_SHOWN
    sys.argv[0] = arguments["program"]
    # Resources that fail leave futures that nobody awaits; asyncio's complaints would bury the real error.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    executor = ThreadPoolExecutor(max_workers=4 * max(1, arguments["parallel"] or 1))
    loop.set_default_executor(executor)

    def run() -> None:
        runpy.run_path(arguments["program"], run_name="__main__")

    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(run))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return ALREADY_SHOWN
    except Exception as error:
        pulumi.log.error(f"Program failed with an unhandled exception:\n{_user_traceback(error, program)}")
        return ALREADY_SHOWN
    else:
        return 0
    finally:
        executor.shutdown()
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()


def _user_traceback(error: Exception, program: Path) -> str:
    """The traceback from the program's own first line on."""
    main_file = program / "__main__.py" if program.is_dir() else program
    frames = traceback.extract_tb(error.__traceback__)
    for index, frame in enumerate(frames):
        if Path(frame.filename).resolve() == main_file:
            return "".join(traceback.format_exception(error, limit=index - len(frames)))
    return "".join(traceback.format_exception(error))


if __name__ == "__main__":
    # SDKs are many objects that stay. Looking through them, time and again and once more at the end, takes a seventh of
    # the time that a program needs.
    gc.set_threshold(50_000, 20, 20)
    code = main()
    gc.freeze()
    sys.exit(code)
