"""One hash of everything that a release depends on, computed the same way on every platform."""

import hashlib

import pulumi


def fingerprint(dependencies: dict[str, object]) -> pulumi.Output[str]:
    """The SHA-256 of `dependencies`, which include an environment with the stack's SECRET_KEY, as 64 hex digits.

    The result is not a secret: since 64 random characters are hashed, nothing can be guessed from it. A secret that
    isn't known yet can't be a trigger of a Command: the plugin (1.2.1) fails with "malformed RPC secret" in a preview.
    """
    text: pulumi.Output[str] = pulumi.Output.json_dumps(dependencies, sort_keys=True)
    return pulumi.Output.unsecret(text.apply(lambda known: hashlib.sha256(known.encode()).hexdigest()))
