"""A CloudWatch dashboard with the ten lines that matter: what visitors get, then what tasks and database have left.

Each process has one more, and each node of a cache two.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

import pulumi
import pulumi_aws as aws

from infra.cloud.address import Address
from infra.cloud.alarms import BALANCER, CACHE, DATABASE, TASKS, of_service
from infra.cloud.database import Database
from infra.cloud.settings import CloudSettings

WIDTH, HEIGHT = 12, 6  # of a graph; a dashboard has 24 columns


def dashboard(
    name: str,
    settings: CloudSettings,
    address: Address,
    service: pulumi.Output[str],
    database: Database,
    opts: pulumi.ResourceOptions,
) -> None:
    """The dashboard of a stack; `service` is the name of the web's service."""
    balancer = ("LoadBalancer", address.load_balancer)
    tasks = (*balancer, "TargetGroup", address.target_group)
    of_web = ("ClusterName", settings.prefix, "ServiceName", service)
    of_database = ("DBInstanceIdentifier", database.name)
    lines: list[tuple[str, str, str, tuple[pulumi.Input[str], ...], str]] = [
        ("Requests a minute", BALANCER, "RequestCount", balancer, "Sum"),
        ("Errors of the site a minute", BALANCER, "HTTPCode_Target_5XX_Count", tasks, "Sum"),
        ("Errors because no task answers, a minute", BALANCER, "HTTPCode_ELB_5XX_Count", balancer, "Sum"),
        ("Seconds that one answer in twenty exceeds", BALANCER, "TargetResponseTime", tasks, "p95"),
        ("Healthy tasks", BALANCER, "HealthyHostCount", tasks, "Minimum"),
        ("CPU of the tasks, per cent", TASKS, "CPUUtilization", of_web, "Average"),
        ("Memory of the tasks, per cent", TASKS, "MemoryUtilization", of_web, "Maximum"),
        ("CPU of the database, per cent", DATABASE, "CPUUtilization", of_database, "Average"),
        ("Connections to the database", DATABASE, "DatabaseConnections", of_database, "Maximum"),
        ("Free storage of the database, bytes", DATABASE, "FreeStorageSpace", of_database, "Minimum"),
    ]
    for process in settings.processes:
        dimensions = tuple(part for pair in of_service(settings, process).items() for part in pair)
        lines.append((f"CPU of {process}, per cent", TASKS, "CPUUtilization", dimensions, "Average"))
    for node in settings.cache_node_names:
        of_node = ("CacheClusterId", node)
        lines.append((f"CPU of the cache {node}, per cent", CACHE, "EngineCPUUtilization", of_node, "Average"))
        lines.append((f"Keys of the cache {node}", CACHE, "CurrItems", of_node, "Maximum"))
    widgets = [
        {
            "type": "metric",
            "x": number % 2 * WIDTH,
            "y": number // 2 * HEIGHT,
            "width": WIDTH,
            "height": HEIGHT,
            "properties": {
                "title": title,
                "metrics": [[namespace, metric, *dimensions]],
                "stat": statistic,
                "period": 60,
                "region": settings.region,
                "view": "timeSeries",
                "yAxis": {"left": {"min": 0}},
            },
        }
        for number, (title, namespace, metric, dimensions, statistic) in enumerate(lines)
    ]
    aws.cloudwatch.Dashboard(
        name,
        dashboard_name=settings.prefix,
        dashboard_body=pulumi.Output.json_dumps({"widgets": widgets}, sort_keys=True),
        opts=opts,
    )
