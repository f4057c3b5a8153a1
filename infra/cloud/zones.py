"""The availability zones that load balancer and tasks can't be in, by their ids, which every account has alike."""

from collections.abc import Iterable

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-vpc-origins.html#vpc-origins-supported-regions
# (every region that docs/cloud.md lists has VPC origins)
_WITHOUT_VPC_ORIGINS = {"apne1-az3", "cac1-az3", "use1-az3", "usw1-az2"}
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html
_WITHOUT_FARGATE = {"apne1-az3", "usw1-az2"}
UNUSABLE = sorted(_WITHOUT_VPC_ORIGINS | _WITHOUT_FARGATE)


def usable(zones: Iterable[tuple[str, str]]) -> list[str]:
    """The sorted names of the zones, given by name and id, that load balancer and tasks can be in."""
    return sorted(name for name, zone in zones if zone not in UNUSABLE)
