"""The sections of a cloud stack's status. A new one is a method here, and a line in `questions`."""

import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra import proxies
from infra.cloud.one_off_tasks import judge
from infra.cloud.sizes import DATABASE_CLASSES, connections
from infra.cloud.task_kinds import RELEASE
from infra.commands.operations import backup_checks
from infra.commands.operations.cloud_maintenance import CloudMaintenance
from infra.commands.operations.cloud_schedules import CloudSchedules
from infra.commands.operations.cloud_stack import CloudStack, explained
from infra.commands.operations.maintenance import maintenance_section
from infra.commands.operations.media import Count, count
from infra.commands.operations.schedules import schedules_section
from infra.commands.operations.services import cache_section, mail_section
from infra.commands.operations.status import ProcessStatus, Question, Section, ago, counted, size
from infra.dsn import S3DSN, DatabaseURL, DSNError

SECONDS = 20.0  # for all sections together
AWS_OWN = ".cloudfront.net"  # the end of host names whose certificates are AWS's own business
RENEWED = timedelta(days=20)  # before its end, a certificate should have been renewed: ACM does so at 60 days
BILLING_REGION = "us-east-1"  # the only one of Cost Explorer


class CloudStatus:
    """Asks AWS for the sections of a stack."""

    def __init__(self, stack: CloudStack, *, cost: bool) -> None:
        self._stack = stack
        self._asks_cost = cost

    def questions(self) -> dict[str, Question]:
        """The sections by name."""
        found: dict[str, Question] = {
            "database": self._database,
            "media": self._media,
            "cache": lambda: cache_section(self._stack.environment),
            "mail": lambda: mail_section(self._stack.environment),
            "release": self._release,
            "schedules": lambda: schedules_section(CloudSchedules(self._stack).all()),
            "backup_check": self._backup_check,
            "alarms": self._alarms,
            "maintenance": lambda: maintenance_section(CloudMaintenance(self._stack).look()),
            "certificate": self._certificate,
        }
        if self._asks_cost:
            found["cost"] = self._cost
        return {name: explained(question) for name, question in found.items()}

    def processes(self) -> list[ProcessStatus]:
        """The stack's services by what follows the stack in their names, the web first."""
        ecs, prefix = self._stack.client("ecs"), f"{self._stack.prefix}-"
        pages = ecs.get_paginator("list_services").paginate(cluster=self._stack.prefix)
        names = {str(arn).rpartition("/")[2] for page in pages for arn in page["serviceArns"]}
        others = sorted(names - {self._stack.service["serviceName"]})
        found = [self._stack.service]
        for first in range(0, len(others), 10):  # as many as one call takes
            answer = ecs.describe_services(cluster=self._stack.prefix, services=others[first : first + 10])
            found += [one for one in answer["services"] if one["status"] == "ACTIVE"]
        return [
            ProcessStatus(
                one["serviceName"].removeprefix(prefix), one["runningCount"], one["desiredCount"], self._health(one)
            )
            for one in found
        ]

    def _health(self, service: dict[str, Any]) -> str:
        if primary_deployment(service).get("rolloutState") == "IN_PROGRESS":
            return "rolling out"
        groups = [one["targetGroupArn"] for one in service.get("loadBalancers", [])]
        if not groups:
            return "running" if service["runningCount"] else "stopped"
        states: list[str] = []
        for group in groups:
            answer = self._stack.client("elbv2").describe_target_health(TargetGroupArn=group)
            states += [one["TargetHealth"]["State"] for one in answer["TargetHealthDescriptions"]]
        return "healthy" if "healthy" in states else "unhealthy"

    def _database(self) -> Section | None:
        """Version, size, connections and last backup of the instance whose address the app has."""
        host = DatabaseURL.parse(self._stack.variable("DATABASE_URL")).host
        pages = self._stack.client("rds").get_paginator("describe_db_instances").paginate()
        instances = (one for page in pages for one in page["DBInstances"])
        found = next((one for one in instances if one.get("Endpoint", {}).get("Address") == host), None)
        if not found:
            return Section(f"no instance of RDS in {self._stack.account.region} has the address {host}")
        kind, state = str(found["DBInstanceClass"]), str(found["DBInstanceStatus"])
        facts: dict[str, object] = {
            "version": found["EngineVersion"],
            "class": kind,
            "status": state,
            "allocated_bytes": found["AllocatedStorage"] * 2**30,
        }
        words = [f"PostgreSQL {found['EngineVersion']}", kind, f"{found['AllocatedStorage']} GiB"]
        words += [] if state == "available" else [state]
        measured = self._measured(found["DBInstanceIdentifier"])
        if (free := measured.get("FreeStorageSpace")) is not None:
            facts["free_bytes"] = int(free)
            words.append(f"{size(free)} free")
        if (number := measured.get("DatabaseConnections")) is not None:
            facts["connections"] = int(number)
            most = connections(kind) if kind in DATABASE_CLASSES else None
            facts["max_connections"] = most
            words.append(f"{number:.0f} of {most} connections" if most else counted(int(number), "connection"))
        if latest := found.get("LatestRestorableTime"):
            facts["restorable_until"] = latest.isoformat(timespec="seconds")
            words.append(f"backed up {ago(latest)}")
        else:
            words.append("no backup")
        return Section(", ".join(words), facts, is_well=state not in {"failed", "storage-full", "stopped"})

    def _measured(self, instance: str) -> dict[str, float]:
        """The last values of RDS's metrics, as far as CloudWatch has them and may be asked."""
        names = ("DatabaseConnections", "FreeStorageSpace")
        dimension = {"Name": "DBInstanceIdentifier", "Value": instance}
        try:
            return self._metrics("AWS/RDS", {name: [dimension] for name in names}, timedelta(minutes=15), 60)
        except (BotoCoreError, ClientError):
            return {}

    def _metrics(
        self, namespace: str, names: dict[str, list[dict[str, str]]], since: timedelta, period: int
    ) -> dict[str, float]:
        """The last average of each metric, whose dimensions are given; none for one without data."""
        now = datetime.now(UTC)
        queries = [
            {
                "Id": name[0].lower() + name[1:],
                "MetricStat": {
                    "Metric": {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions},
                    "Period": period,
                    "Stat": "Average",
                },
            }
            for name, dimensions in names.items()
        ]
        answer = self._stack.client("cloudwatch").get_metric_data(
            MetricDataQueries=queries, StartTime=now - since, EndTime=now, ScanBy="TimestampDescending"
        )
        results = {one["Id"]: one["Values"] for one in answer["MetricDataResults"]}
        return {name: results[key][0] for name in names if results.get(key := name[0].lower() + name[1:])}

    def _media(self) -> Section | None:
        """What is in the bucket; if that is a lot, what CloudWatch counted, once a day."""
        try:
            dsn = S3DSN.parse(self._stack.variable("DEFAULT_STORAGE_DSN"))
        except DSNError as error:
            raise RuntimeError(f"DEFAULT_STORAGE_DSN: {error}") from None
        foreign = bool(dsn.access_key or dsn.endpoint_url)
        counted_now = count(dsn, None if foreign else self._stack.client("s3", dsn.region))
        if foreign or not counted_now.is_least:
            return counted_now.section()

        def of(kind: str) -> list[dict[str, str]]:
            return [{"Name": "BucketName", "Value": dsn.bucket}, {"Name": "StorageType", "Value": kind}]

        names = {"NumberOfObjects": of("AllStorageTypes"), "BucketSizeBytes": of("StandardStorage")}
        daily = self._metrics("AWS/S3", names, timedelta(days=3), 86400)
        if len(daily) < len(names):
            return counted_now.section()
        return Count(int(daily["NumberOfObjects"]), int(daily["BucketSizeBytes"])).section(" at the last daily count")

    def _release(self) -> Section | None:
        """How the last task of a release ended. ECS knows ended tasks for about an hour."""
        ecs, cluster = self._stack.client("ecs"), self._stack.prefix
        arns = [
            arn
            for status in ("RUNNING", "STOPPED")
            for arn in ecs.list_tasks(cluster=cluster, startedBy=RELEASE, desiredStatus=status)["taskArns"]
        ]
        if not arns:
            return Section("none in the last hour; that of the running version succeeded", {"result": None})
        tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]
        last = max(tasks, key=lambda task: task["createdAt"])
        if last["lastStatus"] != "STOPPED":
            return Section(f"running, begun {ago(last['createdAt'])}", {"result": "running"})
        how = judge(last, self._stack.container["name"])
        ended = last.get("stoppedAt") or last["createdAt"]
        facts = {"result": how or "succeeded", "ended": ended.isoformat(timespec="seconds")}
        return Section(f"{how or 'succeeded'} {ago(ended)}", facts, is_well=not how)

    def _backup_check(self) -> Section:
        check = backup_checks.read_metric(self._stack.client("cloudwatch"), self._stack.prefix)
        return check.section() if check else backup_checks.never(self._stack.name)

    def _alarms(self) -> Section | None:
        pages = (
            self._stack.client("cloudwatch")
            .get_paginator("describe_alarms")
            .paginate(AlarmNamePrefix=f"{self._stack.prefix}-", StateValue="ALARM")
        )
        # The names of another stack may begin in the same way; what an alarm notifies is this stack's own.
        topic = f":{self._stack.prefix}-alarms"
        ringing = [
            str(alarm["AlarmName"])
            for page in pages
            for alarm in page["MetricAlarms"]
            if any(str(action).endswith(topic) for action in alarm["AlarmActions"])
        ]
        return Section(", ".join(ringing) or "none rings", {"ringing": ringing}, is_well=not ringing)

    def _certificate(self) -> Section | None:
        """The end of the certificate that visitors of an own domain get."""
        host = self._stack.variable("DOMAIN")
        if host.endswith(AWS_OWN):
            return None
        end = certificate_end(host)
        left = end - datetime.now(UTC)
        return Section(
            f"valid until {end:%Y-%m-%d}, for {counted(left.days, 'day')}",
            {"until": end.isoformat()},
            is_well=left > RENEWED,
        )

    def _cost(self) -> Section | None:
        """What AWS has counted this month of what carries the stack's tag."""
        today = datetime.now(UTC).date()
        first = today.replace(day=1)
        tags = {"django-stack.project": self._stack.names.project, "django-stack.stack": self._stack.name}
        answer = self._stack.client("ce", BILLING_REGION).get_cost_and_usage(
            TimePeriod={"Start": f"{first}", "End": f"{today + timedelta(days=1)}"},
            Granularity="MONTHLY",
            Metrics=["UnblendedCost"],
            Filter={"And": [{"Tags": {"Key": key, "Values": [value]}} for key, value in tags.items()]},
        )
        totals = [one["Total"]["UnblendedCost"] for one in answer["ResultsByTime"] if one.get("Total")]
        amount = sum(float(one["Amount"]) for one in totals)
        unit = str(totals[0]["Unit"]) if totals else "USD"
        text = f"{amount:.2f} {unit} since {first}"
        if not amount:
            text += "; AWS counts a stack's only when its tags are activated for billing (docs/costs.md)"
        return Section(text, {"amount": round(amount, 2), "unit": unit, "since": f"{first}"})


def certificate_end(host: str) -> datetime:
    """Until when the certificate that a host shows is valid. Raises OSError, also for one that isn't valid."""
    context = ssl.create_default_context()
    with (
        proxies.connect(host, 443, 10) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        found = connection.getpeercert() or {}
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(found["notAfter"])), UTC)


def primary_deployment(service: dict[str, Any]) -> dict[str, Any]:
    """The deployment that a service runs or moves to; empty when ECS names none."""
    return next((dict(one) for one in service["deployments"] if one["status"] == "PRIMARY"), {})
