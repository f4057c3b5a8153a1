"""Makes a volume writable for every user, because with mount-source the web runs as this machine's user.

Run by local.Command.
"""

from docker.types import LogConfig

from infra import endpoint
from infra.local.requests import MakeWritableRequest
from infra.local.steps.waiting import engine_errors
from infra.steps import read_request


def main() -> None:
    """Raises docker's own error when the volume can't be mounted or changed."""
    request = read_request(MakeWritableRequest)
    endpoint.client().containers.run(
        request.image,
        ["-R", "a+rwX", "/volume"],
        entrypoint="chmod",  # an entrypoint of the image's own may wait for a database, which isn't there
        user="0",
        volumes={request.volume: {"bind": "/volume", "mode": "rw"}},
        network_mode="none",
        use_config_proxy=False,
        labels=request.labels,
        log_config=LogConfig(type=LogConfig.types.JSON),  # logs of the engine's default driver may be unreadable
        remove=True,
    )


if __name__ == "__main__":
    with engine_errors():
        main()
