"""The function of CloudFront that answers while there is maintenance, and the store that tells it.

`django-stack maintenance` writes the store, whose values this program neither knows nor changes, so that an update
during maintenance leaves it as it is.
"""

from pathlib import Path

import pulumi
import pulumi_aws as aws

from infra.cloud.settings import CloudSettings

RUNTIME = "cloudfront-js-2.0"  # 1.0 has no key-value stores
CODE = Path(__file__).with_suffix(".js").read_text()


def maintenance_function(name: str, settings: CloudSettings, parent: pulumi.Resource) -> pulumi.Output[str]:
    """Registers store and function as children of `parent`; the function's ARN, once it is published."""
    own = pulumi.ResourceOptions(parent=parent)
    store = aws.cloudfront.KeyValueStore(
        f"{name}-maintenance-state",
        name=f"{settings.prefix}-maintenance",
        comment="Whether there is maintenance. Written by django-stack maintenance.",
        opts=own,
    )
    function = aws.cloudfront.Function(
        f"{name}-maintenance",
        name=f"{settings.prefix}-maintenance",
        comment="Answers 503 while there is maintenance.",
        runtime=RUNTIME,
        code=CODE,
        key_value_store_associations=[store.arn],
        publish=True,
        opts=own,
    )
    arn: pulumi.Output[str] = function.arn
    return arn
