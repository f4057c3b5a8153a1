"""Lets any user write to a volume: over mounted source the web is this machine's user. Run by local.Command.

Request: {volume: name, image: any image with chmod}
"""

from infra import endpoint
from infra.local.containers import engine_errors
from infra.programs import request


def main() -> None:
    """Raises docker's own error when the volume can't be mounted or changed."""
    asked = request()
    endpoint.client().containers.run(
        asked["image"],
        ["chmod", "-R", "a+rwX", "/volume"],
        user="0",
        volumes={asked["volume"]: {"bind": "/volume", "mode": "rw"}},
        network_mode="none",
        use_config_proxy=False,
        remove=True,
    )


if __name__ == "__main__":
    with engine_errors():
        main()
