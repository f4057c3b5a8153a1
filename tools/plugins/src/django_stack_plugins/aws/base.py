"""A resource type of AWS's, described by class variables: the table of which the modules beside this one consist.

The rules (which inputs replace, which defaults there are, what is computed) are those of the official provider; each
class names the page of https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/ that has them.
"""

import secrets
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.aws.calls import Call, Wait, lookup, wait, without_aws
from django_stack_plugins.aws.session import CallError, Session
from django_stack_plugins.aws.shapes import Names, as_map, from_api
from django_stack_plugins.aws.tags import Tagging
from django_stack_plugins.resource import InitFailed, Operation, PluginError, Resource, top_level
from django_stack_plugins.values import Properties, Secret, changes


class AWSResource(Resource):
    """A type that a few calls of one service make, read, change and delete.

    docs: the page of the provider's documentation.
    service: boto3's name of the service.
    replacing: inputs whose change makes a new resource; in_place: those that don't.
    names: the API's names of inputs, by the inputs' paths, where they differ by more than case and plural.
    prefixed: the input that begins a made-up name, and the property that the name becomes.
    creating: makes it; `identity` is where in its answer the id stands, `id_input` the input that is the id instead.
    after: properties whose calls in `updating` follow at once, since `creating` doesn't take them.
    updating: the call for changes of these properties (several in one text).
    puts: `creating` changes it, too, by putting the whole.
    reading: finds it; gives the document from which `outputs` and `reads` (JMESPath by property) are taken, and all
        other inputs by name; `more` are calls that add to the document.
    gone: JMESPath that is true for one that is only remembered.
    missing: AWS's codes for one that isn't there.
    unread: inputs that AWS doesn't tell. One is `region`, for a resource that isn't in the provider's own.
    deleting: deletes it; `busy` are AWS's codes for one that something still uses, for `patience` seconds at most.
    ready: what is waited for after each change; `waits_for_end`: that it's really gone.
    private: outputs that are secrets by nature.
    """

    docs: ClassVar[str]
    service: ClassVar[str]
    replacing: ClassVar[frozenset[str]] = frozenset()
    names: ClassVar[Names] = {}
    prefixed: ClassVar[tuple[str, str] | None] = None
    creating: ClassVar[Call]
    identity: ClassVar[str] = ""
    id_input: ClassVar[str] = ""
    after: ClassVar[frozenset[str]] = frozenset()
    updating: ClassVar[Mapping[str, Call]] = {}
    puts: ClassVar[bool] = False
    reading: ClassVar[Call]
    more: ClassVar[tuple[Call, ...]] = ()
    outputs: ClassVar[Mapping[str, str]] = {}
    reads: ClassVar[Mapping[str, str]] = {}
    gone: ClassVar[str] = ""
    missing: ClassVar[frozenset[str]] = frozenset()
    unread: ClassVar[frozenset[str]] = frozenset()
    deleting: ClassVar[Call | None] = None
    busy: ClassVar[frozenset[str]] = frozenset()
    patience: ClassVar[float] = 120
    ready: ClassVar[Wait | None] = None
    waits_for_end: ClassVar[float] = 0
    tagging: ClassVar[Tagging | None] = None
    private: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        tags = frozenset({"tags"} if cls.tagging else ())
        cls.in_place = cls.in_place | tags
        cls.inputs = cls.required | cls.replacing | cls.in_place
        cls.computed = frozenset(cls.outputs) | frozenset({"tagsAll"} if tags else ())
        cls.drifting = cls.inputs - cls.unread

    def __init__(self, session: Session) -> None:
        self.session = session

    # The engine's operations.

    def create(self, operation: Operation, inputs: Properties) -> tuple[str, Properties]:
        named = self._named(inputs)
        answer = self.make(operation, named)
        resource_id = self.resource_id(answer, named)
        try:
            self.settle(operation, resource_id, named)
            for call in self._calls(self.after & {key for key, value in named.items() if value is not None}):
                self.call(operation, call, {**named, "id": resource_id}, named)
            if self.tagging and not self.tagging.argument and named.get("tags"):
                self._tag(operation, resource_id, self._state(operation, resource_id, named, {}), named["tags"], {})
            return resource_id, self._state(operation, resource_id, named, {})
        except Exception as error:  # whatever it is, the engine has to know what was made
            why = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
            raise InitFailed(resource_id, self._as_far_as(operation, resource_id, named), why) from error

    def read(self, operation: Operation, resource_id: str, state: Properties, inputs: Properties) -> Properties | None:
        document = self.find(operation, resource_id, {**state, **inputs})
        return None if document is None else self.properties(operation, resource_id, document, state, inputs)

    def update(self, operation: Operation, resource_id: str, old: Properties, inputs: Properties) -> Properties:
        found = changes({key: old.get(key) for key in self.inputs}, {key: inputs.get(key) for key in self.inputs})
        changed = {top_level(change.path) for change in found}
        scope = {**old, **dict.fromkeys(self.inputs), **inputs, "id": resource_id, "before": old}
        if "tags" in changed:
            self._tag(operation, resource_id, scope, inputs.get("tags") or {}, old.get("tags") or {})
        self.change(operation, changed - {"tags"}, scope, inputs)
        self.settle(operation, resource_id, scope)
        return self._state(operation, resource_id, inputs, old)

    def delete(self, operation: Operation, resource_id: str, state: Properties) -> None:
        if self.deleting is None:
            return
        scope = {**self.complete(state), "id": resource_id}

        def removed() -> bool:
            try:
                self.remove(operation, scope)
            except CallError as error:
                if error.code in self.missing or self.find(operation, resource_id, scope) is None:
                    return True
                if error.code not in self.busy:
                    raise
                refused.append(str(error))
                return False
            return True

        refused: list[str] = []
        wait(operation, lambda: f"{refused[-1]}; still so", removed, self.patience)
        if self.waits_for_end:
            wait(
                operation,
                lambda: f"{operation.name} is still being deleted",
                lambda: self.find(operation, resource_id, scope) is None,
                self.waits_for_end,
            )

    # Steps of them, which types with more than the usual override.

    def call(self, operation: Operation, call: Call, scope: Properties, rest: Properties) -> Any:
        """Make a call, and take from its answer what the table says; errors name the resource."""
        shape = self.session.input_shape(self.service, call.operation)
        request = call.request(shape, scope, rest if call.rest != "none" else {}, self.names)
        region = scope.get("region") or "" if "region" in self.inputs else ""
        try:
            answer = self.session.call(self.service, call.operation, request, region)
        except CallError as error:
            raise CallError(error.code, f"{operation.name}: {error}") from None
        return lookup(call.gives, answer)

    def make(self, operation: Operation, inputs: Properties) -> Any:
        """Make the resource; return the answer."""
        tagging = self.tagging
        arguments = dict(self.creating.takes)
        rest = {key: value for key, value in inputs.items() if key != "tags"}
        if tagging and tagging.argument and inputs.get("tags"):
            arguments[tagging.argument] = "tags"
        call = Call(self.creating.operation, arguments, "all", self.creating.constants, self.creating.gives)
        return self.call(operation, call, {**inputs, "tags": self.tag_argument(inputs.get("tags") or {})}, rest)

    def tag_argument(self, tags: dict[str, str]) -> Any:
        """The tags in the form that the call which makes the resource takes."""
        return tags

    def resource_id(self, answer: Any, inputs: Properties) -> str:
        """The id of what was made."""
        return str(inputs[self.id_input] if self.id_input else lookup(self.identity, answer))

    def change(self, operation: Operation, changed: set[str], scope: Properties, inputs: Properties) -> None:
        """Make the calls that these changes of inputs need; `scope` has the old state, too, as `before`."""
        if self.puts:
            if changed - self.unread:
                # Without the tags, which such a call takes for a new one only.
                self.make(operation, {**inputs, "tags": None})
            return
        for call in self._calls(changed):
            rest = {key: scope[key] for key in changed} if call.rest == "changed" else dict(inputs)
            self.call(operation, call, scope, rest)

    def find(self, operation: Operation, resource_id: str, scope: Properties) -> Any:
        """What AWS has of it, or None."""
        try:
            document = self.call(operation, self.reading, {**scope, "id": resource_id}, {})
            if not document or (self.gone and lookup(self.gone, document)):
                return None
            for call in self.more:
                document = {**document, **self.call(operation, call, {**scope, "id": resource_id}, {})}
        except CallError as error:
            if error.code in self.missing:
                return None
            raise
        return document

    def properties(
        self, operation: Operation, resource_id: str, document: Any, state: Properties, inputs: Properties
    ) -> Properties:
        """The outputs that the document shows, and the inputs as they really are."""
        outputs = {key: lookup(path, document) for key, path in self.outputs.items()}
        read = {key: value for key, value in inputs.items() if key in self.inputs - self.unread - {"tags"}}
        by_path = {key: lookup(path, document) for key, path in self.reads.items() if key in read}
        real = from_api({key: value for key, value in read.items() if key not in by_path}, document, self.names)
        real |= {key: from_api(read[key], value, self.names, f"{key}.") for key, value in by_path.items()}
        kept = {key: value for key, value in state.items() if key not in self.inputs}
        result = {**kept, **inputs, **dict.fromkeys(read), **real, **outputs}
        if self.tagging:
            tags = self._tags(self.tagging, operation, document, {**result, "id": resource_id})
            result |= {"tags": tags if tags or inputs.get("tags") else None, "tagsAll": tags}
        return self._hidden(result)

    def settle(self, operation: Operation, resource_id: str, scope: Properties) -> None:
        """Wait until a change has arrived."""
        goal = self.ready
        if goal is None:
            return
        seen = [""]

        def reached() -> bool:
            document = self.find(operation, resource_id, scope)
            seen[0] = str(lookup(goal.path, document) if document else "gone")
            if seen[0] in goal.failed:
                raise PluginError(f"{operation.name} is {seen[0]}: {lookup(goal.why, document) or 'AWS says no more'}")
            return seen[0] in goal.until

        wait(operation, lambda: f"{operation.name} is still {seen[0]}", reached, goal.seconds)

    def remove(self, operation: Operation, scope: Properties) -> None:
        """Ask for its deletion."""
        if self.deleting:
            self.call(operation, self.deleting, scope, {})

    # Helpers.

    def _hidden(self, properties: Properties) -> Properties:
        return {key: Secret(value) if key in self.private else value for key, value in properties.items()}

    def _calls(self, changed: set[str] | frozenset[str]) -> list[Call]:
        return [call for keys, call in self.updating.items() if changed & set(keys.split())]

    def _named(self, inputs: Properties) -> Properties:
        if not self.prefixed or inputs.get(self.prefixed[1]) or not inputs.get(self.prefixed[0]):
            return inputs
        prefix, name = self.prefixed
        return {**inputs, name: f"{inputs[prefix]}{time.strftime('%Y%m%d%H%M%S')}{secrets.token_hex(4)}"}

    def _state(self, operation: Operation, resource_id: str, inputs: Properties, state: Properties) -> Properties:
        document = self.find(operation, resource_id, {**state, **inputs})
        if document is None:
            raise PluginError(f"{operation.name} ({resource_id}) is gone, just after it was made or changed")
        return self.properties(operation, resource_id, document, state, inputs)

    def _as_far_as(self, operation: Operation, resource_id: str, inputs: Properties) -> Properties:
        """The state of one that isn't finished, so that the next update sees what is left to do."""
        try:
            return self._state(operation, resource_id, inputs, {})
        except PluginError:
            return self._hidden(inputs)

    def _tags(self, tagging: Tagging, operation: Operation, document: Any, scope: Properties) -> dict[str, str]:
        found: Any = None
        if tagging.list is None:
            found = lookup(tagging.read, document)
        else:
            try:
                found = self.call(operation, tagging.list, scope, {})
            except CallError as error:
                if error.code != "NoSuchTagSet":
                    raise
        return without_aws(as_map(found) if isinstance(found, list) else found)

    def _tag(
        self, operation: Operation, resource_id: str, scope: Properties, new: dict[str, str], old: dict[str, str]
    ) -> None:
        if self.tagging is None:
            return
        scope = {**scope, "id": resource_id, "tags": new, "gone": sorted(old.keys() - new.keys())}
        if scope["gone"]:
            self.call(operation, self.tagging.remove, scope, {})
        if new:
            self.call(operation, self.tagging.add, scope, {})
