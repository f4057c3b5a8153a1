"""Removes the images that this project built, and the stand-ins for official ones. Containers and data stay.

Run by `make clean`. An image that a container still uses stays, too, and is named. So does what others built on a
stand-in: it has inherited the label, which holds another image's name.
"""

from docker.errors import APIError

from infra.local import stack as here
from infra.local.labels import STAND_IN


def main() -> None:
    """Prints what was removed and what stayed."""
    client = here.engine()
    own = client.images.list(filters={"reference": f"{here.project_name()}/*"})
    stand_ins = client.images.list(filters={"label": STAND_IN})
    names = {name for image in own for name in image.tags}
    names |= {name for image in stand_ins for name in image.tags if image.labels[STAND_IN] == name}
    for name in sorted(names):
        try:
            client.images.remove(name)
        except APIError as error:
            print(f"kept    {name}: {error.explanation}")
        else:
            print(f"removed {name}")


if __name__ == "__main__":
    main()
