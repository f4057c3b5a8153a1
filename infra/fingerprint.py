"""One hash that stands for everything that a release depends on, the same way on every platform."""

import hashlib

import pulumi


def fingerprint(asked: dict[str, object]) -> pulumi.Output[str]:
    """64 hex digits that stand for `asked`, an environment with the stack's SECRET_KEY in it.

    No secret: with 64 random characters in what is hashed, nothing can be guessed from it. And a secret that isn't
    known yet can't be a trigger of a Command: its plugin ends the preview with "malformed RPC secret" (1.2.1).
    """
    text: pulumi.Output[str] = pulumi.Output.json_dumps(asked, sort_keys=True)
    return pulumi.Output.unsecret(text.apply(lambda known: hashlib.sha256(known.encode()).hexdigest()))
