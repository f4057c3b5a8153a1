"""pulumi-resource-random: RandomPassword and RandomId, as hashicorp/terraform-provider-random makes them."""

import base64
import secrets
import string
from typing import Any

from django_stack_plugins.resource import Failure, Operation, Resource, known
from django_stack_plugins.server import serve_provider
from django_stack_plugins.values import Properties, Secret

_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
_KINDS = {
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "numeric": string.digits,
    "special": _SPECIAL,
}


class RandomPassword(Resource):
    """A password; `result` and `bcryptHash` are secret. Any change makes a new one."""

    token = "random:index/randomPassword:RandomPassword"
    inputs = frozenset(
        (
            "keepers length lower minLower minNumeric minSpecial minUpper number numeric overrideSpecial special upper"
        ).split()
    )
    required = frozenset({"length"})
    computed = frozenset({"result", "bcryptHash"})
    notes_defaults = False

    def validate(self, inputs: Properties) -> list[Failure]:
        length = known(inputs["length"])
        minimum = sum(value for key, value in inputs.items() if key.startswith("min") and isinstance(value, int))
        if isinstance(length, int) and length < max(1, minimum):
            return [Failure("length", f"length must be at least {max(1, minimum)}, not {length}")]
        if not any(inputs[kind] for kind in _KINDS):
            return [Failure("length", "one of lower, upper, numeric and special must be true")]
        return []

    def complete(self, inputs: Properties) -> Properties:
        # `number` is an old name of `numeric`; both are always there.
        numeric = inputs.get("numeric", inputs.get("number", True))
        defaults: dict[str, Any] = {**dict.fromkeys(_KINDS, True), **{f"min{kind.capitalize()}": 0 for kind in _KINDS}}
        return {**defaults, **super().complete(inputs), "numeric": numeric, "number": numeric}

    def create(self, operation: Operation, inputs: Properties) -> tuple[str, Properties]:
        import bcrypt  # here, because most updates make no password

        alphabets = {**_KINDS, "special": inputs.get("overrideSpecial") or _SPECIAL}
        characters = [
            secrets.choice(alphabets[kind]) for kind in _KINDS for _ in range(inputs[f"min{kind.capitalize()}"])
        ]
        everything = "".join(alphabets[kind] for kind in _KINDS if inputs[kind])
        characters += [secrets.choice(everything) for _ in range(inputs["length"] - len(characters))]
        secrets.SystemRandom().shuffle(characters)
        result = "".join(characters)
        bcrypt_hash = bcrypt.hashpw(result.encode()[:72], bcrypt.gensalt(10, b"2a")).decode()
        return "none", {**inputs, "result": Secret(result), "bcryptHash": Secret(bcrypt_hash)}

    def read(self, operation: Operation, resource_id: str, state: Properties, inputs: Properties) -> Properties:
        return {key: Secret(value) if key in self.computed else value for key, value in state.items()}


class RandomId(Resource):
    """So many random bytes, in several spellings. Any change makes new ones."""

    token = "random:index/randomId:RandomId"
    inputs = frozenset({"byteLength", "keepers", "prefix"})
    required = frozenset({"byteLength"})
    computed = frozenset({"b64Std", "b64Url", "dec", "hex"})
    notes_defaults = False

    def validate(self, inputs: Properties) -> list[Failure]:
        length = known(inputs["byteLength"])
        return [Failure("byteLength", "must be at least 1")] if isinstance(length, int) and length < 1 else []

    def create(self, operation: Operation, inputs: Properties) -> tuple[str, Properties]:
        value = secrets.token_bytes(inputs["byteLength"])
        resource_id = base64.urlsafe_b64encode(value).decode().rstrip("=")
        spellings = {
            "b64Url": resource_id,
            "b64Std": base64.b64encode(value).decode(),
            "hex": value.hex(),
            "dec": str(int.from_bytes(value)),
        }
        prefix = inputs.get("prefix", "")
        return resource_id, {**inputs, **{key: prefix + text for key, text in spellings.items()}}


def main() -> None:
    """Console script."""
    serve_provider("4.21.4", [RandomPassword(), RandomId()])
