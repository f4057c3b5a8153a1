"""The source is mounted where the image has it; the engine that is asked for that is scripted."""

from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from docker.errors import ImageNotFound

from infra.local import source


class Engine:
    """An engine whose image has a WORKDIR, or isn't there."""

    def __init__(self, folder: str | None, there: bool = True) -> None:
        self.folder, self.there, self.closed = folder, there, False
        self.images = SimpleNamespace(get=self._image)

    def _image(self, name: str) -> Any:
        if not self.there:
            raise ImageNotFound(name)
        return SimpleNamespace(attrs={"Config": {"WorkingDir": self.folder}})

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(("folder", "found"), [("/srv/site", "/srv/site"), ("", "/"), (None, "/")])
def test_the_images_own_workdir_is_taken(monkeypatch: pytest.MonkeyPatch, folder: str | None, found: str) -> None:
    engine = Engine(folder)
    monkeypatch.setattr(source, "connect", lambda: engine)
    assert source.working_folder("sha256:image") == found
    assert engine.closed


def test_an_image_that_is_gone_is_told_with_a_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "connect", lambda: Engine("/app", there=False))
    monkeypatch.setattr(pulumi, "get_stack", lambda: "local")
    with pytest.raises(pulumi.RunError, match=r"The image sha256:image is gone .* Fix: make repair STACK=local"):
        source.working_folder("sha256:image")


def test_an_image_without_a_workdir_is_refused_where_the_source_would_cover_the_whole_image(
    as_stack: Any, set_config: Any
) -> None:
    from infra.settings import Settings

    as_stack()
    set_config({"mount-source": True})
    settings: Any = Settings.load()
    assert source._mounted_at(settings, "/app") == "/app"
    with pytest.raises(pulumi.RunError, match=r"no WORKDIR for the source\. Fix: a line `WORKDIR /app`"):
        source._mounted_at(settings, "/")
