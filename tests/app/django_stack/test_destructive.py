"""What migrations take away from the version that runs is found by their operations, and refused in a release."""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO

import pytest
from django.contrib.postgres.fields import ArrayField
from django.core.management import CommandError, call_command
from django.db import connection, migrations, models
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django_stack import destructive
from django_stack.management.commands.migrate import ALLOWED, REFUSES, last_applied

BOOK = migrations.CreateModel(
    "Book",
    [
        ("id", models.AutoField(primary_key=True)),
        ("title", models.CharField(max_length=10)),
        ("note", models.CharField(max_length=10, null=True)),  # what a migration makes not null
    ],
)
VIEW = migrations.CreateModel("View", [("id", models.AutoField(primary_key=True))], options={"managed": False})


def find(*operations: Operation, begun: bool = True, existing: Iterable[Operation] = (BOOK, VIEW)) -> list[str]:
    """The findings about operations on a database that has the existing ones; those that are refused begin with `!`."""
    state = ProjectState()
    for made in existing:
        made.state_forwards("shop", state)
    migration = Migration("0002_next", "shop")
    migration.operations = list(operations)
    found = destructive.find([(migration, False)], state, {"shop"} if begun else set())
    assert {one.migration for one in found} <= {"shop.0002_next"}
    return [f"{'!' if one.refused else ''}{one.what}" for one in found]


TEXT = models.CharField(max_length=10)
CASES: list[tuple[list[Operation], list[str]]] = [
    ([migrations.DeleteModel("Book")], ["!drops the table of Book"]),
    ([migrations.RemoveField("book", "note")], ["!drops the column book.note"]),
    ([migrations.RenameField("book", "note", "remark")], ["!renames the column book.note"]),
    ([migrations.RenameModel("Book", "Volume")], ["!renames the table of Book"]),
    ([migrations.AlterModelTable("Book", "books")], ["!renames the table of Book"]),
    ([migrations.AlterField("book", "note", TEXT)], ["!makes the column book.note not null"]),
    ([migrations.AlterField("book", "title", models.TextField())], ["changes the type of the column book.title"]),
    ([migrations.AlterField("book", "title", models.CharField(max_length=20))], []),
    (
        [migrations.AddField("book", "isbn", models.CharField(max_length=9, default=""), preserve_default=False)],
        ["!adds the column book.isbn, not null"],
    ),
    ([migrations.AddField("book", "isbn", models.CharField(max_length=9, default=""))], ["adds the column book.isbn"]),
    ([migrations.AddField("book", "isbn", models.CharField(max_length=9, db_default=""))], []),
    ([migrations.AddField("book", "isbn", models.CharField(max_length=9, null=True))], []),
    ([migrations.AddField("book", "others", models.ManyToManyField("shop.Book"))], []),
    ([migrations.AddIndex("book", models.Index(fields=["title"], name="t"))], ["locks the table of book"]),
    ([migrations.RunSQL("ALTER TABLE x DROP  COLUMN y")], ["!has SQL of its own with DROP COLUMN"]),
    ([migrations.RunSQL([("DELETE FROM x WHERE a = %s", [1])])], ["!has SQL of its own with DELETE FROM"]),
    ([migrations.RunSQL('ALTER TABLE x ALTER "y" TYPE integer')], ["!has SQL of its own with ALTER"]),
    ([migrations.RunSQL("ALTER TABLE x ALTER COLUMN y SET DATA  TYPE date")], ["!has SQL of its own with ALTER"]),
    ([migrations.RunSQL("ALTER TYPE mood ADD VALUE 'new'; ALTER TABLE x ALTER y SET DEFAULT 5")], []),
    ([migrations.RunSQL("CREATE TABLE second (id int)", "DROP TABLE second")], []),
    ([migrations.RunPython(migrations.RunPython.noop)], []),
    ([migrations.AlterOrderWithRespectTo("book", "shelf")], ["!adds the column book._order"]),
    ([migrations.AlterOrderWithRespectTo("book", None)], []),
    (
        [migrations.AlterOrderWithRespectTo("book", "shelf"), migrations.AlterOrderWithRespectTo("book", None)],
        ["!adds the column book._order", "!drops the column book._order"],
    ),
    ([migrations.DeleteModel("View")], []),
    # What the plan makes itself, nobody uses yet.
    ([migrations.CreateModel("New", [("id", models.AutoField(primary_key=True))]), migrations.DeleteModel("New")], []),
    (
        [
            migrations.CreateModel("New", [("id", models.AutoField(primary_key=True))]),
            migrations.RenameModel("New", "Newer"),
            migrations.DeleteModel("Newer"),
        ],
        [],
    ),
    (
        [
            migrations.AddField("book", "isbn", models.CharField(max_length=9, null=True)),
            migrations.RenameField("book", "isbn", "number"),
            migrations.RemoveField("book", "number"),
        ],
        [],
    ),
    # Only the state changes, or only the database.
    ([migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("book", "note")])], []),
    (
        [migrations.SeparateDatabaseAndState(database_operations=[migrations.RemoveField("book", "note")])],
        ["!drops the column book.note"],
    ),
]  # fmt: skip


