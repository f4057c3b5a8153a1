"""PostgreSQL as an RDS instance: private, encrypted, only by TLS, with backups."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws
import pulumi_random as random
from pulumi_aws.rds import InstanceRestoreToPointInTimeArgsDict

from infra.cloud import certificates
from infra.cloud.context import CloudContext
from infra.cloud.network import DATABASE_PORT
from infra.cloud.origin import Origin
from infra.cloud.tags import tags
from infra.dsn import DatabaseURL

ENGINE = "postgres"
USER = NAME = "app"
INSIGHTS_DAYS = {"standard": 7, "advanced": 465}  # the first is free of charge, the second the least for `advanced`
LOGS = ("postgresql", "upgrade")  # what PostgreSQL says, and what a major upgrade of it says
# The provider gives up after 40 minutes, or 80 for a change, but a large database is restored, saved for the first time
# or upgraded for hours: https://github.com/hashicorp/terraform-provider-aws/issues/44104
PATIENCE = pulumi.CustomTimeouts(create="4h", update="4h", delete="2h")


class Database(pulumi.ComponentResource):
    """PostgreSQL of `postgres-version` in the private subnets, which admits only the tasks.

    Exposes `url` (for the app), `host_url` (the same, since no other machine reaches the database without a tunnel),
    `identity`, the resource id of the instance, and `name`, its identifier.
    """

    def __init__(self, name: str, context: CloudContext, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("django-stack:cloud:Database", name, None, opts)
        settings, network = context.settings, context.network
        own = pulumi.ResourceOptions(parent=self)
        password = random.RandomPassword(f"{name}-password", length=32, special=False, opts=own)
        # Successive databases need different names for their last snapshots: a change of any of these values, for which
        # AWS replaces the database, also changes the name.
        made_of: dict[str, pulumi.Input[str]] = {
            "identifier": settings.prefix,
            "engine": ENGINE,
            "name": NAME,
            "user": USER,
            "network": network.id,
        }
        origin = settings.origin
        if origin:
            made_of["origin"] = str(origin)
        snapshot = random.RandomId(
            f"{name}-last-snapshot",
            byte_length=4,
            keepers=made_of,
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=[] if origin else ["keepers.origin"]),
        )
        subnets = aws.rds.SubnetGroup(
            f"{name}-subnets", name=settings.prefix, subnet_ids=network.private, tags=tags(settings), opts=own
        )
        family = f"{ENGINE}{settings.postgres_version}"
        parameters = aws.rds.ParameterGroup(
            f"{name}-parameters",
            # A major upgrade creates the new group before the database leaves the old one. Their names differ, so that
            # an upgrade that AWS refuses can be undone.
            name_prefix=f"{settings.prefix}-{family}-",
            family=family,
            parameters=[{"name": "rds.force_ssl", "value": "1", "apply_method": "immediate"}],
            tags=tags(settings),
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=False),
        )
        # RDS would make these groups itself, and CloudWatch would keep them for ever.
        logs = [
            aws.cloudwatch.LogGroup(
                f"{name}-log-{log}",
                name=f"/aws/rds/instance/{origin.identifier}/{log}",
                retention_in_days=settings.log_days,
                tags=tags(settings),
                # Those of an old database stay with it.
                opts=pulumi.ResourceOptions(
                    parent=self, retain_on_delete=settings.keep_data, ignore_changes=[] if origin else ["name"]
                ),
            )
            for log in LOGS
        ]
        instance = aws.rds.Instance(
            name,
            identifier=origin.identifier,
            snapshot_identifier=origin.snapshot or None,
            restore_to_point_in_time=_moment(origin),
            engine=ENGINE,
            engine_version=str(settings.postgres_version),  # only the major, since minor upgrades are automatic
            auto_minor_version_upgrade=True,
            allow_major_version_upgrade=settings.database_upgrade,  # otherwise AWS refuses another major
            engine_lifecycle_support="open-source-rds-extended-support-disabled",  # it would be billed by the vCPU
            instance_class=settings.database_class,
            allocated_storage=settings.database_storage,
            max_allocated_storage=settings.database_storage_max,
            storage_type="gp3",
            storage_encrypted=True,
            db_name=NAME,
            username=USER,
            password=password.result,
            port=DATABASE_PORT,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[network.database_group],
            publicly_accessible=False,
            multi_az=settings.database_multi_az,
            parameter_group_name=parameters.name,
            ca_cert_identifier="rds-ca-rsa2048-g1",
            backup_retention_period=settings.database_backup_days,
            copy_tags_to_snapshot=True,
            enabled_cloudwatch_logs_exports=list(LOGS),
            performance_insights_enabled=settings.database_insights != "off",
            performance_insights_retention_period=INSIGHTS_DAYS.get(settings.database_insights),
            database_insights_mode="advanced" if settings.database_insights == "advanced" else "standard",
            deletion_protection=settings.keep_data,
            skip_final_snapshot=False,
            final_snapshot_identifier=pulumi.Output.concat(settings.prefix, "-last-", snapshot.hex),
            apply_immediately=True,  # the app gets a new password now, so the database must
            tags=tags(settings),
            opts=_options(self, origin, logs, keep_data=settings.keep_data),
        )
        self.url: pulumi.Output[str] = pulumi.Output.secret(
            pulumi.Output.all(password.result, instance.address).apply(
                lambda known: str(
                    DatabaseURL(
                        USER,
                        known[0],
                        known[1],
                        DATABASE_PORT,
                        NAME,
                        {"sslmode": "verify-full", "sslrootcert": certificates.FILE},
                    )
                )
            )
        )
        self.host_url = self.url
        self.identity: pulumi.Output[str] = instance.resource_id
        self.name: pulumi.Output[str] = instance.identifier
        self.register_outputs({"url": self.url, "host_url": self.host_url, "identity": self.identity})


def _moment(origin: Origin) -> InstanceRestoreToPointInTimeArgsDict | None:
    """The moment of an origin, as the provider takes it."""
    if not origin.moment:
        return None
    found: InstanceRestoreToPointInTimeArgsDict = {}
    found["source_dbi_resource_id" if origin.is_by_resource_id else "source_db_instance_identifier"] = origin.source
    if origin.moment == "latest":
        found["use_latest_restorable_time"] = True
    else:
        found["restore_time"] = origin.moment
    return found


def _options(
    parent: pulumi.Resource, origin: Origin, depends_on: Sequence[pulumi.Resource], *, keep_data: bool
) -> pulumi.ResourceOptions:
    """How Pulumi replaces the database, and keeps it (docs/decisions/0023-a-new-database-from-a-backup.md).

    With an origin, a new database is made before the old one goes, and Pulumi's protection, which would refuse that,
    steps back. The old one is not deleted even so: with `keep_data` Pulumi only forgets it, and AWS protects it.
    Without an origin, a database stays what it is, whatever it was made from.
    """
    if origin:
        return pulumi.ResourceOptions(
            parent=parent,
            depends_on=depends_on,
            custom_timeouts=PATIENCE,
            retain_on_delete=keep_data,
            delete_before_replace=False,
        )
    return pulumi.ResourceOptions(
        parent=parent,
        depends_on=depends_on,
        custom_timeouts=PATIENCE,
        protect=keep_data,
        retain_on_delete=keep_data,
        ignore_changes=["identifier", "restoreToPointInTime", "snapshotIdentifier"],
    )
