"""Which names of variables and keys are those of secrets: by three measures, since a wrong guess costs differently.

A value that is encrypted or redacted for nothing is harmless; a warning for nothing isn't.
"""

import re

# Part of an expression: the name of a secret, and no other word that has such a name in it.
NAME = (
    r"(?!\w*_(?:prefix|style|type|version)\b)"
    r"\w*(?:key|secret|password|passwd|passphrase|(?<![a-z])pass(?![a-z])|pwd|token|credential|signature|sig(?![a-z])"
    r"|authorization)\w*"
)
_SECRET = re.compile(rf"(?i){NAME}")
_WARNED = re.compile(r"TOKEN|SECRET|PASSWORD|_KEY$|_DSN$", re.IGNORECASE)
_PERHAPS = re.compile(r"TOKEN|SECRET|PASS|KEY|DSN|PIN|CODE|CRED|AUTH", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether a value of this name is treated as a secret where nothing else says so."""
    return bool(_SECRET.fullmatch(name))


def looks_secret(name: str) -> bool:
    """Whether somebody is warned who has a value of this name in plain text."""
    return bool(_WARNED.search(name))


def may_be_secret(name: str) -> bool:
    """Whether a value of this name isn't shown in an error."""
    return bool(_PERHAPS.search(name))
