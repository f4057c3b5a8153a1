"""What projects and stacks may be called on AWS.

Both are in the names of some fifteen kinds of resources. The rules are the strictest of those, each with its page.
"""

import re
from dataclasses import dataclass
from typing import ClassVar

from infra.names import Names, digest

# Letters, digits and single hyphens:
# - load balancer and target group: letters, digits and hyphens, but no hyphen at either end
#   https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
# - database and its parameter group: a letter first, no two hyphens in a row, no hyphen at the end
#   https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html, API_CreateDBParameterGroup
# - cache: 40, a letter first, no two hyphens in a row, no hyphen at the end
#   https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html
# - image repository: lower case, a letter first
#   https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
# - bucket: lower case https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
# The other rules allow more: cluster, service and task definition (255, letters, digits, - and _; `aws`, `ecs` and
# `fargate` are reserved only for capacity providers, which we don't have)
#   https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html, API_CreateCapacityProvider
# role (64) https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
# security group (255) https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
# schedule, schedule group (64) https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateScheduleGroup.html
# log group (512) https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
# secret (512) https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
# topic (256) https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
# alarm (255) https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
# origin access control (64) https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_OriginAccessControlConfig.html
_AWS = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_AWS_WORDS = (
    "lower-case letters, digits and single hyphens between them (names of a load balancer, a database, a bucket)"
)

# What `project-stack` must not begin with. The reserved suffixes of buckets (-s3alias, --ol-s3, .mrap, --x-s3,
# --table-s3) can't occur, because the name ends in random characters; nor can the prefix xn--, with its two hyphens.
_RESERVED = {
    "internal-": "a load balancer",
    "sg-": "a security group",
    "sthree-": "a bucket",
    "amzn-s3-demo-": "a bucket",
}

# The longest names that are made of `project-stack`: what is appended to it (Pulumi's aws plugin appends 26 characters
# to a prefix), and the limit of the whole name.
_ENDS = {
    "a load balancer": ("-i", 32),
    "a database": ("-0a1b2c3d", 63),  # one that is made from a backup
    "a cache": ("", 40),
    "a bucket": (f"-media-{'0' * 26}", 63),
    "a role": ("-publisher-app", 64),
    "an origin access control": ("-static", 64),
}
LONGEST = min(limit - len(end) for end, limit in _ENDS.values())
_ROOM = 8  # the least length of a proposed stack's name when both names together are too long


@dataclass(frozen=True)
class CloudNames(Names):
    """The names of a project and a stack on AWS."""

    longest: ClassVar[int] = LONGEST

    def allowed(self, *, project: bool) -> list[str]:
        name = self.project if project else self.stack
        allowed = []
        if not _AWS.fullmatch(name):
            allowed.append(_AWS_WORDS)
        if project and not name[0].isalpha():
            allowed.append("a letter first (a database, an image's repository)")
        if project and (reserved := _reserved(self.prefix.lower())):
            allowed.append(
                f"not {reserved} at the beginning of {self.prefix}, which AWS refuses for {_RESERVED[reserved]}"
            )
        if len(self.prefix) > LONGEST:
            allowed.append(
                f"project and stack with the hyphen in {self.prefix} at most {LONGEST} characters "
                "(a bucket, a load balancer)"
            )
        return allowed

    def shaped(self, name: str) -> str:
        return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")

    def fitted(self, project: str, stack: str) -> tuple[str, str]:
        if not project[0].isalpha() or _reserved(f"{project}-{stack}"):
            project = f"my-{project}"
        if len(f"{project}-{stack}") > LONGEST:
            if self.room(project) >= _ROOM and project == self.project:
                stack = _shortened(stack, self.room(project))
            else:
                project = _shortened(project, max(LONGEST - 1 - len(stack), LONGEST // 2 - 1))
                stack = _shortened(stack, self.room(project))
        return project, stack


def _reserved(prefix: str) -> str:
    return next((reserved for reserved in _RESERVED if prefix.startswith(reserved)), "")


def _shortened(name: str, room: int) -> str:
    """The name in at most `room` characters, with a hash at its end so that names with the same beginning differ."""
    return name if len(name) <= room else f"{name[: room - 5].rstrip('-')}-{digest(name)}"
