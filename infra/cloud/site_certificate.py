"""The certificate of an own domain: issued by ACM, proved by records in the domain's hosted zone."""

import pulumi
import pulumi_aws as aws

from infra.cloud.settings import GLOBAL_REGION, CloudSettings
from infra.cloud.tags import tags


def issued_certificate(
    name: str, settings: CloudSettings, hosts: list[str], parent: pulumi.Resource
) -> pulumi.Output[str]:
    """The ARN of a certificate for all hosts, once it is issued; its resources are children of `parent`."""
    own = pulumi.ResourceOptions(parent=parent)
    certificate = aws.acm.Certificate(
        f"{name}-certificate",
        region=GLOBAL_REGION,
        domain_name=hosts[0],
        subject_alternative_names=hosts[1:] or None,
        validation_method="DNS",
        tags=tags(settings),
        opts=own,
    )

    def proof(host: str) -> aws.route53.Record:
        option = certificate.domain_validation_options.apply(
            lambda options: next(option for option in options if option.domain_name == host)
        )
        return aws.route53.Record(
            f"{name}-proof-{host}",
            zone_id=settings.hosted_zone,
            name=option.apply(lambda known: known.resource_record_name or ""),
            type=option.apply(lambda known: known.resource_record_type or ""),
            records=[option.apply(lambda known: known.resource_record_value or "")],
            ttl=300,
            allow_overwrite=True,  # a wildcard certificate may have left the same record
            opts=own,
        )

    proofs = [proof(host) for host in hosts]
    issued = aws.acm.CertificateValidation(
        f"{name}-issued",
        region=GLOBAL_REGION,
        certificate_arn=certificate.arn,
        validation_record_fqdns=[record.fqdn for record in proofs],
        opts=own,
    )
    arn: pulumi.Output[str] = issued.certificate_arn
    return arn
