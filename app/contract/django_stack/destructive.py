"""Which of the migrations that are about to run take something away from the version that is still running.

By their operations, not by their SQL, which doesn't say what a table had before. What a plan makes itself it may
change: nobody uses it yet.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from django.db import migrations
from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.operations.fields import FieldOperation
from django.db.migrations.state import ProjectState
from django.db.models import Field
from django.db.models.fields import NOT_PROVIDED

# In SQL of the project's own. What is in a text or a comment there counts, too: better asked once too often.
_SQL = re.compile(
    r"\b(drop\s+(table|column|schema|view|index)|truncate|delete\s+from|rename\s+(to|column)"
    r"|alter\s+(column\s+)?[\w\"]+\s+(set\s+data\s+)?type)\b",
    re.IGNORECASE,
)
# What kind of value types hold, and how much of it. A larger one takes each value of a smaller one as it is, and the
# running version reads and writes it as the Python type that it knows, unlike a float in the place of an integer.
_TEXTS = {"CharField", "FileField", "FilePathField", "SlugField"}
_ROOM = {
    **dict.fromkeys(("PositiveSmallIntegerField", "SmallIntegerField"), ("integer", 2)),
    **dict.fromkeys(("PositiveIntegerField", "IntegerField"), ("integer", 4)),
    **dict.fromkeys(("PositiveBigIntegerField", "BigIntegerField"), ("integer", 8)),
    **{"SmallAutoField": ("key", 2), "AutoField": ("key", 4), "BigAutoField": ("key", 8)},
    **dict.fromkeys(("ForeignKey", "OneToOneField"), ("reference", 0)),
}


@dataclass
class Finding:
    """What a migration (`app.name`) does: `refused` unless somebody allows it, or worth a word only."""

    migration: str
    what: str
    refused: bool = True

    def __str__(self) -> str:
        return f"{self.migration} {self.what}"


@dataclass
class _New:
    """What the plan made itself: models by app and name, and fields of them by their name as well."""

    models: set[tuple[str, str]] = field(default_factory=set)
    fields: set[tuple[str, str, str]] = field(default_factory=set)


def find(plan: Iterable[tuple[Migration, bool]], state: ProjectState, begun: Collection[str]) -> list[Finding]:
    """The findings of a plan, as Django's MigrationExecutor makes it, on a project's state, which is changed.

    `begun` are the labels of the apps that have migrations in the database; nobody uses the tables of the others yet.
    """
    found: list[Finding] = []
    new = _New()
    for migration, _ in plan:
        label = migration.app_label
        for operation in migration.operations:
            for part in _database_operations(operation):
                for what, refused in _of(part, label, state, new) if label in begun else ():
                    found.append(Finding(f"{label}.{migration.name}", what, refused))
            operation.state_forwards(label, state)
    return found


def _database_operations(operation: Operation) -> Iterator[Operation]:
    """The operations in an operation that change the database."""
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        for part in operation.database_operations:
            yield from _database_operations(part)
    else:
        yield operation


def _of(operation: Operation, label: str, state: ProjectState, new: _New) -> Iterator[tuple[str, bool]]:
    """What an operation does, and whether that is refused; it also notes what the operation makes."""
    if isinstance(operation, migrations.RunSQL):
        if match := _SQL.search(str(operation.sql)):
            yield f"has SQL of its own with {' '.join(match[1].upper().split())}", True
        return
    name = next(filter(None, (getattr(operation, key, "") for key in ("model_name", "old_name", "name"))), "")
    model = (label, str(name).lower())
    if isinstance(operation, migrations.CreateModel):
        new.models.add(model)
    elif model in new.models:
        if isinstance(operation, migrations.RenameModel):
            new.models.add((label, operation.new_name_lower))
    elif not _has_table(state, model):
        return
    elif isinstance(operation, FieldOperation):
        yield from _of_field(operation, model, state, new)
    elif isinstance(operation, migrations.DeleteModel):
        yield f"drops the table of {operation.name}", True
    elif isinstance(operation, migrations.RenameModel | migrations.AlterModelTable):
        yield f"renames the table of {name}", True
    elif isinstance(operation, migrations.AlterOrderWithRespectTo):
        yield from _of_order(operation, model, state)
    elif type(operation) in {migrations.AddIndex, migrations.AddConstraint}:
        yield f"locks the table of {name} while it makes an index or a constraint", False


def _of_order(
    operation: migrations.AlterOrderWithRespectTo, model: tuple[str, str], state: ProjectState
) -> Iterator[tuple[str, bool]]:
    """Django keeps such an order in a column of its own."""
    was_ordered = model in state.models and bool(state.models[model].options.get("order_with_respect_to"))
    if was_ordered and not operation.order_with_respect_to:
        yield f"drops the column {operation.name}._order", True
    elif operation.order_with_respect_to and not was_ordered:
        yield f"adds the column {operation.name}._order, not null, so that the running version can't insert rows", True


def _has_table(state: ProjectState, model: tuple[str, str]) -> bool:
    """Whether Django made the model's table: it makes none for models that it doesn't manage, nor for proxies."""
    known = state.models.get(model)
    return known is None or (known.options.get("managed", True) and not known.options.get("proxy", False))


def _of_field(
    operation: FieldOperation, model: tuple[str, str], state: ProjectState, new: _New
) -> Iterator[tuple[str, bool]]:
    column = str(getattr(operation, "old_name", "") or operation.name)
    name, key = f"{operation.model_name}.{column}", (*model, column.lower())
    if isinstance(operation, migrations.AddField):
        new.fields.add(key)
        if _is_demanded(operation.field):
            lasting = operation.field.has_default() and operation.preserve_default
            why = "not null, and without a default in the database (db_default)"
            yield f"adds the column {name}, {why}, so that the running version can't insert rows", not lasting
    elif key in new.fields:
        if isinstance(operation, migrations.RenameField):
            new.fields.add((*model, operation.new_name.lower()))
    elif isinstance(operation, migrations.RemoveField):
        yield f"drops the column {name}", True
    elif isinstance(operation, migrations.RenameField):
        yield f"renames the column {name}", True
    elif isinstance(operation, migrations.AlterField):
        before = state.models[model].fields.get(operation.name) if model in state.models else None
        if before is not None:
            yield from _of_change(name, *(_bound(one, operation.name) for one in (before, operation.field)))


def _bound(one: Field, name: str) -> Field:
    """A field that knows its column."""
    bound = one.clone()
    bound.set_attributes_from_name(name)
    return bound


def _of_change(name: str, before: Field, after: Field) -> Iterator[tuple[str, bool]]:
    if before.column != after.column:
        yield f"renames the column {name}", True
    elif before.null and not after.null:
        yield f"makes the column {name} not null", True
    elif not _takes_all(before, after):
        why = "to one that cuts or rounds values, or that the running version doesn't know"
        yield f"changes the type of the column {name} {why}", True
    elif before.get_internal_type() != after.get_internal_type():
        yield f"changes the type of the column {name}, which may lock its table for long", False


def _takes_all(before: Field, after: Field) -> bool:
    """Whether the column takes every value as it is after a change, or PostgreSQL refuses the change.

    It refuses a text that is too long, but only where Django doesn't convert it: between two fields of one type.
    """
    if hasattr(before, "base_field") and hasattr(after, "base_field"):
        return type(before) is type(after) and _takes_all(before.base_field, after.base_field)
    (kind, room), (next_kind, next_room) = _room(before), _room(after)
    is_checked = kind == "text" and before.get_internal_type() == after.get_internal_type()
    return kind == next_kind and (room <= next_room or is_checked)


def _room(one: Field) -> tuple[str, float]:
    """What kind of value a field's column holds, and how much of it."""
    name = one.get_internal_type()
    if name == "TextField":
        return "text", math.inf
    if name in _TEXTS:
        return "text", _limit(one.max_length)
    if name == "DecimalField":  # PostgreSQL rounds behind the point; too many digits before it are refused
        return name, _limit(one.decimal_places)
    return _ROOM.get(name, (name, 0))


def _limit(given: int | None) -> float:
    return math.inf if given is None else given


def _is_demanded(one: Field) -> bool:
    """Whether an insert has to name the column."""
    has_default = getattr(one, "db_default", NOT_PROVIDED) is not NOT_PROVIDED
    return not (one.null or one.many_to_many or has_default or getattr(one, "generated", False))
