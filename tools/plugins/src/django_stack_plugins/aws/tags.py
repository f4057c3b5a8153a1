"""How tags are set, taken away and read, for each of AWS's services another way."""

from dataclasses import dataclass, replace

from django_stack_plugins.aws.calls import Call


@dataclass(frozen=True)
class Tagging:
    """`argument` of the call that makes a resource takes its tags, unless it is empty: then `add` does afterwards.

    Where `list` is None, the call that reads the resource has its tags, at `read`.
    """

    add: Call
    remove: Call
    list: Call | None = None
    argument: str = "Tags"
    read: str = "Tags"


# `tags` are the ones to set, `gone` the names of those to take away.
EC2 = Tagging(
    Call("CreateTags", {"Resources": "id", "Tags": "tags"}),
    Call("DeleteTags", {"Resources": "id", "Tags": "gone[].{Key: @}"}),
    argument="TagSpecifications",
)
LOAD_BALANCING = Tagging(
    Call("AddTags", {"ResourceArns": "id", "Tags": "tags"}),
    Call("RemoveTags", {"ResourceArns": "id", "TagKeys": "gone"}),
    Call("DescribeTags", {"ResourceArns": "id"}, gives="TagDescriptions[0].Tags"),
)
RDS = Tagging(
    Call("AddTagsToResource", {"ResourceName": "arn", "Tags": "tags"}),
    Call("RemoveTagsFromResource", {"ResourceName": "arn", "TagKeys": "gone"}),
    Call("ListTagsForResource", {"ResourceName": "arn"}, gives="TagList"),
)
ECS = Tagging(
    Call("TagResource", {"resourceArn": "arn", "tags": "tags"}),
    Call("UntagResource", {"resourceArn": "arn", "tagKeys": "gone"}),
    argument="tags",
    read="tags",
)
ECR = Tagging(
    Call("TagResource", {"resourceArn": "arn", "tags": "tags"}),
    Call("UntagResource", {"resourceArn": "arn", "tagKeys": "gone"}),
    Call("ListTagsForResource", {"resourceArn": "arn"}, gives="tags"),
    argument="tags",
)
LOGS = Tagging(
    Call("TagResource", {"resourceArn": "arn", "tags": "tags"}),
    Call("UntagResource", {"resourceArn": "arn", "tagKeys": "gone"}),
    Call("ListTagsForResource", {"resourceArn": "arn"}, gives="tags"),
    argument="tags",
)

CLOUDWATCH = Tagging(
    Call("TagResource", {"ResourceARN": "arn", "Tags": "tags"}),
    Call("UntagResource", {"ResourceARN": "arn", "TagKeys": "gone"}),
    Call("ListTagsForResource", {"ResourceARN": "arn"}, gives="Tags"),
)
SCALING = CLOUDWATCH
SNS = Tagging(
    Call("TagResource", {"ResourceArn": "arn", "Tags": "tags"}),
    Call("UntagResource", {"ResourceArn": "arn", "TagKeys": "gone"}),
    Call("ListTagsForResource", {"ResourceArn": "arn"}, gives="Tags"),
)
SCHEDULER = SNS
ROLES = Tagging(
    Call("TagRole", {"RoleName": "id", "Tags": "tags"}),
    Call("UntagRole", {"RoleName": "id", "TagKeys": "gone"}),
)
SECRETS = Tagging(
    Call("TagResource", {"SecretId": "id", "Tags": "tags"}),
    Call("UntagResource", {"SecretId": "id", "TagKeys": "gone"}),
)
CERTIFICATES = Tagging(
    Call("AddTagsToCertificate", {"CertificateArn": "id", "Tags": "tags"}),
    Call("RemoveTagsFromCertificate", {"CertificateArn": "id", "Tags": "gone[].{Key: @}"}),
    Call("ListTagsForCertificate", {"CertificateArn": "id"}, gives="Tags"),
)
CLOUDFRONT = Tagging(
    Call("TagResource", {"Resource": "arn", "Tags": "tags"}),
    Call("UntagResource", {"Resource": "arn", "TagKeys.Items": "gone"}),
    Call("ListTagsForResource", {"Resource": "arn"}, gives="Tags.Items"),
    argument="",
)
FIREWALL = Tagging(
    Call("TagResource", {"ResourceARN": "arn", "Tags": "tags"}),
    Call("UntagResource", {"ResourceARN": "arn", "TagKeys": "gone"}),
    Call("ListTagsForResource", {"ResourceARN": "arn"}, gives="TagInfoForResource.TagList"),
)
VPC_ORIGINS = replace(CLOUDFRONT, argument="Tags")
# A bucket's tags are put as a whole.
BUCKETS = Tagging(
    Call("PutBucketTagging", {"Bucket": "id", "Tagging.TagSet": "tags"}),
    Call("DeleteBucketTagging", {"Bucket": "id"}),
    Call("GetBucketTagging", {"Bucket": "id"}, gives="TagSet"),
    argument="",
)
SES = Tagging(
    Call("TagResource", {"ResourceArn": "arn", "Tags": "tags"}),
    Call("UntagResource", {"ResourceArn": "arn", "TagKeys": "gone"}),
    Call("ListTagsForResource", {"ResourceArn": "arn"}, gives="Tags"),
)
