"""The Pulumi program: one Django image, two homes."""

import atexit
import gc
import os

from infra.loopback import ask_directly

ask_directly(os.environ)
# The SDKs are many objects that stay to the end of a short program: Python looks through them less often, and not once
# when it ends. A tenth of the time that `up` with nothing to do takes.
gc.set_threshold(50_000, 20, 20)
atexit.register(gc.freeze)
