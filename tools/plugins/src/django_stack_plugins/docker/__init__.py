"""pulumi-resource-docker: Network, Volume, Image, RemoteImage and Container.

They make what kreuzwerker/terraform-provider-docker and pulumi/pulumi-docker make. One module a type, and
beside it the container's requests, outputs and uploads; `client` holds the connection to the Docker engine.
"""

from django_stack_plugins.docker.client import DockerConfiguration
from django_stack_plugins.docker.container import Container
from django_stack_plugins.docker.image import Image
from django_stack_plugins.docker.network import Network
from django_stack_plugins.docker.remote_image import RemoteImage
from django_stack_plugins.docker.volume import Volume
from django_stack_plugins.server import serve_provider


def main() -> None:
    """Console script."""
    configuration = DockerConfiguration()
    types = (Network, Volume, Image, RemoteImage, Container)
    serve_provider("5.2.0", [resource(configuration) for resource in types], configuration)
