"""Pulumi plugins in Python: what `pulumi up` needs on a machine that reaches package mirrors only.

One module a plugin: `language` (pulumi-language-python), `random`, `command`, `docker`. `server` holds what they share,
`values` the wire format of property values, `resource` the base class of a resource type.
"""

import gc

# What is imported stays: looking through it, time and again, is a tenth of the time that a plugin needs to start.
gc.set_threshold(50_000, 20, 20)
