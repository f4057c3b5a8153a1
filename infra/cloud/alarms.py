"""Alarms on what visitors notice first: errors, tasks that don't answer, and a database that runs out of something."""

from typing import cast

import pulumi
import pulumi_aws as aws

from infra.cloud.address import Address
from infra.cloud.database import Database
from infra.cloud.labels import tags
from infra.environment import AppEnvironment
from infra.settings import Settings

GIB = 2**30


class Alarms(pulumi.ComponentResource):
    """CloudWatch alarms that tell an SNS topic, and `alarm-email` when it's set. Five are within AWS's free tier."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        address: Address,
        environment: AppEnvironment,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("django-stack:cloud:Alarms", name, None, opts)
        self._settings = settings
        self._own = own = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(name, name=f"{settings.prefix}-alarms", tags=tags(settings), opts=own)
        self._topic: pulumi.Output[str] = topic.arn
        if settings.cloud.alarm_email:
            aws.sns.TopicSubscription(
                f"{name}-email", topic=topic.arn, protocol="email", endpoint=settings.cloud.alarm_email, opts=own
            )
        balancer = {"LoadBalancer": address.load_balancer}
        tasks = {**balancer, "TargetGroup": address.target_group}
        database = {"DBInstanceIdentifier": cast("Database", environment.database).name}
        cloud = settings.cloud
        self._alarm(
            "errors",
            "the site answers with errors",
            "AWS/ApplicationELB",
            "HTTPCode_Target_5XX_Count",
            tasks,
            "Sum",
            ">",
            5,
        )
        self._alarm(
            "unhealthy-tasks",
            "a task doesn't answer",
            "AWS/ApplicationELB",
            "UnHealthyHostCount",
            tasks,
            "Maximum",
            ">",
            0,
        )
        self._alarm("database-cpu", "the database is busy", "AWS/RDS", "CPUUtilization", database, "Average", ">", 80)
        self._alarm(
            "database-storage",
            "the database's storage is almost full",
            "AWS/RDS",
            "FreeStorageSpace",
            database,
            "Minimum",
            "<",
            cloud.database_storage * GIB // 10,
        )
        self._alarm(
            "database-connections",
            "the database is out of connections soon",
            "AWS/RDS",
            "DatabaseConnections",
            database,
            "Maximum",
            ">",
            cloud.connections * 8 // 10,
        )
        self.register_outputs({})

    def _alarm(
        self,
        name: str,
        meaning: str,
        namespace: str,
        metric: str,
        dimensions: dict[str, pulumi.Output[str]],
        statistic: str,
        comparison: str,
        threshold: float,
    ) -> None:
        """An alarm when the statistic of each of the last three five-minute spells is beyond the threshold."""
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
            period=300,
            evaluation_periods=3,
            treat_missing_data="notBreaching",
            alarm_actions=[self._topic],
            ok_actions=[self._topic],
            tags=tags(settings),
            opts=self._own,
        )
