"""Prints what the program of this checkout registers under mocks, as JSON: `python -m tests.infra.registered local`.

In a process of its own, so that a copy of the project runs its own code.
"""

import asyncio
import json
import sys

import pytest

from tests.infra.conftest import run_program


def main() -> None:
    """The first argument is the platform, the second one its settings as JSON."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    with pytest.MonkeyPatch.context() as patch:
        run = run_program(loop, patch, json.loads(sys.argv[2]), platform=sys.argv[1])
    print(json.dumps({resource.name: resource.inputs for resource in run.resources.values()}, sort_keys=True))


if __name__ == "__main__":
    main()
