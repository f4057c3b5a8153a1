"""`django-stack clean`: removes the images that this project built, and the stand-ins for official images."""

import click
import docker
from docker.errors import APIError

from infra import built, podman
from infra.commands import stack
from infra.local.labels import PROJECT, STACK, STAND_IN

KEPT = 3  # versions of a stack that is up, for `django-stack rollback`


@click.command
@click.option("--all", "everything", is_flag=True, help="Also the last versions of stacks that are up.")
def command(everything: bool) -> None:
    """Removes the images that this project built for all its stacks, and the stand-ins for official images.

    Containers and data stay. An image that a container still uses is kept and named, and so are the last three versions
    of each stack that is up, unless there is --all: `django-stack rollback` can run them again.

    \b
    Example:
      django-stack clean
    """
    client = stack.engine()
    project = stack.project_name()
    # The list as the engine gives it: docker-py's `images.list` fails when an image goes meanwhile.
    own = client.api.images(filters={"reference": f"{project}/*"})
    stand_ins = client.api.images(filters={"label": STAND_IN})
    # Somebody may have given one a name of their own, and have others below the project's name.
    names = {name for image in own for name in image["RepoTags"] or () if any(built.parts(name, project))}
    # An image that somebody built on a stand-in has inherited its label, which then holds the stand-in's name.
    names |= {
        name
        for image in stand_ins
        for name in image["RepoTags"] or ()
        if image["Labels"][STAND_IN] == podman.as_docker(name)
    }
    kept = set() if everything else _kept(client)
    for name in sorted(names):
        if podman.as_docker(name) in kept:
            print(f"kept    {name}: a version to go back to (clean --all removes it)")
            continue
        try:
            client.images.remove(name)
        except APIError as error:
            print(f"kept    {name}: {error.explanation}")
        else:
            print(f"removed {name}")


def _kept(client: docker.DockerClient) -> set[str]:
    """The names of the last versions of the stacks that have containers."""
    project = stack.project_name()
    containers = client.api.containers(all=True, filters={"label": f"{PROJECT}={project}"})
    up = {one["Labels"].get(STACK) for one in containers}
    versions = built.kept(client, project)
    last = [[one for one in versions if one.stack == name][:KEPT] for name in up]
    return {f"{project}/{one.stack}:{one.tag}" for some in last for one in some}
