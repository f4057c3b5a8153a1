"""What steps print comes as UTF-8, whatever the user's locale is."""

import json
import subprocess
import sys

import pytest

STEP = """
import sys
from dataclasses import dataclass, field
from infra.steps import SECRET, PassedOn, StepRequest, quoted, read_request

@dataclass(frozen=True, kw_only=True)
class Request(StepRequest):
    secrets: list[str] = field(repr=False, metadata=SECRET)

output = PassedOn(read_request(Request).secret_values(), 5)
output.feed("\\u2713 Gr\\u00f6\\u00dfe, keys1234567890abc\\n".encode())
sys.exit("failed:" + quoted(output.last_lines()))
"""


@pytest.mark.report("hashicorp-vault-plugin#182")
@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
    ids=str,
)
def test_marks_that_the_locale_lacks_end_no_release(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STEP],
        input=json.dumps({"secrets": ["keys1234567890abc"]}).encode(),
        capture_output=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert done.stdout.decode() == "✓ Größe, [secret]\n"
    assert done.stderr.decode().strip() == "failed: Its last lines:\n  | ✓ Größe, [secret]"
