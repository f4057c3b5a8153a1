"""A database of 1,000 tables by 5,000 migrations: what `up` and its release take, beside Django's `migrate` alone."""

import re
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.composed import Pulumi
from benchmarks.plot import OTHER, OURS, Bar
from benchmarks.report import Section
from benchmarks.sandbox import ROUNDS, Command, Sandbox, typical
from tests.e2e.stacks import Stack

TABLES, MIGRATIONS = 1000, 5000
APP = "many"
# What `pulumi up` prints of the release: of a first one and of one in the place of an older one, both several times.
STARTS, ENDS = (re.compile(rf"local:Command release (creat|updat){end}\b") for end in ("ing", "ed"))
MIGRATE = ["python", "manage.py", "migrate", "--noinput"]
# Without what the package's `migrate` does besides: its lock.
DJANGOS = [
    *("python", "-c"),
    "import django, os; os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings'); django.setup(); "
    "from django.core.management.commands.migrate import Command as C; C().run_from_argv(['', 'migrate', '--noinput'])",
]


def measure(place: Sandbox) -> list[Section]:
    """The same stack with no tables but the gallery's, then with all of them."""
    way = Pulumi(place)
    stack = way.stack
    stack.up()
    without = [updated(stack) for _ in range(ROUNDS)]
    generate(stack.app)
    first = updated(stack)
    releases, plain, own, again = [], [], [], []
    for _ in range(ROUNDS):
        way.change()
        releases.append(updated(stack))
        plain.append(in_container(stack, MIGRATE))
        own.append(in_container(stack, DJANGOS))
        again.append(updated(stack))
        print(releases[-1], plain[-1], own[-1], again[-1], file=sys.stderr, flush=True)
    measured = {
        "the release that applies all of them": [(first.release, first.lines)],
        "a release with nothing to apply": [(one.release, one.lines) for one in releases],
        "`manage.py migrate` in a container of that image": plain,
        "Django's own `migrate` in one": own,
        "up with changed code, that release in it": [(one.whole, one.lines) for one in releases],
        "up with nothing to do": [(one.whole, one.lines) for one in again],
        "up with nothing to do, before there were these tables": [(one.whole, one.lines) for one in without],
    }
    rows = [
        [what, typical([took for took, _ in found]), f"{median([lines for _, lines in found]):.0f}"]
        for what, found in measured.items()
    ]
    bars = [
        Bar(what.replace("`", ""), median([took for took, _ in found]), colour=OTHER if "Django's" in what else OURS)
        for what, found in measured.items()
    ]
    notes = [
        f"The median of {ROUNDS} rounds, and the quickest and slowest; the first release is measured once.",
        f"{TABLES:,} tables, each made by a migration and changed by {MIGRATIONS // TABLES - 1} others, beside the "
        "gallery's own. Lines are those of the command that the time is of; a release's are those of its `pulumi up`.",
        "Each migration is a file of the app, and the Docker plugin reads all of the app in each `up`.",
    ]
    title = f"{TABLES:,} tables and {MIGRATIONS:,} migrations"
    return [Section("tables", title, ["", "time", "lines printed"], rows, notes, bars[1:])]


class Update:
    """A `pulumi up`: seconds of the whole and of the release in it (0 without one), and the number of lines printed."""

    def __init__(self, command: Command) -> None:
        self.lines, self.release = 0, 0.0
        begun, began = time.monotonic(), 0.0
        output = []
        with command.start() as process:
            for line in process.stdout or ():
                self.lines += 1
                output.append(line)
                if STARTS.search(line):
                    began = began or time.monotonic()
                elif ENDS.search(line):
                    self.release = self.release or time.monotonic() - began
        if process.returncode:
            raise RuntimeError("".join(output[-50:]))
        self.whole = time.monotonic() - begun

    def __repr__(self) -> str:
        return f"{self.whole:.2f} s, release {self.release:.2f} s, {self.lines} lines;"


def updated(stack: Stack) -> Update:
    return Update(Command(stack.up_command, stack.folder, stack.env))


def in_container(stack: Stack, command: list[str]) -> tuple[float, int]:
    """Seconds and lines of a command in a container of its own, with all that the web has."""
    web = stack.container("web").attrs
    begun = time.monotonic()
    output = stack.engine.containers.run(
        web["Image"], command, environment=web["Config"]["Env"], network=stack.prefix, init=True, remove=True
    )
    return time.monotonic() - begun, len(output.splitlines())


def generate(app: Path) -> None:
    """Adds an app to the project, whose every migration makes a table or adds a column to one."""
    package = app / APP
    migrations = package / "migrations"
    migrations.mkdir(parents=True)
    for folder in (package, migrations):
        (folder / "__init__.py").touch()
    columns = [f"column_{number}" for number in range(1, MIGRATIONS // TABLES)]
    key = "models.BigAutoField(primary_key=True, serialize=False)"
    models = ["from django.db import models"]
    for table in range(1, TABLES + 1):
        fields = "".join(f"    {column} = models.IntegerField(null=True)\n" for column in columns)
        models.append(f"class Table{table}(models.Model):\n    id = {key}\n{fields}")
    (package / "models.py").write_text("\n\n".join(models))
    before = ""
    for number in range(MIGRATIONS):
        table, column = number % TABLES + 1, number // TABLES
        operation = (
            f"migrations.AddField('table{table}', 'column_{column}', models.IntegerField(null=True))"
            if column
            else f"migrations.CreateModel('Table{table}', [('id', {key})])"
        )
        name = f"{number + 1:04}_table{table}"
        (migrations / f"{name}.py").write_text(
            "from django.db import migrations, models\n\n\nclass Migration(migrations.Migration):\n"
            f"    dependencies = [{before}]\n    operations = [{operation}]\n"
        )
        before = repr((APP, name))
    settings = app / "config/settings.py"
    settings.write_text(settings.read_text().replace('    "gallery",\n', f'    "gallery",\n    "{APP}",\n', 1))
