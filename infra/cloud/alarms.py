"""Alarms on what visitors notice first: errors, slow pages, tasks that don't answer, a database short of resources."""

from collections.abc import Mapping
from typing import Literal

import pulumi
import pulumi_aws as aws

from infra.cloud.address import Address
from infra.cloud.database import Database
from infra.cloud.events import tell_of_failures
from infra.cloud.network import Network
from infra.cloud.settings import CloudSettings
from infra.cloud.tags import tags

GIB = 2**30
BALANCER, DATABASE, TASKS = "AWS/ApplicationELB", "AWS/RDS", "AWS/ECS"
CACHE, MAIL = "AWS/ElastiCache", "AWS/SES"
SLOW = 2  # seconds that one answer in twenty may exceed
# Of answers in a minute, for two minutes. A good roll-out has none; and more would be too late for a small site.
ROLLBACK_ERRORS = 10


class Alarms(pulumi.ComponentResource):
    """CloudWatch alarms that notify an SNS topic, and `alarm-email` if it is set.

    There are ten at most, besides one for each process, one with schedules, two for each node of a cache and two with
    `mail: ses`; autoscaling creates two, and AWS's free tier has ten. Each says in its description what to do. Exposes
    `rollback`, the name of the alarm by which ECS goes back to the version before a roll-out.
    """

    def __init__(
        self,
        name: str,
        settings: CloudSettings,
        network: Network,
        address: Address,
        database: Database,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("django-stack:cloud:Alarms", name, None, opts)
        self._settings = settings
        self._own = own = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(name, name=f"{settings.prefix}-alarms", tags=tags(settings), opts=own)
        self._topic: pulumi.Output[str] = topic.arn
        policy = aws.sns.TopicPolicy(
            f"{name}-policy",
            arn=topic.arn,
            policy=pulumi.Output.json_dumps(_policy(topic.arn, network.account), sort_keys=True),
            opts=own,
        )
        if settings.alarm_email:
            aws.sns.TopicSubscription(
                f"{name}-email", topic=topic.arn, protocol="email", endpoint=settings.alarm_email, opts=own
            )
        self._of_the_site(address)
        self._of_the_database(database)
        self._of_the_processes()
        if settings.schedules:
            self._of_schedules()
        self._of_the_cache()
        if settings.mail == "ses":
            self._of_the_mail()
        tell_of_failures(settings, network, topic.arn, own)
        if settings.monthly_budget:
            self._of_the_bill(name, policy)
        self.register_outputs({"rollback": self.rollback})

    def _of_the_site(self, address: Address) -> None:
        balancer = {"LoadBalancer": address.load_balancer}
        tasks = {**balancer, "TargetGroup": address.target_group}
        # Tells nobody: the failed roll-out is told, and `errors` tells what lasts.
        rollback = self._alarm(
            "rollback",
            "the site answers with errors, so ECS ends a roll-out and goes back",
            "nothing while no roll-out is under way; else look for ERROR in the log and correct the code",
            BALANCER,
            "HTTPCode_Target_5XX_Count",
            tasks,
            "Sum",
            ">",
            ROLLBACK_ERRORS,
            period=60,
            periods=2,
            told=False,
        )
        self.rollback: pulumi.Output[str] = rollback.name
        self._alarm(
            "errors",
            "the site answers with errors",
            "look for ERROR in the log; if they began with a roll-out, go back to the version before",
            BALANCER,
            "HTTPCode_Target_5XX_Count",
            tasks,
            "Sum",
            ">",
            5,
        )
        self._alarm(
            "errors-of-the-balancer",
            "the load balancer answers with errors, because no task answers it",
            "see why tasks stopped in the events of the service; raise tasks-min or cpu if they are overloaded",
            BALANCER,
            "HTTPCode_ELB_5XX_Count",
            balancer,
            "Sum",
            ">",
            5,
        )
        self._alarm(
            "latency",
            f"one answer in twenty takes longer than {SLOW} seconds",
            "compare with the CPU of tasks and database on the dashboard, then raise cpu, tasks-max or database-class, "
            "or find the slow pages by duration_ms in the log",
            BALANCER,
            "TargetResponseTime",
            tasks,
            "p95",
            ">",
            SLOW,
        )
        self._alarm(
            "unhealthy-tasks",
            "a task doesn't answer its health check",
            "read the task's log; raise memory or cpu if it has too little",
            BALANCER,
            "UnHealthyHostCount",
            tasks,
            "Maximum",
            ">",
            0,
        )
        # When no task is registered at all, neither this metric nor the one of unhealthy tasks exists.
        self._alarm(
            "no-task",
            "no task is there to answer, the site is down",
            "see why tasks stopped in the events of the service and in their logs; go back to the version before",
            BALANCER,
            "HealthyHostCount",
            tasks,
            "Maximum",
            "<",
            1,
            period=60,
            missing="breaching",
        )

    def _of_the_processes(self) -> None:
        """AWS has this metric only while a task of the service runs:
        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
        """
        for name in self._settings.processes:
            self._alarm(
                f"no-task-of-{name}",
                f"no task of the process {name} runs",
                "see why tasks stopped in the events of the service and in their logs; go back to the version before",
                TASKS,
                "CPUUtilization",
                of_service(self._settings, name),
                "SampleCount",
                "<",
                1,
                period=60,
                periods=5,  # a single process has none while it is rolled out
                missing="breaching",
            )

    def _of_the_database(self, instance: Database) -> None:
        settings = self._settings
        database = {"DBInstanceIdentifier": instance.name}
        self._alarm(
            "database-cpu",
            "the database is busy",
            "find slow queries, or take a larger database-class",
            DATABASE,
            "CPUUtilization",
            database,
            "Average",
            ">",
            80,
        )
        self._alarm(
            "database-storage",
            "the database's storage is almost full",
            "raise database-storage-max or database-storage, or remove old data",
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
            "lower tasks-max, or take a larger database-class",
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
                "the database works more than its class includes, and AWS bills that by the hour",
                "find slow queries, or take a larger database-class",
                DATABASE,
                "CPUSurplusCreditsCharged",
                database,
                "Sum",
                ">",
                0,
            )

    def _of_schedules(self) -> None:
        """What EventBridge Scheduler gave up: a task that never was has no event.

        https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html
        """
        self._alarm(
            "schedule-not-started",
            "a schedule couldn't start its task, and its time was left out",
            "look for want of capacity or for a quota of Fargate; django-stack schedule run runs it now",
            "AWS/Scheduler",
            "InvocationDroppedCount",
            {"ScheduleGroup": pulumi.Output.from_input(self._settings.prefix)},
            "Sum",
            ">",
            0,
            periods=1,
        )

    def _of_the_cache(self) -> None:
        """Of each node. https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html"""
        for number, name in enumerate(self._settings.cache_node_names, start=1):
            node: dict[str, pulumi.Input[str]] = {"CacheClusterId": name}
            # AWS itself is connected always. A full cache is no reason: that is what eviction is for.
            self._alarm(
                f"cache-away-{number}",
                "the cache doesn't answer; the site goes on without it, but a broker in it is away, too",
                "see the events of ElastiCache; AWS replaces a node that failed, within minutes",
                CACHE,
                "CurrConnections",
                node,
                "Maximum",
                "<",
                1,
                missing="breaching",
            )
            self._alarm(
                f"cache-cpu-{number}",
                "the cache is busy",
                "find what asks it so often, or take a larger cache-class",
                CACHE,
                "EngineCPUUtilization",
                node,
                "Average",
                ">",
                80,
            )

    def _of_the_mail(self) -> None:
        """Of the whole account, which AWS judges: it stops sending at twice and five times these shares.

        https://docs.aws.amazon.com/ses/latest/dg/reputationdashboard-cloudwatch-alarm.html
        """
        for name, meaning, metric, threshold in (
            ("mail-bounces", "one mail in twenty comes back", "Reputation.BounceRate", 0.05),
            ("mail-complaints", "one reader in a thousand calls the mails spam", "Reputation.ComplaintRate", 0.001),
        ):
            self._alarm(
                name,
                f"{meaning}, and AWS may stop sending",
                "see to whom the site sends, and whether forms are misused",
                MAIL,
                metric,
                {},
                "Average",
                ">",
                threshold,
                period=3600,
                periods=1,
            )

    def _of_the_bill(self, name: str, policy: aws.sns.TopicPolicy) -> None:
        """A budget of the account, since AWS knows a stack's part only where its tags are activated for billing."""
        settings = self._settings
        aws.budgets.Budget(
            f"{name}-budget",
            name=f"{settings.prefix}-monthly",
            budget_type="COST",
            limit_amount=str(settings.monthly_budget),
            limit_unit="USD",
            time_unit="MONTHLY",
            notifications=[
                {
                    "comparison_operator": "GREATER_THAN",
                    "notification_type": kind,
                    "threshold": 100,
                    "threshold_type": "PERCENTAGE",
                    "subscriber_sns_topic_arns": [self._topic],
                }
                for kind in ("ACTUAL", "FORECASTED")
            ],
            tags=tags(settings),
            # AWS tries the topic before it takes it.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )

    def _alarm(
        self,
        name: str,
        meaning: str,
        action: str,
        namespace: str,
        metric: str,
        dimensions: Mapping[str, pulumi.Input[str]],
        statistic: Literal["Sum", "Average", "Minimum", "Maximum", "SampleCount", "p95"],
        comparison: Literal["<", ">"],
        threshold: float,
        *,
        period: int = 300,
        periods: int = 3,
        missing: Literal["breaching", "notBreaching"] = "notBreaching",
        told: bool = True,
    ) -> aws.cloudwatch.MetricAlarm:
        """An alarm for when the statistic is beyond the threshold in so many periods (in seconds) in a row."""
        settings = self._settings
        percentile = statistic == "p95"
        actions = [self._topic] if told else None
        return aws.cloudwatch.MetricAlarm(
            f"alarm-{name}",
            name=f"{settings.prefix}-{name}",
            alarm_description=f"{settings.prefix}: {meaning}. What to do: {action}.",
            namespace=namespace,
            metric_name=metric,
            dimensions=dimensions or None,
            statistic=None if percentile else statistic,
            extended_statistic=statistic if percentile else None,
            # A few slow answers in the night are no percentile.
            evaluate_low_sample_count_percentiles="ignore" if percentile else None,
            comparison_operator={">": "GreaterThanThreshold", "<": "LessThanThreshold"}[comparison],
            threshold=threshold,
            period=period,
            evaluation_periods=periods,
            treat_missing_data=missing,
            alarm_actions=actions,
            ok_actions=actions,
            tags=tags(settings),
            opts=self._own,
        )


def of_service(settings: CloudSettings, process: str) -> dict[str, pulumi.Input[str]]:
    """The dimensions of a process's metrics."""
    return {"ClusterName": settings.prefix, "ServiceName": f"{settings.prefix}-{process}"}


def _policy(topic: pulumi.Output[str], account: pulumi.Output[str]) -> dict[str, object]:
    """Who may send to the topic. EventBridge's own examples have no condition; the others know the account.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
    """
    sends = {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic}
    ours = {"StringEquals": {"aws:SourceAccount": account}}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Alarms", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Condition": ours, **sends},
            {"Sid": "Budgets", "Principal": {"Service": "budgets.amazonaws.com"}, "Condition": ours, **sends},
            {"Sid": "Events", "Principal": {"Service": "events.amazonaws.com"}, **sends},
        ],
    }
