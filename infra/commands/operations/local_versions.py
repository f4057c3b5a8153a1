"""The versions of a stack on this machine's Docker engine."""

import sys
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from docker.errors import APIError, ContainerError
from docker.types import LogConfig

from infra import built
from infra.commands import stack
from infra.commands.operations.local_logs import moment
from infra.commands.operations.versions import Version, in_order, ran, updates
from infra.local.labels import PROJECT, STACK, STATE, state

if TYPE_CHECKING:
    from docker.models.containers import Container

LINES = 5  # of a failed program


class StackVersions:
    """Those of a stack on Docker."""

    made_by = "built"

    def __init__(self, name: str, settings: Mapping[str, object]) -> None:
        del settings  # the engine says all
        self._name, self._project = name, stack.project_name()
        self._engine = stack.engine()

    def is_up(self) -> bool:
        return self._web() is not None

    def _web(self) -> "Container | None":
        """The web's container, also one that ends again and again: that is when people go back."""
        filters = {**stack.filters(self._name), "name": f"^/{self._project}-{self._name}-web$"}
        return next(iter(self._engine.containers.list(all=True, filters=filters, ignore_removed=True)), None)

    def all(self) -> list[Version]:
        own = [one for one in built.kept(self._engine, self._project) if one.stack == self._name]
        tagged = [(self._tagged(one), one.tag) for one in own]
        when = ran(updates(self._name), tagged)
        runs, since = "", datetime.now(UTC)
        if web := self._web():
            runs, since = str(web.attrs["Image"]), _moment(web.attrs["Created"])
        return in_order(
            [
                Version(
                    one.tag,
                    one.id,
                    one.built,
                    one.size,
                    when.get(one.tag, since if one.id == runs else None),
                    one.id == runs,
                )
                for one in own
            ]
        )

    def bring(self, version: str) -> str:
        found = next((one for one in built.kept(self._engine, self._project) if one.tag == version), None)
        if not found:
            sys.exit(f"The Docker engine of this machine has no version {version} any more.")
        return found.id

    def _tagged(self, one: built.Kept) -> datetime:
        """When the image got its name last, which an update that builds gives it again."""
        image = self._engine.images.get(one.id)
        text = str(image.attrs.get("Metadata", {}).get("LastTagTime", ""))
        return _moment(text) if text[:4] > "0001" else one.built  # the year 1 stands for never

    def ask(self, version: Version, program: str) -> str:
        web = self._web()
        if not web:
            raise RuntimeError(f"there is no container {self._project}-{self._name}-web")
        config, host = web.attrs["Config"], web.attrs["HostConfig"]
        try:
            output = self._engine.containers.run(
                version.id,
                ["python", "manage.py", "shell", "-c", program],
                name=f"{stack.runs(self._name)}{uuid.uuid4().hex[:8]}",
                environment=stack.environment(web),
                user=config["User"],
                labels={PROJECT: self._project, STACK: self._name, STATE: state()},
                volumes=host["Binds"] or [],
                network=next(iter(web.attrs["NetworkSettings"]["Networks"])),
                log_config=LogConfig(type="json-file"),
                use_config_proxy=False,  # the web's environment has no proxies either
                remove=True,
            )
        except ContainerError as error:
            said = error.stderr if isinstance(error.stderr, bytes) else b""
            lines = said.decode(errors="replace").strip().splitlines()[-LINES:]
            raise RuntimeError("\n".join(lines) or str(error)) from None
        except APIError as error:
            raise RuntimeError(str(error.explanation)) from None
        assert isinstance(output, bytes)  # noqa: S101  # it isn't streamed
        return output.decode(errors="replace")


def _moment(text: str) -> datetime:
    """A time of the engine's in whole seconds, as those of Pulumi's history are."""
    return moment(text).replace(microsecond=0)
