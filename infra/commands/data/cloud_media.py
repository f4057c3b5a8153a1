"""The media of a stack on AWS: its bucket, or one from elsewhere."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from infra.commands.data.ends import DataError
from infra.commands.data.media import MediaEnd
from infra.commands.data.media_clients import client, parsed
from infra.commands.data.media_s3 import S3Media
from infra.commands.data.protection import keeps_data
from infra.commands.operations.cloud_stack import CloudStack, explained
from infra.contract.storage_dsn import Files


@explained
def media(name: str, settings: Mapping[str, object]) -> MediaEnd:
    """The media of a stack that is up. Raises DataError."""
    found_stack = CloudStack(name, settings)
    found = parsed(name, found_stack.variable("DEFAULT_STORAGE_DSN"))
    if isinstance(found, Files):
        raise DataError(f"DEFAULT_STORAGE_DSN of {name} is a folder, which tasks in the cloud lose.")
    kept = keeps_data(settings)
    is_aws = (urlsplit(found.endpoint).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))
    if found.key or not is_aws:
        # A bucket from elsewhere may be another site's, such as production's.
        return S3Media(name, found, client(found), production=True)
    profile = found_stack.account.profile or "default"
    return S3Media(name, found, found_stack.client("s3", found.region), production=kept, account=f"profile {profile}")
