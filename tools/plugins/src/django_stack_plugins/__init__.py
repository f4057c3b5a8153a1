"""Pulumi plugins in Python: what `pulumi up` needs on a machine that reaches package mirrors only.

One module a plugin: `language` (pulumi-language-python), `random`, `command`, `docker`. `server` holds what they share,
`values` the wire format of property values, `resource` the base class of a resource type.
"""
