"""Alarms on what visitors notice first: errors, tasks that don't answer, and a database short of resources."""

from typing import Literal

import pulumi
import pulumi_aws as aws

from infra.cloud.address import Address
from infra.cloud.database import Database
from infra.cloud.settings import CloudSettings
from infra.cloud.tags import tags

GIB = 2**30
BALANCER, DATABASE = "AWS/ApplicationELB", "AWS/RDS"


class Alarms(pulumi.ComponentResource):
    """CloudWatch alarms that notify an SNS topic, and `alarm-email` if it is set.

    There are eight at most. With the two alarms that autoscaling creates, they stay within the ten of AWS's free tier.
    """

    def __init__(
        self,
        name: str,
        settings: CloudSettings,
        address: Address,
        database: Database,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("django-stack:cloud:Alarms", name, None, opts)
        self._settings = settings
        self._own = own = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(name, name=f"{settings.prefix}-alarms", tags=tags(settings), opts=own)
        self._topic: pulumi.Output[str] = topic.arn
        if settings.alarm_email:
            aws.sns.TopicSubscription(
                f"{name}-email", topic=topic.arn, protocol="email", endpoint=settings.alarm_email, opts=own
            )
        self._of_the_site(address)
        self._of_the_database(database)
        self.register_outputs({})

    def _of_the_site(self, address: Address) -> None:
        balancer = {"LoadBalancer": address.load_balancer}
        tasks = {**balancer, "TargetGroup": address.target_group}
        self._alarm(
            "errors", "the site answers with errors", BALANCER, "HTTPCode_Target_5XX_Count", tasks, "Sum", ">", 5
        )
        self._alarm(
            "errors-of-the-balancer",
            "the load balancer answers with errors, because no task answers it",
            BALANCER,
            "HTTPCode_ELB_5XX_Count",
            balancer,
            "Sum",
            ">",
            5,
        )
        self._alarm(
            "unhealthy-tasks", "a task doesn't answer", BALANCER, "UnHealthyHostCount", tasks, "Maximum", ">", 0
        )
        # When no task is registered at all, neither this metric nor the one of unhealthy tasks exists.
        self._alarm(
            "no-task",
            "no task is there to answer, the site is down",
            BALANCER,
            "HealthyHostCount",
            tasks,
            "Maximum",
            "<",
            1,
            period=60,
            missing="breaching",
        )

    def _of_the_database(self, instance: Database) -> None:
        settings = self._settings
        database = {"DBInstanceIdentifier": instance.name}
        self._alarm("database-cpu", "the database is busy", DATABASE, "CPUUtilization", database, "Average", ">", 80)
        self._alarm(
            "database-storage",
            "the database's storage is almost full",
            DATABASE,
            "FreeStorageSpace",
            database,
            "Minimum",
            "<",
            settings.database_storage * GIB // 10,
        )
        self._alarm(
            "database-connections",
            "the database is out of connections soon",
            DATABASE,
            "DatabaseConnections",
            database,
            "Maximum",
            ">",
            settings.connections * 8 // 10,
        )
        if settings.database_class.startswith("db.t"):
            self._alarm(
                "database-credits",
                "the database works more than its class includes, and AWS bills that by the hour; "
                "take a larger database-class",
                DATABASE,
                "CPUSurplusCreditsCharged",
                database,
                "Sum",
                ">",
                0,
            )

    def _alarm(
        self,
        name: str,
        meaning: str,
        namespace: str,
        metric: str,
        dimensions: dict[str, pulumi.Output[str]],
        statistic: str,
        comparison: Literal["<", ">"],
        threshold: float,
        *,
        period: int = 300,
        missing: Literal["breaching", "notBreaching"] = "notBreaching",
    ) -> None:
        """An alarm for when the statistic is beyond the threshold in three periods (in seconds) in a row."""
        settings = self._settings
        aws.cloudwatch.MetricAlarm(
            f"alarm-{name}",
            name=f"{settings.prefix}-{name}",
            alarm_description=f"{settings.prefix}: {meaning}",
            namespace=namespace,
            metric_name=metric,
            dimensions=dimensions,
            statistic=statistic,
            comparison_operator={">": "GreaterThanThreshold", "<": "LessThanThreshold"}[comparison],
            threshold=threshold,
            period=period,
            evaluation_periods=3,
            treat_missing_data=missing,
            alarm_actions=[self._topic],
            ok_actions=[self._topic],
            tags=tags(settings),
            opts=self._own,
        )
