"""Maintenance of a local stack: a file in a volume, which the app looks at with every request."""

import io
import json
import sys
import tarfile
import time
from ipaddress import ip_network
from posixpath import basename
from typing import TYPE_CHECKING

from docker.errors import APIError, NotFound

from infra.commands.operations.maintenance import Maintenance
from infra.local.maintenance import FILE, FOLDER

if TYPE_CHECKING:
    from docker.models.containers import Container

ASKED = "asked"  # the networks as they were asked for; the file has more


class LocalMaintenance:
    """By the web's container, which may be stopped; `fix` brings one up that has the volume."""

    def __init__(self, web: "Container", fix: str = "pulumi up") -> None:
        self._web, self._fix = web, fix

    def look(self) -> Maintenance | None:
        try:
            chunks, _ = self._web.get_archive(FILE)
        except NotFound:
            return None
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            file = archive.extractfile(basename(FILE))
            content = json.loads(file.read()) if file else None
        return Maintenance.of(content | {"allow": content[ASKED]}) if content else None

    def put(self, wanted: Maintenance | None) -> None:
        if not any(mount["Destination"] == FOLDER for mount in self._web.attrs["Mounts"]):
            sys.exit(f"The container {self._web.name} is older than this command. Fix: {self._fix}")
        content = wanted.facts() | {ASKED: list(wanted.allow), "allow": self._networks(wanted)} if wanted else None
        text = json.dumps(content).encode()
        entry = tarfile.TarInfo(basename(FILE))
        entry.size, entry.mode = len(text), 0o644  # the app may run as any user
        entry.mtime = time.time()  # by which the app notices that it is another file
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as writer:
            writer.addfile(entry, io.BytesIO(text))
        try:
            self._web.put_archive(FOLDER, archive.getvalue())
        except APIError as error:
            sys.exit(f"The file {FILE} can't be written: {error.explanation}")

    def _networks(self, wanted: Maintenance) -> list[str]:
        """The networks that are let through, as the app sees visitors: those of this machine by Docker's gateway."""
        if not any(ip_network(network).is_loopback for network in wanted.allow):
            return list(wanted.allow)
        found = self._web.attrs["NetworkSettings"]["Networks"].values()
        gateways = {one[key] for one in found for key in ("Gateway", "IPv6Gateway") if one.get(key)}
        return [*wanted.allow, *sorted(gateways)]
