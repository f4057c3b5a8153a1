"""`django-stack wheel`: writes the package that a project installs."""

from pathlib import Path

import click

from infra import wheel


@click.command
@click.argument("folder", default=".", type=click.Path(exists=True, file_okay=False, writable=True, path_type=Path))
def command(folder: Path) -> None:
    """Writes the wheel of django-stack-contract into FOLDER, and shows how to require it.

    FOLDER is the working directory unless it is named. The wheel is one file, to be kept with the project. An older
    version of it in FOLDER stays.

    \b
    Example:
      django-stack wheel .
    """
    try:
        name, content = wheel.wheel()
    except wheel.WheelError as error:
        raise click.ClickException(str(error)) from None
    (folder / name).write_bytes(content)
    print(f"{folder / name}\nFor requirements.in: {wheel.requirement(name)}")
