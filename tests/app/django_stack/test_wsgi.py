"""The application of the package, for projects whose own wsgi.py can't be served."""

import subprocess
import sys

from tests import ROOT


def test_it_is_served_with_the_settings_that_the_environment_names() -> None:
    code = "from django_stack.wsgi import application; print(type(application).__name__)"
    environ = {"PYTHONPATH": str(ROOT / "app"), "DJANGO_SETTINGS_MODULE": "config.settings"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False)
    assert "SECRET_KEY" in done.stdout + done.stderr, "the package's refusal, so its settings are in force"
