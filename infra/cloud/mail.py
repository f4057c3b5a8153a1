"""Mail by Amazon SES: the site's domain as a sender, and the records that prove it."""

import pulumi
import pulumi_aws as aws

from infra.cloud.context import CloudContext
from infra.cloud.tags import tags

# The regions whose DKIM records lead to a domain of their own.
# https://docs.aws.amazon.com/general/latest/gr/ses.html#ses_dkim_domains
OWN_DKIM_DOMAINS = {
    "af-south-1",
    "ap-northeast-3",
    "ap-south-2",
    "ap-southeast-3",
    "eu-central-2",
    "eu-south-1",
    "me-central-1",
}
TOKENS = 3  # of Easy DKIM


class Mail(pulumi.ComponentResource):
    """An identity of SES for the domain of the sender, proved by its DKIM records in `hosted-zone`.

    SES verifies it minutes after the first update. The tasks send by their role (infra/cloud/task.py), so `url` has no
    secret. There is no MAIL FROM domain: DMARC is content with DKIM's signature, which is the sender's domain's.
    Exposes `url`, which names the region, and `page`, which is empty.
    """

    page = ""

    def __init__(self, name: str, context: CloudContext, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:cloud:Mail", name, None, opts)
        settings = context.settings
        own = pulumi.ResourceOptions(parent=self)
        domain = settings.sending_domain
        identity = aws.sesv2.EmailIdentity(
            name,
            email_identity=domain,
            dkim_signing_attributes={"next_signing_key_length": "RSA_2048_BIT"},
            tags=tags(settings),
            opts=own,
        )
        zone = f"dkim.{settings.region}.amazonses.com" if settings.region in OWN_DKIM_DOMAINS else "dkim.amazonses.com"
        found = identity.dkim_signing_attributes.apply(lambda attributes: list(attributes.tokens or ()))
        # With the ARN, which isn't known either while the tokens aren't: a preview may say of them that there are none.
        tokens: pulumi.Output[list[str]] = pulumi.Output.all(found, identity.arn).apply(lambda known: known[0])
        records = [
            aws.route53.Record(
                f"{name}-dkim-{number}",
                zone_id=settings.hosted_zone,
                name=pulumi.Output.concat(tokens[number], "._domainkey.", domain),
                type="CNAME",
                records=[pulumi.Output.concat(tokens[number], ".", zone)],
                ttl=300,
                opts=own,
            )
            for number in range(TOKENS)
        ]
        self.url: pulumi.Output[str] = pulumi.Output.all(identity.arn, *(record.fqdn for record in records)).apply(
            lambda _: f"ses://{settings.region}"
        )
        self.register_outputs({"url": self.url})
