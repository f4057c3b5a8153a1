"""The media of a local stack: its S3 server's, those of a bucket from elsewhere, or a folder in the app's container."""

from collections.abc import Mapping

from infra.commands import stack
from infra.commands.data.media import MediaEnd
from infra.commands.data.media_clients import client, parsed
from infra.commands.data.media_folder import FolderMedia
from infra.commands.data.media_s3 import S3Media, is_near
from infra.contract.storage_dsn import Files


def media(name: str, settings: Mapping[str, object]) -> MediaEnd:
    """The media of a stack that is up. Raises DataError."""
    del settings  # the container says all
    web = stack.web(stack.engine(), name)
    found = parsed(name, stack.environment(web).get("DEFAULT_STORAGE_DSN", ""))
    if isinstance(found, Files):
        return FolderMedia(name, ["docker", "exec", "--interactive", str(web.id)], found.folder)
    s3 = client(found)
    # A bucket from elsewhere may be another site's, such as production's.
    return S3Media(name, found, s3, production=not is_near(s3))
