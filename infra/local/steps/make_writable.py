"""Makes a volume writable for every user, because with mount-source the web runs as this machine's user.

Run by local.Command.
"""

from infra import endpoint
from infra.local.requests import MakeWritableRequest
from infra.local.steps.waiting import engine_errors
from infra.steps import read_request


def main() -> None:
    """Raises docker's own error when the volume can't be mounted or changed."""
    request = read_request(MakeWritableRequest)
    endpoint.client().containers.run(
        request.image,
        ["chmod", "-R", "a+rwX", "/volume"],
        user="0",
        volumes={request.volume: {"bind": "/volume", "mode": "rw"}},
        network_mode="none",
        use_config_proxy=False,
        remove=True,
    )


if __name__ == "__main__":
    with engine_errors():
        main()
