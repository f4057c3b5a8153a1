"""The stack's outputs, named like the app's variables so that `pulumi stack output --shell` can be sourced.

On the local platform the DSNs are the ones that work from this machine, through the published ports. On the cloud
platform only the tasks reach the database, so they are the app's own.
"""

import pulumi

from infra.components import Address, AppImage, Cache, Database, Mail, MediaStorage, Release
from infra.environment import AppEnvironment


def export_outputs(
    image: AppImage,
    environment: AppEnvironment[Address, Database, MediaStorage],
    cache: Cache | None,
    mail: Mail | None,
    release: Release,
) -> None:
    """Exports DATABASE_URL, DEFAULT_STORAGE_DSN, SECRET_KEY and release_log (secret), DOMAIN, url and image.

    With a cache CACHE_URL and REDIS_URL (secret), with a page of mails `mail_url`.
    """
    pulumi.export("DATABASE_URL", pulumi.Output.secret(environment.database.host_url))
    pulumi.export("DEFAULT_STORAGE_DSN", pulumi.Output.secret(environment.media.host_dsn))
    pulumi.export("SECRET_KEY", environment.secret["SECRET_KEY"])
    if cache:
        pulumi.export("CACHE_URL", pulumi.Output.secret(cache.host_url))
        pulumi.export("REDIS_URL", pulumi.Output.secret(cache.host_broker_url))
    if mail and mail.page:
        pulumi.export("mail_url", mail.page)
    pulumi.export("DOMAIN", environment.address.domain)
    pulumi.export("url", environment.address.url)
    pulumi.export("image", image.name)
    pulumi.export("release_log", pulumi.Output.secret(release.log))
