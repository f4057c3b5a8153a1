"""A volume is opened to every user by one short container that reaches nothing else."""

from tests.infra.local.steps.conftest import Run
from tests.infra.local.steps.engine import Engine


def test_the_volume_is_opened_by_root_without_a_network_and_nothing_is_left(run: Run) -> None:
    engine = Engine()
    assert run("make_writable", {"volume": "app-media-files", "image": "python", "mounted": True}, engine)[0] == 0
    assert engine.ran == [
        {
            "image": "python",
            "command": ["chmod", "-R", "a+rwX", "/volume"],
            "user": "0",
            "volumes": {"app-media-files": {"bind": "/volume", "mode": "rw"}},
            "network_mode": "none",
            "use_config_proxy": False,
            "remove": True,
        }
    ]
