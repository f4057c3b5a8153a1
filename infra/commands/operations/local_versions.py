"""The versions of a stack on this machine's Docker engine."""

import sys
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from docker.errors import APIError, ContainerError
from docker.types import LogConfig

from infra import built
from infra.commands import stack
from infra.commands.operations.local_logs import moment
from infra.commands.operations.versions import CLOCKS, HASH, Update, Version, in_order, updates
from infra.local.labels import PROJECT, STACK, STATE, state

if TYPE_CHECKING:
    from docker.models.containers import Container

LINES = 5  # of a failed program
UNKNOWN = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Named:
    """A version: when its image was built, and when it last got this name.

    That is UNKNOWN where the engine's time may be that of another name.
    """

    hash: str
    built: datetime
    named: datetime


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
        when, perhaps = ran(updates(self._name), [self._named(one) for one in own])
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
                    perhaps.get(one.tag),
                )
                for one in own
            ]
        )

    def bring(self, version: str) -> str:
        found = next((one for one in built.kept(self._engine, self._project) if one.tag == version), None)
        if not found:
            sys.exit(f"The Docker engine of this machine has no version {version} any more.")
        return found.id

    def _named(self, one: built.Kept) -> Named:
        """When the image got its name last, which an update that builds gives it again.

        The engine keeps one time for all names of an image, so that of an image with several may be another name's.
        """
        image = self._engine.images.get(one.id)
        text = str(image.attrs.get("Metadata", {}).get("LastTagTime", ""))
        known = text[:4] > "0001" and len(image.attrs["RepoTags"]) == 1  # the year 1 stands for never
        return Named(one.tag, one.built, _moment(text) if known else UNKNOWN)

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


def ran(done: Collection[Update] | None, own: Collection[Named]) -> tuple[dict[str, datetime], dict[str, datetime]]:
    """When a version last was what an update brought up or left, by its hash, and when it perhaps was.

    Of the times at which a version was named the engine keeps the last one only. So an update had the version that was
    built or named while it ran. Otherwise it left that of the update before, or had one whose time was lost since.
    """
    found: dict[str, datetime] = {}
    perhaps: dict[str, datetime] = {}
    before = {""}  # whatever the first update that Pulumi tells of found
    for update in done or ():
        start = update.start or update.end
        inside = {one.hash for one in own if any(start <= it <= update.end for it in (one.built, one.named))}
        if HASH.fullmatch(update.image):
            had = {update.image}
        else:
            # With `stack:NAME`, a version that the stack has already isn't named again.
            had = inside or before | {
                one.hash
                for one in own
                if one.built <= update.end + CLOCKS and (update.image or one.named >= start - CLOCKS)
            }
        if update.succeeded:
            (found if len(had) == 1 else perhaps).update(dict.fromkeys(had, update.end))
        # One that failed without having built anything may have left all as it was.
        before = had if update.succeeded or inside else before | had
    return found, perhaps
