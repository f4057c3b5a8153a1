"""`django-stack new`: a small Django project on the package, with a stack of its own."""

import keyword
import re
import sys
from pathlib import Path

import click

from infra.adoption.choices import Choices, stack_name
from infra.adoption.proof import ProofError, prove
from infra.adoption.stack_settings import free_ports, new_stack_text
from infra.checkout import ROOT
from infra.setting_kinds import declared
from infra.settings import Settings
from infra.wheel import WheelError, wheel

TEMPLATE = ROOT / "infra" / "template"
SUFFIX = ".tmpl"
TAKEN = {"documents", "templates", "manage", "test", "site", "django_stack"}
# What the package brings with one of its extras, on this or that Python: the project's own folder would hide it.
BROUGHT = {
    *("anymail", "asgiref", "boto3", "botocore", "certifi", "charset_normalizer", "cronsim", "dateutil"),
    *("dj_database_url", "django", "environ", "gunicorn", "idna", "jmespath", "packaging", "psycopg", "psycopg_binary"),
    *("psycopg_pool", "redis", "requests", "s3transfer", "sentry_sdk", "six", "sqlparse", "storages"),
    *("typing_extensions", "tzdata", "urllib3", "whitenoise"),
}


@click.command
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--no-prove", is_flag=True, help="Write the files alone; build and start nothing.")
def command(path: Path, no_prove: bool) -> int:
    """Writes a small Django project to the new folder PATH, and brings it up on a stack of its own.

    It has a home page, an admin and a model with an uploaded file; its settings end with the contract. The last part of
    PATH is its name. The stack serves the folder itself, so that an edit shows at once.

    \b
    Example:
      django-stack new ../shop
    """
    folder = path.resolve()
    name = folder.name.replace("-", "_").lower()
    taken = TAKEN | BROUGHT | sys.stdlib_module_names
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name) or name in taken:
        raise click.ClickException(
            f"{folder.name} can't be the name of a project: letters, digits and hyphens, a letter first, no name "
            "that Python, Django or what the package needs has. Fix: django-stack new shop"
        )
    if path.exists() and any(path.iterdir() if path.is_dir() else [path]):
        raise click.ClickException(f"{path} is there already, so nothing was written. Fix: name a new folder")
    here = Path.cwd()
    checkout = here if (here / "Pulumi.yaml").is_file() else ROOT
    stack = stack_name(folder.name)
    file = checkout / f"Pulumi.{stack}.yaml"
    if file.exists():
        raise click.ClickException(f"{file} is there already, so nothing was written. Fix: choose another name")
    ports = free_ports(checkout, stack)
    try:
        wheel_name, content = wheel()
    except WheelError as error:
        raise click.ClickException(str(error)) from None
    image = str(declared(Settings)["python_image"].default)
    values = {
        "project": name,
        "title": folder.name.replace("-", " ").replace("_", " ").capitalize(),
        "stack": stack,
        "wheel": wheel_name,
        "image": image,
        "python": image.partition(":")[2].partition("-")[0],
        "port": str(ports["web-port"]),
    }
    write(folder, values)
    (folder / "django-stack").mkdir()
    (folder / "django-stack" / wheel_name).write_bytes(content)
    file.write_text(new_stack_text(folder, ports, checkout))
    click.echo(f"new        {folder}\nnew        {file}")
    next_ = f"django-stack manage -s {stack} createsuperuser"
    if no_prove:
        next_ = f"pulumi stack init --no-select {stack}; pulumi up -s {stack}; {next_}"
    else:
        try:
            prove(Choices(stack), ["admin/"], checkout, click.echo)
        except ProofError as error:
            click.echo(f"Not proved: {error}", err=True)
            return 1
        click.echo(f"The site is at http://localhost:{ports['web-port']}/")
    click.echo(f"Next: {next_}")
    return 0


def write(folder: Path, values: dict[str, str]) -> None:
    """Writes the template's files to the folder, with `{{ name }}` replaced by the value of that name."""
    for source in sorted(TEMPLATE.rglob(f"*{SUFFIX}")):
        parts = [values["project"] if part == "PROJECT" else part for part in source.relative_to(TEMPLATE).parts]
        target = folder.joinpath(*parts).with_name(parts[-1].removesuffix(SUFFIX))
        text = source.read_text()
        for key, value in values.items():
            text = text.replace(f"{{{{ {key} }}}}", value)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        if target.name == "manage.py":
            target.chmod(0o755)