def decimal(digits: int, places: int) -> models.Field:
    return models.DecimalField(max_digits=digits, decimal_places=places)


SHELF = models.ForeignKey("shop.Shelf", models.CASCADE)
# Comments say what Django and PostgreSQL 15 do.
CHANGES: list[tuple[models.Field, models.Field, str]] = [
    (TEXT, models.TextField(), "changes"),
    (TEXT, models.CharField(max_length=20), ""),
    (TEXT, models.CharField(), ""),
    (models.CharField(max_length=20), TEXT, ""),  # refuses a text that is too long
    (models.CharField(), TEXT, ""),  # refuses it, too
    (models.TextField(), models.CharField(), "changes"),
    (models.TextField(), TEXT, "!changes"),  # cuts
    (models.SlugField(max_length=20), TEXT, "!changes"),  # cuts
    (models.SlugField(max_length=10), TEXT, "changes"),
    (models.EmailField(max_length=20), TEXT, ""),
    (models.ImageField(), models.FileField(), ""),
    (TEXT, models.IntegerField(), "!changes"),  # 007 becomes 7
    (models.IntegerField(), TEXT, "!changes"),  # the running version reads a text
    (models.GenericIPAddressField(), TEXT, "!changes"),  # cuts
    (models.UUIDField(), models.CharField(max_length=36), "!changes"),  # the running version writes a UUID
    (models.SmallIntegerField(), models.PositiveIntegerField(), "changes"),
    (models.IntegerField(), models.BigIntegerField(), "changes"),
    (models.PositiveIntegerField(), models.IntegerField(), "changes"),
    (models.BigIntegerField(), models.IntegerField(), "!changes"),
    (models.IntegerField(), models.FloatField(), "!changes"),
    (models.IntegerField(), decimal(20, 2), "!changes"),
    (models.IntegerField(), models.BooleanField(), "!changes"),  # 7 becomes true
    (models.NullBooleanField(), models.BooleanField(null=True), ""),
    (models.FloatField(), models.IntegerField(), "!changes"),  # rounds
    (models.FloatField(), decimal(20, 18), "!changes"),  # rounds
    (models.AutoField(primary_key=True), models.BigAutoField(primary_key=True), "changes"),
    (models.AutoField(primary_key=True), models.IntegerField(primary_key=True), "!changes"),  # counts no more
    (decimal(9, 4), decimal(9, 0), "!changes"),
    (decimal(9, 4), decimal(7, 4), ""),
    (decimal(9, 0), decimal(9, 4), ""),
    (models.DecimalField(), decimal(9, 4), "!changes"),  # rounds; no limits from Django 6.0 on
    (decimal(9, 4), models.DecimalField(), ""),
    (models.DateTimeField(), models.DateField(), "!changes"),  # cuts
    (models.DateField(), models.DateTimeField(), "!changes"),  # the running version can't compare it with dates
    (models.JSONField(), models.TextField(), "!changes"),
    (ArrayField(TEXT), ArrayField(models.CharField(max_length=20)), ""),
    (ArrayField(models.FloatField()), ArrayField(models.IntegerField()), "!changes"),  # rounds
    (ArrayField(TEXT), TEXT, "!changes"),
    (SHELF, models.OneToOneField("shop.Shelf", models.CASCADE), "changes"),
    (SHELF, models.BigIntegerField(db_column="value_id"), "!changes"),
    (SHELF, models.BigIntegerField(), "!renames"),  # from value_id
    (TEXT, models.CharField(max_length=10, db_column="other"), "!renames"),
    (TEXT, models.CharField(max_length=10, db_column="value"), ""),
]  # fmt: skip


def said_of(one: models.Field) -> str:
    return f"{type(one).__name__} {one.max_length or getattr(one, 'decimal_places', '')} {one.db_column or ''}".strip()


@pytest.mark.parametrize(
    ("before", "after", "expected"), CHANGES, ids=[f"{said_of(one)} - {said_of(other)}" for one, other, _ in CHANGES]
)
def test_a_changed_type_is_refused_unless_it_is_a_larger_one_of_its_kind(
    before: models.Field, after: models.Field, expected: str
) -> None:
    made = migrations.CreateModel("Row", [("key", models.AutoField(primary_key=True)), ("value", before)])
    change = migrations.AlterField("row", "value", after)
    found = find(change, existing=(made,))
    assert [one.partition(" ")[0] for one in found] == ([expected] if expected else [])
    assert find(made, change) == [], "a new table's column has no values"


