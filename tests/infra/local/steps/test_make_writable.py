"""A volume is opened to every user by one short container that reaches nothing else."""

from docker.types import LogConfig

from tests.infra.local.steps.conftest import Run
from tests.infra.local.steps.engine import Engine

ASKED = {
    "volume": "app-media-files",
    "image": "python",
    "mounted": True,
    "labels": {"django-stack.stack": "local"},
}


def test_the_volume_is_opened_by_root_without_a_network_and_nothing_is_left(run: Run) -> None:
    engine = Engine()
    assert run("make_writable", ASKED, engine)[0] == 0
    assert engine.ran == [
        {
            "image": "python",
            "command": ["-R", "a+rwX", "/volume"],
            "entrypoint": "chmod",  # in place of the image's own, which may wait for a database
            "user": "0",
            "volumes": {"app-media-files": {"bind": "/volume", "mode": "rw"}},
            "network_mode": "none",
            "use_config_proxy": False,
            "labels": {"django-stack.stack": "local"},
            "log_config": LogConfig(type="json-file"),
            "remove": True,
        }
    ]
