"""`django-stack clean`: removes the images that this project built, and the stand-ins for official images."""

import click
from docker.errors import APIError

from infra.commands import stack
from infra.local.labels import STAND_IN


@click.command
def command() -> None:
    """Removes the images that this project built for all its stacks, and the stand-ins for official images.

    Containers and data stay. An image that a container still uses is kept and named.

    \b
    Example:
      django-stack clean
    """
    client = stack.engine()
    own = client.images.list(filters={"reference": f"{stack.project_name()}/*"})
    stand_ins = client.images.list(filters={"label": STAND_IN})
    names = {name for image in own for name in image.tags}
    # An image that somebody built on a stand-in has inherited its label, which then holds the stand-in's name.
    names |= {name for image in stand_ins for name in image.tags if image.labels[STAND_IN] == name}
    for name in sorted(names):
        try:
            client.images.remove(name)
        except APIError as error:
            print(f"kept    {name}: {error.explanation}")
        else:
            print(f"removed {name}")
