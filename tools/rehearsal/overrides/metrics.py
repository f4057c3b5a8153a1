"""What load balancers and running tasks measure, and alarms on it. MiniStack measures nothing, and its alarms add up
all that has a metric's name, whatever the dimensions, and take no account of periods and of missing data.

Metrics of tasks, which exist while one runs:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
Metrics of load balancers: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
Alarms: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
Periods are a twentieth of those that an alarm has, so that nobody waits for nothing, and sums count five times: the
few visitors of a test make fewer requests in them than those of a site.
"""

import threading
import time
from collections.abc import Iterator
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import alb, cloudwatch, ecs

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace, target_health

FASTER = 20
SUMS = 5
BALANCER = "AWS/ApplicationELB"
BALANCERS_OWN = {502, 504}  # these, the app doesn't answer with
COMPARISONS = {
    "GreaterThanThreshold": lambda value, limit: value > limit,
    "GreaterThanOrEqualToThreshold": lambda value, limit: value >= limit,
    "LessThanThreshold": lambda value, limit: value < limit,
    "LessThanOrEqualToThreshold": lambda value, limit: value <= limit,
}


def apply(config: EmulatorConfig) -> None:
    """Measures each answer; counts targets and evaluates the alarms of AWS's own metrics twice a second."""
    forward = alb._forward_to_tg

    async def forward_to_tg(arn: str, *arguments: Any) -> Any:
        begun, none = time.monotonic(), not target_health._usable(arn)
        answer = await forward(arn, *arguments)
        _measure(arn, answer[0], time.monotonic() - begun, by_target=not none and answer[0] not in BALANCERS_OWN)
        return answer

    replace(alb, "_forward_to_tg", forward_to_tg)
    evaluate = cloudwatch._evaluate_alarm
    replace(
        cloudwatch,
        "_evaluate_alarm",
        lambda alarm: _evaluate(alarm) if str(alarm.get("Namespace")).startswith("AWS/") else evaluate(alarm),
    )
    threading.Thread(target=_watch, args=(config,), daemon=True, name="alarms").start()


def _measure(group: str, status: int, seconds: float, *, by_target: bool) -> None:
    for balancer in _balancers():
        whole = {"LoadBalancer": balancer}
        of_group = {**whole, "TargetGroup": group.rpartition(":")[2]}
        for dimensions in (whole, of_group):
            cloudwatch.record_metric(BALANCER, "RequestCount", 1, dimensions=dimensions)
            if by_target:
                cloudwatch.record_metric(BALANCER, f"HTTPCode_Target_{status // 100}XX_Count", 1, dimensions=dimensions)
                cloudwatch.record_metric(BALANCER, "TargetResponseTime", seconds, dimensions=dimensions)
        if not by_target:
            cloudwatch.record_metric(BALANCER, f"HTTPCode_ELB_{status // 100}XX_Count", 1, dimensions=whole)


def _balancers() -> list[str]:
    """The load balancers by their names in CloudWatch. A rehearsal has one, which asks every target group."""
    return [arn.partition(":loadbalancer/")[2] for arn in list(alb._lbs)]


def _watch(config: EmulatorConfig) -> None:
    while True:
        time.sleep(0.5)
        with request_scope(config.account, config.region):
            for group in list(alb._tgs.values()):
                _count(group)
            _measure_tasks()
            cloudwatch._evaluate_all_alarms()


def _count(group: dict[str, Any]) -> None:
    arn = group["TargetGroupArn"]
    states = [health.state for (owner, _, _), health in list(target_health.targets.items()) if owner == arn]
    if not states:  # neither metric is there then
        return
    for balancer in _balancers():
        dimensions = {"LoadBalancer": balancer, "TargetGroup": arn.rpartition(":")[2]}
        for metric, state in (("HealthyHostCount", "healthy"), ("UnHealthyHostCount", "unhealthy")):
            cloudwatch.record_metric(BALANCER, metric, states.count(state), dimensions=dimensions)


def _measure_tasks() -> None:
    """A measurement of each task of a service that runs; nobody looks at its CPU."""
    for task in list(ecs._tasks.values()):
        kind, _, service = str(task.get("group", "")).partition(":")
        if kind == "service" and task["lastStatus"] == "RUNNING":
            dimensions = {"ClusterName": task["clusterArn"].rpartition("/")[2], "ServiceName": service}
            cloudwatch.record_metric("AWS/ECS", "CPUUtilization", 1, dimensions=dimensions)


def _evaluate(alarm: dict[str, Any]) -> None:
    breaching = list(_periods(alarm))
    if None in breaching and alarm["TreatMissingData"] == "missing" and breaching.count(None) == len(breaching):
        state = "INSUFFICIENT_DATA"
    else:
        needed = alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"]
        state = "ALARM" if breaching.count(True) >= needed else "OK"
    if state != alarm["StateValue"]:
        before, reason = alarm["StateValue"], f"{breaching.count(True)} of {len(breaching)} datapoints are breaching"
        alarm |= {"StateValue": state, "StateReason": reason, "StateUpdatedTimestamp": int(time.time())}
        cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
        cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)


def _periods(alarm: dict[str, Any]) -> Iterator[bool | None]:
    """Whether each of the alarm's periods is breaching, the last first; None where there are no data."""
    length, now = alarm["Period"] / FASTER, time.time()
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
    key = (alarm["Namespace"], alarm["MetricName"], cloudwatch._dims_key(dimensions))
    points = [
        point
        for point in list(cloudwatch._metrics.get(key) or ())
        if point["Timestamp"] > now - length * alarm["EvaluationPeriods"]
    ]
    statistic = alarm.get("ExtendedStatistic") or alarm["Statistic"]
    missing = {"breaching": True, "notBreaching": False}.get(alarm["TreatMissingData"])
    for number in range(alarm["EvaluationPeriods"]):
        end = now - number * length
        inside = [point for point in points if end - length < point["Timestamp"] <= end]
        if inside:
            value = cloudwatch._stat_value(cloudwatch._calc_stats(inside), statistic, inside)
            value *= SUMS if statistic == "Sum" else 1
            yield bool(COMPARISONS[alarm["ComparisonOperator"]](value, alarm["Threshold"]))
        else:
            yield missing
