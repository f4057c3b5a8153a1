"""The Pulumi program: one Django image, two homes."""

import atexit
import gc
import os

from infra.loopback import ask_directly

ask_directly(os.environ)
# The SDKs create many objects that live until the end of a short program. So the garbage collector runs less often, and
# not at exit. That saves a tenth of the time of an `up` with nothing to do.
gc.set_threshold(50_000, 20, 20)
atexit.register(gc.freeze)
