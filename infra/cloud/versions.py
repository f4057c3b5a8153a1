"""The versions of the app in ECR: where one is, and how a stack gets it into its own repository as it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from docker.errors import DockerException

from infra import built, endpoint
from infra.cloud.aws import client
from infra.cloud.push import push
from infra.cloud.registry import RegistryError, Repository, copy
from infra.cloud.requests import CopyImageRequest, PushImageRequest
from infra.endpoint import EndpointError
from infra.pinned import Neighbour

ABSENT = {"ImageNotFoundException", "RepositoryNotFoundException"}


@dataclass(frozen=True)
class Pushed:
    """A version in a repository; `size` in bytes is what the registry stores, `pushed` is in UTC."""

    tag: str
    digest: str
    size: int
    pushed: datetime


@dataclass(frozen=True)
class Place:
    """Where a version was found: a repository of the region and the profile, or the Docker engine on this machine
    (no region). `id` is the digest, or the image's id there."""

    id: str
    repository: str = ""
    region: str = ""
    profile: str = ""


def others(project: str, stack: str, neighbours: Sequence[Neighbour]) -> list[dict[str, str]]:
    """The repositories of the project's other stacks on AWS, as a CopyImageRequest has them."""
    return [
        {"repository": f"{project}/{one.name}", "region": one.region, "profile": one.profile}
        for one in neighbours
        if one.platform == "cloud" and one.region and one.name != stack
    ]


def pushed(ecr: Any, repository: str) -> list[Pushed]:
    """The versions in a repository, the newest first; none when there is no such repository."""
    try:
        pages = list(ecr.get_paginator("describe_images").paginate(repositoryName=repository))
    except ClientError as error:
        if error.response["Error"].get("Code") not in ABSENT:
            raise
        return []
    found = [
        Pushed(tag, one["imageDigest"], one.get("imageSizeInBytes", 0), one["imagePushedAt"])
        for page in pages
        for one in page["imageDetails"]
        for tag in one.get("imageTags", [])
    ]
    return sorted(found, key=lambda one: (one.pushed, one.tag), reverse=True)


def digest_of(ecr: Any, repository: str, tag: str) -> str:
    """The digest of the image that has the tag, `sha256:…`; nothing when there is none."""
    try:
        answer = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
    except ClientError as error:
        if error.response["Error"].get("Code") not in ABSENT:
            raise
        return ""
    return str(answer["imageDetails"][0]["imageDigest"])


def find(request: CopyImageRequest) -> Place | None:
    """Where the version is: in the stack's own repository, another stack's, or on this machine; or nowhere.

    Raises boto3's errors about the stack's own account. Others that can't be asked don't have it.
    """
    return next(_places(request), None)


def _places(request: CopyImageRequest) -> Iterator[Place]:
    if digest := digest_of(client("ecr", request), request.repository, request.tag):
        yield Place(digest, request.repository, request.region, request.profile)
    for other in request.others:
        try:
            digest = digest_of(client("ecr", _Elsewhere(**other)), other["repository"], request.tag)
        except (BotoCoreError, ClientError):
            continue
        if digest:
            yield Place(digest, **other)
    try:
        engine = endpoint.client(timeout=30)
        here = built.kept(engine, request.repository.partition("/")[0])
    except (EndpointError, DockerException):
        return
    yield from (Place(one.id) for one in here if one.tag == request.tag)


def bring(request: CopyImageRequest) -> str:
    """Gets the version into the stack's own repository, unless it is there; its digest.

    Raises RegistryError, PushError, and boto3's errors.
    """
    place = find(request)
    if not place:
        raise RegistryError(f"The version {request.tag} is nowhere any more. Fix: django-stack versions, for others")
    ecr = client("ecr", request)
    if (place.repository, place.region, place.profile) == (request.repository, request.region, request.profile):
        return place.id
    target = Repository(ecr, request.repository)
    if place.region:
        source = Repository(client("ecr", _Elsewhere(place.repository, place.region, place.profile)), place.repository)
        copy(source, target, place.id, request.tag)
    else:
        push(ecr, _as_push(request, place.id, f"{target.host}/{target.name}"))
    digest = digest_of(ecr, request.repository, request.tag)
    if not digest or (place.region and digest != place.id):
        raise RegistryError(
            f"{request.repository} has {digest or 'nothing'} under {request.tag}, where it should have {place.id}."
        )
    return digest


@dataclass(frozen=True)
class _Elsewhere:
    repository: str
    region: str
    profile: str


def _as_push(request: CopyImageRequest, image: str, url: str) -> PushImageRequest:
    return PushImageRequest(
        image=image,
        built_by="",
        repository=request.repository,
        url=url,
        tag=request.tag,
        region=request.region,
        profile=request.profile,
    )