@pytest.mark.parametrize(("operations", "expected"), CASES)
def test_an_operation_that_takes_something_away_is_found(operations: list[Operation], expected: list[str]) -> None:
    found = find(*operations)
    assert len(found) == len(expected), found
    for what, beginning in zip(found, expected, strict=True):
        assert what.startswith(beginning)


def test_an_app_that_is_not_in_the_database_yet_loses_nothing() -> None:
    assert find(migrations.DeleteModel("Book"), migrations.RunSQL("DROP TABLE x"), begun=False) == []


@pytest.fixture
def findings(monkeypatch: pytest.MonkeyPatch) -> list[destructive.Finding]:
    """What a plan of the test's database is said to do."""
    found = [
        destructive.Finding("shop.0002_drop", "drops the table of Book"),
        destructive.Finding("shop.0003_more", "drops the column pen.ink"),
        destructive.Finding("shop.0003_more", "locks the table of pen", refused=False),
    ]
    monkeypatch.setattr(destructive, "find", lambda plan, state, begun: found)
    for name in (REFUSES, ALLOWED, "STAGE"):
        monkeypatch.delenv(name, raising=False)
    return found


def migrate(*arguments: str) -> str:
    output = StringIO()
    call_command("migrate", *arguments, interactive=False, stdout=output)
    return output.getvalue()


@pytest.mark.django_db
@pytest.mark.usefixtures("findings")
@pytest.mark.parametrize(
    ("allowed", "refused"),
    [
        (None, ["shop.0002_drop", "shop.0003_more"]),
        ("shop.0002_drop", ["shop.0003_more"]),
        ("shop.0001_other", ["shop.0002_drop", "shop.0003_more"]),
        ("shop.0002_drop, shop.0003_more", []),
    ],
)
def test_a_release_migrates_only_what_is_allowed_by_name(
    monkeypatch: pytest.MonkeyPatch, allowed: str | None, refused: list[str]
) -> None:
    monkeypatch.setenv(REFUSES, "1")
    if allowed is not None:
        monkeypatch.setenv(ALLOWED, allowed)
    if not refused:
        assert "shop.0003_more locks the table of pen." in migrate()
        return
    with pytest.raises(CommandError) as error:
        migrate()
    assert str(error.value).endswith(f"{ALLOWED}={','.join(refused)} pulumi up")
    assert "Nothing was migrated" in str(error.value)


@pytest.mark.django_db
@pytest.mark.usefixtures("findings")
def test_the_way_on_names_the_stack_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulumi would take the one that was selected last, and allow it to take something away from another stack."""
    monkeypatch.setenv(REFUSES, "1")
    for stage, named in {"cloud": "cloud", "it's": "'it'\"'\"'s'"}.items():
        monkeypatch.setenv("STAGE", stage)
        with pytest.raises(CommandError) as error:
            migrate()
        assert str(error.value).endswith(f" pulumi up -s {named}")


@pytest.mark.django_db
@pytest.mark.usefixtures("findings")
@pytest.mark.parametrize(
    ("variable", "arguments"), [("", ()), ("1", ("gallery",)), ("1", ("--plan",)), ("1", ("--fake",))]
)
def test_who_migrates_by_hand_or_only_looks_is_not_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv(REFUSES, variable)
    migrate(*arguments)


@pytest.mark.django_db
def test_the_projects_own_migrations_on_a_database_that_has_them_are_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REFUSES, "1")
    assert "No migrations to apply" in migrate()


@pytest.mark.django_db
def test_a_first_release_makes_all_tables_unasked() -> None:
    """Also those whose migrations drop again what an earlier one made, as Django's own do."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes(), clean_start=True)
    assert len(plan) > 10
    assert destructive.find(plan, ProjectState(), set()) == []
    every = {migration.app_label for migration, _ in plan}
    refused = [str(one) for one in destructive.find(plan, ProjectState(), every) if one.refused]
    assert refused == [], "what a plan made itself, it may change"


@pytest.mark.django_db
def test_the_state_before_a_plan_is_made_by_one_walk_for_each_app_and_not_for_each_migration() -> None:
    """With 5,000 applied migrations, a walk for each took ten minutes."""
    executor = MigrationExecutor(connection)
    loader = executor.loader
    applied = [one for one in loader.applied_migrations if one in loader.graph.nodes]
    last = last_applied(executor)
    assert {*last} <= {*applied}
    assert len({app for app, _ in last}) == len(last) < len(applied) / 2
    assert loader.project_state(last) == loader.project_state(applied)

    del loader.applied_migrations["gallery", "0002_picture_thumbnail"]
    assert ("gallery", "0001_initial") in last_applied(executor)
    assert not loader.project_state(last_applied(executor)).models["gallery", "picture"].fields.get("thumbnail")
