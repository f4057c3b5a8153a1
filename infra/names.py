"""What projects and stacks may be called: most physical names are made of both, as in `project-stack-part`.

In Docker, both are in the repository of an image. On AWS, they are in the names of some fifteen kinds of resources; the
rules below are the strictest of those, each with its page. `pulumi` itself allows more names, which the engine or AWS
would refuse in the middle of an update.
"""

import hashlib
import re
import shlex
from collections.abc import Collection
from dataclasses import dataclass

from infra import fixes

# A component of a repository: https://github.com/distribution/reference/blob/v0.6.0/reference.go (path-component).
# Networks, volumes and containers allow more: https://docs.docker.com/reference/cli/docker/container/run/#name
_DOCKER = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_DOCKER_WORDS = "lower-case letters and digits, with single . or _, __ or hyphens between them (an image's repository)"

# An image reference in the same grammar: a registry, which only a dot, a port or `localhost` distinguishes from a name,
# then names of at most 255 characters together, a tag and a digest.
IMAGE = re.compile(
    r"(?:(?:localhost|(?=[^/]*[.:])[A-Za-z0-9]+(?:[.-]+[A-Za-z0-9]+)*)(?::[0-9]{1,5})?/)?"
    rf"(?=[^:@]{{1,255}}(?:[:@]|$)){_DOCKER.pattern}(?:/{_DOCKER.pattern})*"
    r"(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
    re.ASCII,
)

# Letters, digits and single hyphens:
# - load balancer and target group: letters, digits and hyphens, none at the ends
#   https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
# - database and its parameter group: a letter first, no two hyphens together, none at the end
#   https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html, API_CreateDBParameterGroup
# - image repository: lower case, a letter first
#   https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
# - bucket: lower case https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
# Wider, so that these say it all: cluster, service and task definition (255, letters, digits, - and _; `aws`, `ecs` and
# `fargate` are reserved for capacity providers, of which there is none)
#   https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html, API_CreateCapacityProvider
# role (64) https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
# security group (255) https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
# log group (512) https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
# secret (512) https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
# topic (256) https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
# alarm (255) https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
# origin access control (64) https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_OriginAccessControlConfig.html
_AWS = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_AWS_WORDS = (
    "lower-case letters, digits and single hyphens between them (names of a load balancer, a database, a bucket)"
)

# What `project-stack` must not begin with. A bucket's reserved suffixes (-s3alias, --ol-s3, .mrap, --x-s3, --table-s3)
# can't come up: its name ends in random characters; neither can the prefix xn--, with its two hyphens.
_RESERVED = {
    "internal-": "a load balancer",
    "sg-": "a security group",
    "sthree-": "a bucket",
    "amzn-s3-demo-": "a bucket",
}

# The longest names that are made of `project-stack`: what is appended to it (Pulumi's aws plugin appends 26 characters
# to a prefix), and the limit of the whole name.
_ENDS = {
    "a load balancer": ("", 32),
    "a database": ("", 63),
    "a bucket": (f"-media-{'0' * 26}", 63),
    "a role": ("-execution", 64),
    "an origin access control": ("-media", 64),
}
LONGEST = min(limit - len(end) for end, limit in _ENDS.values())
_ROOM = 8  # the least length of a proposed stack's name when both names together are too long


@dataclass(frozen=True)
class Names:
    """The names of a project and a stack on a platform; `taken` are the names of the project's existing stacks."""

    project: str
    stack: str
    cloud: bool
    organization: str = "organization"
    taken: Collection[str] = ()

    @property
    def prefix(self) -> str:
        """What most physical names begin with."""
        return f"{self.project}-{self.stack}"

    def errors(self) -> list[str]:
        """An error for each name that can't be used, with everything that is wrong and the commands that rename it."""
        project, stack = self.proposed()
        errors = []
        if project != self.project:
            errors.append(
                f"the project's name is {self.project}; allowed: {self._allowed(project=True)}. "
                f"Fix: {self._rename_project(project)}"
            )
        if stack != self.stack:
            errors.append(
                f"the stack's name is {self.stack}; allowed: {self._allowed(project=False)}. "
                f"Fix: pulumi stack rename -s {shlex.quote(self.stack)} {stack}"
            )
        return errors

    def proposed(self) -> tuple[str, str]:
        """Valid names derived from these two; the same names when they are valid."""
        project, stack = self._shaped(self.project, "project"), self._shaped(self.stack, "stack")
        if self.cloud:
            if not project[0].isalpha() or self._reserved(f"{project}-{stack}"):
                project = f"my-{project}"
            if len(f"{project}-{stack}") > LONGEST:
                room = LONGEST - 1 - len(project)
                if room >= _ROOM and project == self.project:
                    stack = _shortened(stack, room)
                else:
                    project = _shortened(project, max(LONGEST - 1 - len(stack), LONGEST // 2 - 1))
                    stack = _shortened(stack, LONGEST - 1 - len(project))
        if stack != self.stack:
            stack = self._free(stack, LONGEST - 1 - len(project) if self.cloud else 100)
        return project, stack

    def _allowed(self, *, project: bool) -> str:
        """The rules that this name breaks."""
        name = self.project if project else self.stack
        allowed = []
        if not (_AWS if self.cloud else _DOCKER).fullmatch(name):
            allowed.append(_AWS_WORDS if self.cloud else _DOCKER_WORDS)
        if self.cloud:
            if project and not name[0].isalpha():
                allowed.append("a letter first (a database, an image's repository)")
            if project and (reserved := self._reserved(self.prefix.lower())):
                allowed.append(
                    f"not {reserved} at the beginning of {self.prefix}, which AWS refuses for {_RESERVED[reserved]}"
                )
            if len(self.prefix) > LONGEST:
                allowed.append(
                    f"project and stack with the hyphen in {self.prefix} at most {LONGEST} characters "
                    "(a bucket, a load balancer)"
                )
        return "; ".join(allowed)

    def _shaped(self, name: str, kind: str) -> str:
        if self.cloud:
            shaped = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        else:
            shaped = re.sub(r"[^a-z0-9]+", _separator, name.lower()).strip("-._")
        return shaped or f"{kind}-{_digest(name)}"

    def _free(self, stack: str, room: int) -> str:
        """The name, with a number appended if another stack has it: renaming would overwrite that stack's file."""
        number, free = 1, stack
        while free in self.taken:
            number += 1
            free = f"{stack[: room - len(str(number)) - 1].rstrip('-._')}-{number}"
        return free

    @staticmethod
    def _reserved(prefix: str) -> str:
        return next((reserved for reserved in _RESERVED if prefix.startswith(reserved)), "")

    def _rename_project(self, new: str) -> str:
        """The commands that rename: first the state, which `pulumi` finds under the old name, then the files."""
        stack = shlex.quote(self.stack)
        return (
            f"pulumi stack rename -s {stack} {self.organization}/{new}/{stack} && "
            f"sed -i.bak 's/^name:.*/name: {new}/' Pulumi.yaml && {fixes.rename_namespace(self.project, new)}"
        )


def _separator(found: "re.Match[str]") -> str:
    return found[0] if re.fullmatch(r"\.|__?|-+", found[0]) else "-"


def _shortened(name: str, room: int) -> str:
    """The name in at most `room` characters, with a hash at its end so that names with the same beginning differ."""
    return name if len(name) <= room else f"{name[: room - 5].rstrip('-')}-{_digest(name)}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:4]
